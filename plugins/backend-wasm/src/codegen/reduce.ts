/** Accumulators of reductions: single values, or four lanes that are brought together at the end. */
import { dtypeInfo, isFloat } from '@hebb/core';
import type { DType } from '@hebb/core';
import type { Instruction } from '@hebb/compiler';
import { f32x4, f64, i32, i32x4, i64, f32, select, v128 } from '../wasm/index.ts';
import type { Code, F32, F64, FunctionBuilder, I32, I64, Local, V128 } from '../wasm/index.ts';
import { wrapLanes } from './cast.ts';
import { constantScalar } from './scalar.ts';
import { applyScalar } from './scalar.ts';
import type { OpContext } from './scalar.ts';
import { isUnsigned, laneType, scalarType, wrapScalar } from './types.ts';
import { applyLanes, constantLanes, extractLane } from './vector.ts';

export type Reduce = Extract<Instruction, { readonly op: 'reduce' }>;
export type ArgReduce = Extract<Instruction, { readonly op: 'argreduce' }>;

function lowest(dtype: DType): number | bigint {
  return isFloat(dtype) ? -Infinity : dtypeInfo(dtype).min;
}
function highest(dtype: DType): number | bigint {
  return isFloat(dtype) ? Infinity : dtypeInfo(dtype).max;
}

function identity(name: Reduce['name'], dtype: DType): number | bigint {
  switch (name) {
    case 'sum':
      return 0;
    case 'prod':
      return 1;
    case 'max':
      return lowest(dtype);
    case 'min':
      return highest(dtype);
  }
}

/** The elementwise primitive that combines two values. */
const combiner = { sum: 'add', prod: 'mul', max: 'maximum', min: 'minimum' } as const;
/** Of bool: any and all. */
const boolCombiner = { sum: 'or', prod: 'and', max: 'or', min: 'and' } as const;

function combine(name: Reduce['name'], dtype: DType): string {
  return dtype === 'bool' ? boolCombiner[name] : combiner[name];
}

/** Lanes that exist, as a mask. */
export const laneMask = (count: number): V128 =>
  v128.constI32x4(...[0, 1, 2, 3].map((lane) => (lane < count ? -1 : 0)));

/** The running value of one reduction. */
export class Accumulator {
  readonly #context: OpContext;
  readonly #name: string;
  readonly #dtype: DType;
  readonly #vector: boolean;
  readonly #local: Local;
  /**
   * Lanes that have met a NaN. The machine's maximum drops it, and WebAssembly's, which keeps it, takes
   * eight instructions on x86; a comparison beside the machine's takes three together.
   */
  readonly #nan: Local<'v128'> | undefined;

  constructor(context: OpContext, { name, dtype }: Reduce, vector: boolean) {
    const { f } = context;
    const start = identity(name, dtype);
    this.#context = context;
    this.#name = combine(name, dtype);
    this.#dtype = dtype;
    this.#vector = vector;
    const initial = vector ? constantLanes(dtype, start) : constantScalar(dtype, start);
    this.#local = f.local(initial.type, initial);
    const ordered = (name === 'max' || name === 'min') && laneType(dtype) === 'f32';
    this.#nan = vector && ordered ? f.local('v128', i32x4.const(0)) : undefined;
  }

