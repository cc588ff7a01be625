/** The graph while it is rewritten: nodes that know their inputs, made once for equal computations. */
import { attrsKey, fail, primitives, sameShape } from '@hebb/core';
import type { Attrs, Aval, DType, Op, Shape } from '@hebb/core';
import { rewrite } from './rules/index.ts';

export interface Value {
  /** Numbers grow in topological order. */
  readonly id: number;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly node: DagNode;
  readonly output: number;
}

export interface DagNode {
  readonly id: number;
  /** Name of a primitive, `input`, `unwindow`, or the composite's when `record` is one. */
  readonly op: string;
  /** Set for composites that the backend claimed. */
  readonly record: Op | undefined;
  readonly attrs: Attrs;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly path: string;
}

const records = new Map(primitives.map((op) => [op.name, op]));

export class Builder {
  readonly nodes: DagNode[] = [];
  /** Path of the layer that new nodes belong to. */
  path = '';
  readonly #known = new Map<string, DagNode>();
  #values = 0;

  input(aval: Aval, position: number): Value {
    return this.#add('input', undefined, { position }, [], [aval]).outputs[0]!;
  }

  /** A node as it is given, or the equal one that exists. */
  raw(
    op: string,
    inputs: readonly Value[],
    attrs: Attrs,
    avals: readonly Aval[],
    record?: Op,
  ): DagNode {
    const key = `${op}${record === undefined ? '' : `#${record.uid}`}(${inputs.map((x) => x.id).join(',')})${attrsKey(attrs)}`;
    let node = this.#known.get(key);
    if (node === undefined) {
      node = this.#add(op, record, attrs, inputs, avals);
      this.#known.set(key, node);
    }
    return node;
  }

  /** The value of a primitive with one output, simplified. */
  make(op: string, inputs: readonly Value[], attrs: Attrs = {}, aval?: Aval): Value {
    const out = aval ?? records.get(op)?.infer(inputs, attrs)[0] ?? fail(op, 'unknown primitive');
    return rewrite(this, op, inputs, attrs, out) ?? this.raw(op, inputs, attrs, [out]).outputs[0]!;
  }

  full(shape: Shape, value: number | bigint, dtype: DType): Value {
    return this.raw('full', [], { shape: [...shape], value, dtype }, [{ shape, dtype }])
      .outputs[0]!;
  }

  reshape(x: Value, shape: Shape): Value {
    return sameShape(x.shape, shape)
      ? x
      : this.make('reshape', [x], { shape: [...shape] }, { shape, dtype: x.dtype });
  }

  expand(x: Value, shape: Shape): Value {
    return sameShape(x.shape, shape)
      ? x
      : this.make('expand', [x], { shape: [...shape] }, { shape, dtype: x.dtype });
  }

  #add(
    op: string,
    record: Op | undefined,
    attrs: Attrs,
    inputs: readonly Value[],
    avals: readonly Aval[],
  ): DagNode {
    const outputs: Value[] = [];
    const node: DagNode = {
      id: this.nodes.length,
      op,
      record,
      attrs,
      inputs,
      outputs,
      path: this.path,
    };
    avals.forEach(({ dtype, shape }, output) =>
      outputs.push({ id: this.#values++, dtype, shape, node, output }),
    );
    this.nodes.push(node);
    return node;
  }
}

/** The number that every element of the value is, if that is known. */
export function constantOf(x: Value): number | bigint | undefined {
  return x.node.op === 'full' ? (x.node.attrs['value'] as number | bigint) : undefined;
}
