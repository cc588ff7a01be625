/** The code of a cluster, value by value from its outputs down to loads. */
import { fail } from '@hebb/core';
import type { DType } from '@hebb/core';
import { indexKey, substitute, variableIndex, zeroIndex } from './affine.ts';
import type { Cluster } from './cluster.ts';
import { constantOf } from './dag.ts';
import type { Value } from './dag.ts';
import { elementCost, isElementwise } from './elementwise.ts';
import { gatherCoords, reductionCoords } from './placing.ts';
import type { Grouping } from './group.ts';
import type { Condition, Defining, Index } from './ir.ts';
import { isGather, isReduction } from './kinds.ts';
import { isMovement, moveBack, ravel } from './movement.ts';
import { COPY } from './simplify.ts';
import { stridedView } from './views.ts';

/** An instruction that defines a value; its position in the list is its id. */
export interface Code {
  readonly instruction: Defining;
  readonly args: readonly number[];
  /** Depends on an inner loop. */
  readonly inner: boolean;
  /**
   * Number of the stage that can compute it first: reductions of inner stage p are known in outer stage
   * p + 1.
   */
  readonly phase: number;
  readonly cost: number;
}

export interface Write {
  readonly buffer: number;
  readonly index: Index;
  readonly arg: number;
}

export interface Body {
  readonly code: Code[];
  readonly writes: readonly Write[];
  readonly name: string;
  readonly paths: readonly string[];
}

export interface EmitContext {
  readonly grouping: Grouping;
  readonly bufferOf: (value: Value) => number;
}

/** The cluster's code over its own loops, or over the axes of its routine's result. `undefined`: cannot be written there. */
export function emitBody(cluster: Cluster, context: EmitContext): Body | undefined {
  const emitter = new Emitter(cluster, context);
  return emitter.run();
}

class Unwritable extends Error {}

const keyOf = (conditions: readonly Condition[]): string =>
  conditions.map(({ index, low, high }) => `${indexKey(index)}[${low},${high})`).join('&');

type WithoutId<I> = I extends Defining ? Omit<I, 'id'> : never;
type Draft = WithoutId<Defining>;

class Emitter {
  readonly #cluster: Cluster;
  readonly #context: EmitContext;
  readonly #sizes: readonly number[];
  readonly #inner: ReadonlySet<number>;
  readonly #code: Code[] = [];
  readonly #known = new Map<string, number>();
  readonly #values = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #paths = new Set<string>();

  constructor(cluster: Cluster, context: EmitContext) {
    this.#cluster = cluster;
    this.#context = context;
    this.#sizes = cluster.rebase === undefined ? cluster.sizes : cluster.routine!.outputs[0]!.shape;
    this.#inner = new Set(cluster.rebase === undefined ? cluster.inner : []);
  }