  /** The result so far, or its lanes. */
  value(): Code {
    if (this.#nan === undefined) return this.#local;
    const lanes = this.#local as Local<'v128'>;
    return this.#context.f.let(v128.or(lanes, this.#nan));
  }

  /** Takes in a value; of lanes, the first `count`. */
  add(value: Code, count = 4): void {
    const { f } = this.#context;
    if (!this.#vector) {
      const next = applyScalar(this.#context, this.#name, this.#dtype, [this.#local, value]);
      f.set(this.#local, next);
      return;
    }
    const old = this.#local as Local<'v128'>;
    const keep = (next: V128, before: V128): V128 =>
      count === 4 ? next : v128.bitselect(next, before, laneMask(count));
    if (this.#nan !== undefined) {
      const x = f.let(value as V128);
      const next = (this.#name === 'maximum' ? f32x4.pmax : f32x4.pmin)(old, x);
      f.set(old, keep(next, old));
      f.set(this.#nan, v128.or(this.#nan, keep(f32x4.ne(x, x), i32x4.const(0))));
      return;
    }
    f.set(old, keep(this.#both(old, value as V128), old));
  }

  /** The lanes of all the accumulators together as one value. */
  static total(context: OpContext, list: readonly Accumulator[]): Code {
    const { f } = context;
    const [first] = list as [Accumulator];
    let sum = first.value() as V128;
    for (const other of list.slice(1)) sum = first.#both(sum, other.value() as V128);
    const lanes = [0, 1, 2, 3].map((lane) => extractLane(first.#dtype, f.let(sum), lane));
    const join = (a: Code, b: Code): Code =>
      f.let(applyScalar(context, first.#name, first.#dtype, [a, b]));
    return join(join(lanes[0]!, lanes[1]!), join(lanes[2]!, lanes[3]!));
  }

  #both(a: V128, b: V128): V128 {
    const none = [undefined, undefined];
    return this.#context.f.let(applyLanes(this.#context, this.#name, this.#dtype, [a, b], none));
  }
}

/** The running best value and its position. */
export class Search {
  readonly #context: OpContext;
  readonly #largest: boolean;
  readonly #dtype: DType;
  readonly #vector: boolean;
  readonly #best: Local;
  readonly #position: Local;

  constructor(context: OpContext, { name }: ArgReduce, dtype: DType, vector: boolean) {
    const { f } = context;
    const largest = name === 'argmax';
    const start = largest ? lowest(dtype) : highest(dtype);
    this.#context = context;
    this.#largest = largest;
    this.#dtype = dtype;
    this.#vector = vector;
    const initial = vector ? constantLanes(dtype, start) : constantScalar(dtype, start);
    this.#best = f.local(initial.type, initial);
    this.#position = vector ? f.local('v128', i32x4.const(0)) : f.local('i32', i32.const(0));
  }

  get position(): Code {
    return this.#position;
  }

  /** A later value wins only where it is strictly better; a NaN wins over numbers. */
  add(value: Code, position: Code, count = 4): void {
    const { f } = this.#context;
    const x = f.let(value);
    if (!this.#vector) {
      const wins = f.let(this.#wins(x));
      f.set(this.#best, select(x, this.#best, wins));
      f.set(this.#position, select(position, this.#position, wins));
      return;
    }
    const better = this.#lanesWin(x as V128);
    const wins = f.let(count === 4 ? better : v128.and(better, laneMask(count)));
    f.set(this.#best, v128.bitselect(x as V128, this.#best as V128, wins));
    f.set(this.#position, v128.bitselect(position as V128, this.#position as V128, wins));
  }

  #wins(x: Code): I32 {
    const [best, largest] = [this.#best, this.#largest];
    switch (scalarType(this.#dtype)) {
      case 'f32': {
        const worse = (largest ? f32.le : f32.ge)(x as F32, best as F32);
        return i32.and(i32.eqz(worse), f32.eq(best as F32, best as F32));
      }
      case 'f64': {
        const worse = (largest ? f64.le : f64.ge)(x as F64, best as F64);
        return i32.and(i32.eqz(worse), f64.eq(best as F64, best as F64));
      }
      case 'i64': {
        const [above, below] = isUnsigned(this.#dtype) ? [i64.gtU, i64.ltU] : [i64.gtS, i64.ltS];
        return (largest ? above : below)(x as I64, best as I64);
      }
      case 'i32': {
        const [above, below] = isUnsigned(this.#dtype) ? [i32.gtU, i32.ltU] : [i32.gtS, i32.ltS];
        return (largest ? above : below)(x as I32, best as I32);
      }
    }
  }

  #lanesWin(x: V128): V128 {
    const best = this.#best as V128;
    if (laneType(this.#dtype) === 'f32') {
      const worse = (this.#largest ? f32x4.le : f32x4.ge)(x, best);
      return v128.andnot(f32x4.eq(best, best), worse);
    }
    // A mask is all bits: the largest unsigned number.
    const unsigned = isUnsigned(this.#dtype) || this.#dtype === 'bool';
    const [above, below] = unsigned ? [i32x4.gtU, i32x4.ltU] : [i32x4.gtS, i32x4.ltS];
    return (this.#largest ? above : below)(x, best);
  }

  /** The first position of the best value over the lanes of all the searches together. */
  static total(context: OpContext, list: readonly Search[]): I32 {
    const { f } = context;
    const [first] = list as [Search];
    const value = f.local(
      scalarType(first.#dtype),
      extractLane(first.#dtype, first.#best as V128, 0),
    );
    const position = f.local('i32', i32x4.extract(first.#position as V128, 0));
    const best = new Winner(first.#dtype, first.#largest, value, position);
    list.forEach((search, at) => {
      for (let lane = at === 0 ? 1 : 0; lane < 4; lane++) {
        f.scope(() => {
          const x = f.let(extractLane(first.#dtype, search.#best as V128, lane));
          const p = f.let(i32x4.extract(search.#position as V128, lane));
          const wins = f.let(best.losesTo(x, p));
          f.set(value, select(x, value, wins));
          f.set(position, select(p, position, wins));
        });
      }
    });
    return position;
  }
}

/** Comparison of two candidates with their positions. */
class Winner {
  readonly #dtype: DType;
  readonly #largest: boolean;
  readonly #value: Code;
  readonly #position: I32;

  constructor(dtype: DType, largest: boolean, value: Code, position: I32) {
    this.#dtype = dtype;
    this.#largest = largest;
    this.#value = value;
    this.#position = position;
  }

  losesTo(x: Code, position: I32): I32 {
    const [value, largest] = [this.#value, this.#largest];
    const earlier = i32.ltU(position, this.#position);
    if (scalarType(this.#dtype) === 'f32') {
      const [a, b] = [x as F32, value as F32];
      const [aNaN, bNaN] = [f32.ne(a, a), f32.ne(b, b)];
      const better = (largest ? f32.gt : f32.lt)(a, b);
      const tie = i32.or(f32.eq(a, b), i32.and(aNaN, bNaN));
      const wins = i32.or(better, i32.and(aNaN, i32.eqz(bNaN)));
      return i32.or(wins, i32.and(tie, earlier));
    }
    const [a, b] = [x as I32, value as I32];
    const [above, below] = isUnsigned(this.#dtype) ? [i32.gtU, i32.ltU] : [i32.gtS, i32.ltS];
    return i32.or((largest ? above : below)(a, b), i32.and(i32.eq(a, b), earlier));
  }
}

/** Sums of narrow integers are cut to their width when they are complete. */
export function finishReduction(f: FunctionBuilder, dtype: DType, value: Code): Code {
  void f;
  if (value.type === 'v128') return wrapLanes(dtype, value as V128);
  return scalarType(dtype) === 'i32' ? wrapScalar(dtype, value as I32) : value;
}
