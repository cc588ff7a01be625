/** The ONNX graph being written: nodes, initialisers, and names that are never given twice. */
import type { DType, OnnxAttrs, Shape } from '@hebb/core';
import { convert } from '@hebb/core';
import { makeAttribute } from '../codec/attributes.ts';
import { tensorToProto } from '../codec/tensor.ts';
import type { TensorData } from '../codec/tensor.ts';
import type { AttributeProto, GraphProto, TensorProto } from '../codec/types.ts';

/** One node on its way; names are final, '' is an input left out. */
export interface DraftNode {
  op: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: AttributeProto[];
  /** Values from around them that subgraphs of this node read. */
  readonly captured?: readonly string[];
}

/** Names of values and nodes, unique throughout the model. */
export class Names {
  readonly #used = new Set<string>();

  /** Reserves a name that must be exactly this; false when it is taken. */
  reserve(name: string): boolean {
    if (this.#used.has(name)) return false;
    this.#used.add(name);
    return true;
  }

  fresh(base: string): string {
    const stem = base === '' ? 'value' : base;
    let name = stem;
    for (let k = 1; this.#used.has(name); k++) name = `${stem}_${k}`;
    this.#used.add(name);
    return name;
  }
}

/**
 * The path of the layer and the operator. Of an imported model the path is the name that the node had: it
 * keeps it, however often it goes round.
 */
function nodeName(path: string, op: string): string {
  const last = path.slice(path.lastIndexOf('/') + 1).replace(/(_\d+)+$/, '');
  return last === op ? path : path === '' ? op : `${path}/${op}`;
}

export class GraphWriter {
  readonly names: Names;
  readonly nodes: DraftNode[] = [];
  /** Constants of this graph; those of a subgraph lie in the graph around it. */
  readonly initializers: Map<string, TensorData>;
  readonly #constants: Map<string, string>;

  constructor(outer?: GraphWriter) {
    this.names = outer?.names ?? new Names();
    this.initializers = outer?.initializers ?? new Map<string, TensorData>();
    this.#constants = outer === undefined ? new Map<string, string>() : outer.#constants;
  }

  node(
    op: string,
    path: string,
    inputs: readonly string[],
    attributes: AttributeProto[],
    count: number,
    captured?: readonly string[],
  ): string[] {
    const name = this.names.fresh(nodeName(path, op));
    const outputs = Array.from({ length: count }, (_, i) =>
      this.names.fresh(i === 0 ? `${name}_output` : `${name}_output_${i}`),
    );
    const trimmed = [...inputs];
    while (trimmed.at(-1) === '') trimmed.pop();
    this.nodes.push({
      op,
      name,
      inputs: trimmed,
      outputs,
      attributes,
      ...(captured === undefined ? {} : { captured }),
    });
    return outputs;
  }

  /** A small constant, written once however often it is asked for. */
  constant(
    values: readonly (number | bigint)[],
    shape: Shape,
    dtype: DType,
    hint = 'const',
  ): string {
    const key = `${dtype}[${shape.join(',')}](${values.map((v) => (Object.is(v, -0) ? '-0' : v)).join(',')})`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.names.fresh(hint);
    const data = convert(values, dtype);
    this.initializers.set(name, { name, dtype, shape: [...shape], data } as TensorData);
    this.#constants.set(key, name);
    return name;
  }
}

/** Attributes as the protocol has them: integers unless marked as floats. */
export function attributesOf(attrs: OnnxAttrs): AttributeProto[] {
  const result: AttributeProto[] = [];
  for (const [name, value] of Object.entries(attrs)) {
    if (value === undefined) continue;
    if (typeof value === 'string') result.push(makeAttribute(name, { type: 'string', value }));
    else if (typeof value === 'number') result.push(makeAttribute(name, { type: 'int', value }));
    else if ('float' in value) {
      const { float } = value;
      result.push(
        typeof float === 'number'
          ? makeAttribute(name, { type: 'float', value: Math.fround(float) })
          : makeAttribute(name, { type: 'floats', value: float.map(Math.fround) }),
      );
    } else if ('strings' in value) {
      result.push(makeAttribute(name, { type: 'strings', value: value.strings }));
    } else result.push(makeAttribute(name, { type: 'ints', value }));
  }
  return result;
}

/** The graph's nodes and the initialisers they use as messages. */
export function nodesOf(nodes: readonly DraftNode[]): GraphProto['node'] {
  return nodes.map((node) => ({
    input: node.inputs,
    output: node.outputs,
    name: node.name,
    opType: node.op,
    attribute: node.attributes,
    metadataProps: [],
    deviceConfigurations: [],
  }));
}

export function initializersOf(initializers: ReadonlyMap<string, TensorData>): TensorProto[] {
  return [...initializers].map(([name, tensor]) => tensorToProto({ ...tensor, name }));
}