  run(): Body | undefined {
    const { rebase, outputs, routine } = this.#cluster;
    const move = (coords: readonly Index[]): readonly Index[] =>
      rebase === undefined
        ? coords
        : coords.map((x) => substitute(x, rebase, this.#sizes) ?? unwritable());
    try {
      if (routine !== undefined) this.#paths.add(routine.path);
      const writes = outputs.map(({ value, coords, target, place }) => {
        const arg = this.#eval(value, move(coords), []);
        if (target !== value) this.#paths.add(target.node.path);
        return {
          buffer: this.#context.bufferOf(target),
          index: ravel(move(place), target.shape, this.#sizes),
          arg,
        };
      });
      this.#paths.delete('');
      return {
        code: this.#code,
        writes,
        name: this.#names.length === 0 ? 'copy' : this.#names.join('+'),
        paths: [...this.#paths],
      };
    } catch (error) {
      if (error instanceof Unwritable) return undefined;
      throw error;
    }
  }

  #eval(value: Value, coords: readonly Index[], conditions: readonly Condition[]): number {
    const constant = constantOf(value);
    if (constant !== undefined) return this.#constant(constant, value.dtype);
    const key = `${value.id}@${coords.map(indexKey).join(',')}?${keyOf(conditions)}`;
    let id = this.#values.get(key);
    if (id === undefined) {
      id = this.#compute(value, coords, conditions);
      this.#values.set(key, id);
    }
    return id;
  }

  #compute(value: Value, coords: readonly Index[], conditions: readonly Condition[]): number {
    const { node } = value;
    const { op } = node;
    if (!this.#context.grouping.state(value).inline.has(this.#cluster)) {
      return this.#load(value, coords, conditions);
    }
    if (op === 'iota') {
      return this.#add({ op: 'index', dtype: value.dtype, index: coords[0]! }, []);
    }
    if (isMovement(op)) return this.#move(value, coords, conditions);
    this.#paths.add(node.path);
    if (op === COPY) return this.#eval(node.inputs[0]!, coords, conditions);
    if (isElementwise(op)) {
      const args = node.inputs.map((x) => this.#eval(x, coords, conditions));
      this.#name(op);
      return this.#add({ op: 'apply', dtype: value.dtype, name: op, args }, args);
    }
    if (isReduction(op)) {
      const inner = reductionCoords(value, this.#cluster, coords) ?? unwritable();
      const arg = this.#eval(node.inputs[0]!, inner, conditions);
      this.#name(op);
      return this.#add(
        op === 'argmax' || op === 'argmin'
          ? { op: 'argreduce', dtype: value.dtype, name: op, arg }
          : { op: 'reduce', dtype: value.dtype, name: op as 'sum' | 'prod' | 'max' | 'min', arg },
        [arg],
      );
    }
    if (isGather(op)) return this.#gather(value, coords, conditions);
    if (node === this.#cluster.routine) {
      return this.#add({ op: 'result', dtype: value.dtype, output: value.output }, []);
    }
    fail(op, 'is not code that a loop can hold');
  }

  #load(value: Value, coords: readonly Index[], conditions: readonly Condition[]): number {
    return this.#add(
      {
        op: 'load',
        dtype: value.dtype,
        buffer: this.#context.bufferOf(value),
        index: ravel(coords, value.shape, this.#sizes),
        ...(conditions.length === 0 ? {} : { conditions }),
      },
      [],
    );
  }

  #move(value: Value, coords: readonly Index[], conditions: readonly Condition[]): number {
    const { node } = value;
    const input = node.inputs[0]!;
    const place =
      moveBack(node.op, node.attrs, coords, value.shape, input.shape, this.#sizes) ?? unwritable();
    if (place.conditions.length === 0) return this.#eval(input, place.coords, conditions);
    const all = mergeConditions(conditions, place.conditions);
    const fill = place.fill ?? 0;
    const id = this.#eval(input, place.coords, all);
    const { instruction } = this.#code[id]!;
    if (instruction.op === 'load' && instruction.conditions !== undefined) {
      // Outside the outer conditions the value does not matter, so the load may yield the fill there too.
      if (instruction.otherwise === undefined) {
        const { id: _, ...rest } = instruction;
        return this.#add({ ...rest, otherwise: fill }, []);
      }
      if (Object.is(instruction.otherwise, fill)) return id;
    }
    if (instruction.op === 'const' && Object.is(instruction.value, fill)) return id;
    const args = [
      this.#add({ op: 'inside', dtype: 'bool', conditions: place.conditions }, []),
      id,
      this.#constant(fill, value.dtype),
    ];
    return this.#add({ op: 'apply', dtype: value.dtype, name: 'where', args }, args);
  }

  #gather(value: Value, coords: readonly Index[], conditions: readonly Condition[]): number {
    const { node } = value;
    const [source, index] = node.inputs as [Value, Value];
    const axis = node.attrs['axis'] as number;
    const at = this.#eval(index, gatherCoords(value, coords), conditions);
    const { base, strides, offset } = stridedView(source);
    const places =
      node.op === 'gatherElements'
        ? coords.map((coord, i) => (i === axis ? zeroIndex : coord))
        : [...coords.slice(0, axis), zeroIndex, ...coords.slice(axis + index.shape.length)];
    const flat = places.reduce(
      (sum, coord, i) => ({
        offset: sum.offset + coord.offset * strides[i]!,
        terms: [
          ...sum.terms,
          ...coord.terms.map((t) => ({ ...t, stride: t.stride * strides[i]! })),
        ],
      }),
      { offset, terms: [] } as Index,
    );
    const canonical =
      substitute(
        flat,
        this.#sizes.map((_, v) => variableIndex(v, this.#sizes)),
        this.#sizes,
      ) ?? unwritable();
    this.#name(node.op);
    return this.#add(
      {
        op: 'gather',
        dtype: value.dtype,
        buffer: this.#context.bufferOf(base),
        index: canonical,
        at,
        stride: strides[axis]!,
        size: source.shape[axis]!,
        ...(conditions.length === 0 ? {} : { conditions }),
      },
      [at],
    );
  }

  #constant(value: number | bigint, dtype: DType): number {
    return this.#add({ op: 'const', dtype, value }, []);
  }

  #name(op: string): void {
    if (this.#names.length < 12) this.#names.push(op);
    else if (this.#names.length === 12) this.#names.push('…');
  }

  #add(draft: Draft, args: readonly number[]): number {
    const key = draftKey(draft);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.#code.length;
    let phase = 0;
    let inner = this.#varies(draft);
    for (const arg of args) {
      const { inner: i, phase: p } = this.#code[arg]!;
      inner ||= i;
      phase = Math.max(phase, p);
    }
    if (draft.op === 'reduce' || draft.op === 'argreduce') {
      inner = false;
      phase += 1;
    }
    this.#code.push({ instruction: { ...draft, id }, args, inner, phase, cost: costOf(draft) });
    this.#known.set(key, id);
    return id;
  }

  /** Whether the instruction itself, not its arguments, depends on an inner loop. */
  #varies(draft: Draft): boolean {
    const depends = (index: Index): boolean =>
      index.terms.some(({ variable }) => this.#inner.has(variable));
    if ('index' in draft && depends(draft.index)) return true;
    return 'conditions' in draft && (draft.conditions ?? []).some(({ index }) => depends(index));
  }
}

function costOf(draft: Draft): number {
  switch (draft.op) {
    case 'apply':
      return elementCost(draft.name);
    case 'gather':
      return 4;
    case 'const':
    case 'load':
      return 0;
    default:
      return 1;
  }
}

function unwritable(): never {
  throw new Unwritable();
}

function mergeConditions(a: readonly Condition[], b: readonly Condition[]): readonly Condition[] {
  if (a.length === 0) return b;
  const keys = new Set(a.map((condition) => keyOf([condition])));
  return [...a, ...b.filter((condition) => !keys.has(keyOf([condition])))];
}

const numberKey = (x: number | bigint): string =>
  typeof x === 'bigint' ? `${x}n` : Object.is(x, -0) ? '-0' : String(x);

function draftKey(draft: Draft): string {
  switch (draft.op) {
    case 'load':
      return `l${draft.buffer}:${indexKey(draft.index)}?${keyOf(draft.conditions ?? [])}:${
        draft.otherwise === undefined ? '' : numberKey(draft.otherwise)
      }`;
    case 'const':
      return `c${draft.dtype}${numberKey(draft.value)}`;
    case 'index':
      return `i${draft.dtype}${indexKey(draft.index)}`;
    case 'inside':
      return `?${keyOf(draft.conditions)}`;
    case 'gather':
      return `g${draft.buffer}:${indexKey(draft.index)}@${draft.at}*${draft.stride}?${keyOf(draft.conditions ?? [])}`;
    case 'apply':
      return `${draft.name}:${draft.dtype}(${draft.args.join(',')})`;
    case 'reduce':
    case 'argreduce':
      return `${draft.name}(${draft.arg})`;
    case 'result':
      return `r${draft.output}`;
  }
}
