/** Elementwise primitives on four lanes of types up to 32 bits. */
import { fail } from '@hebb/core';
import type { DType } from '@hebb/core';
import { call, f32x4, i32, i32x4, v128 } from '../wasm/index.ts';
import type { Code, F32, FunctionBuilder, I32, V128 } from '../wasm/index.ts';
import { wrapLanes } from './cast.ts';
import type { VectorFunction } from './helpers.ts';
import { applyScalar } from './scalar.ts';
import type { OpContext } from './scalar.ts';
import { isUnsigned, laneType } from './types.ts';
import type { LaneType, Value } from './types.ts';

/** Functions short enough to stand in place; the others are called. */
const inlined = new Set<string>(['exp', 'expNonPositive', 'log', 'tanh', 'erf']);
const called = new Set<string>(['expm1', 'log1p', 'sin', 'cos']);
const rounding = { floor: 'floor', ceil: 'ceil', round: 'nearest', trunc: 'trunc' } as const;
const isRounding = (name: string): name is keyof typeof rounding => Object.hasOwn(rounding, name);

export function splat(dtype: DType, value: Code): V128 {
  switch (laneType(dtype)) {
    case 'f32':
      return f32x4.splat(value as F32);
    case 'mask':
      return i32x4.splat(i32.sub(i32.const(0), value as I32));
    default:
      return i32x4.splat(value as I32);
  }
}

export function constantLanes(dtype: DType, value: number | bigint): V128 {
  switch (laneType(dtype)) {
    case 'f32':
      return f32x4.const(Number(value));
    case 'mask':
      return i32x4.const(value ? -1 : 0);
    default:
      return i32x4.const(Number(value));
  }
}

export function extractLane(dtype: DType, value: V128, lane: number): Code {
  switch (laneType(dtype)) {
    case 'f32':
      return f32x4.extract(value, lane);
    case 'mask':
      return i32.and(i32x4.extract(value, lane), i32.const(1));
    default:
      return i32x4.extract(value, lane);
  }
}

/** A function of single values on each lane in turn. */
export function lanewise(
  f: FunctionBuilder,
  dtype: DType,
  args: readonly { readonly dtype: DType; readonly value: V128 }[],
  body: (scalars: readonly Code[]) => Code,
): V128 {
  const held = args.map((arg) => ({ ...arg, value: f.let(arg.value) }));
  const type: LaneType = laneType(dtype)!;
  const result = f.local('v128', i32x4.const(0));
  for (let lane = 0; lane < 4; lane++) {
    f.scope(() => {
      const y = body(held.map((arg) => extractLane(arg.dtype, arg.value, lane)));
      if (type === 'f32') f.set(result, f32x4.replace(result, lane, y as F32));
      else {
        const bits = type === 'mask' ? i32.sub(i32.const(0), y as I32) : (y as I32);
        f.set(result, i32x4.replace(result, lane, bits));
      }
    });
  }
  return result;
}

const comparisons = new Set(['eq', 'lt', 'le']);

/** A primitive other than cast, bitcast and where; arguments are lanes of `dtype`. */
export function applyLanes(
  context: OpContext,
  name: string,
  dtype: DType,
  args: readonly V128[],
  constants: readonly (number | bigint | undefined)[],
): V128 {
  const { f } = context;
  const held = args.map((arg) => f.let(arg));
  const done =
    laneType(dtype) === 'f32'
      ? float(context, name, held, constants)
      : laneType(dtype) === 'mask'
        ? mask(name, held)
        : integer(name, dtype, held, constants);
  if (done !== undefined) return done;
  const result = comparisons.has(name) ? 'bool' : dtype;
  const lanes = held.map((value) => ({ dtype, value }));
  return lanewise(f, result, lanes, (scalars) => applyScalar(context, name, dtype, scalars));
}

function float(
  { f, helpers }: OpContext,
  name: string,
  [x, y]: readonly V128[],
  constants: readonly (number | bigint | undefined)[],
): V128 | undefined {
  const [a, b] = [x!, y!];
  if (inlined.has(name)) return helpers.inline(f, name as VectorFunction, a);
  if (called.has(name)) return call(helpers.vector(name as VectorFunction), a);
  if (isRounding(name)) return f32x4[rounding[name]](a);
  switch (name) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'eq':
    case 'lt':
    case 'le':
      return f32x4[name](a, b);
    case 'neg':
    case 'abs':
    case 'sqrt':
      return f32x4[name](a);
    case 'maximum':
    case 'minimum': {
      // One instruction where one side is known not to be NaN: the other one comes through.
      const one = name === 'maximum' ? f32x4.pmax : f32x4.pmin;
      const known = (at: number): boolean =>
        constants[at] !== undefined && !Number.isNaN(Number(constants[at]));
      if (known(1)) return one(a, b);
      if (known(0)) return one(b, a);
      return (name === 'maximum' ? f32x4.max : f32x4.min)(a, b);
    }
    case 'sign': {
      const zero = f32x4.const(0);
      const positive = v128.and(f32x4.gt(a, zero), f32x4.const(1));
      const negative = v128.and(f32x4.lt(a, zero), f32x4.const(-1));
      const itself = v128.not(v128.or(f32x4.lt(a, zero), f32x4.gt(a, zero)));
      return v128.bitselect(a, v128.or(positive, negative), itself);
    }
    default:
      return undefined;
  }
}

function mask(name: string, [x, y]: readonly V128[]): V128 | undefined {
  const [a, b] = [x!, y!];
  switch (name) {
    case 'and':
    case 'minimum':
    case 'mul':
      return v128.and(a, b);
    case 'or':
    case 'maximum':
      return v128.or(a, b);
    case 'xor':
      return v128.xor(a, b);
    case 'not':
      return v128.not(a);
    case 'eq':
      return v128.not(v128.xor(a, b));
    case 'lt':
      return v128.andnot(b, a);
    case 'le':
      return v128.or(v128.not(a), b);
    default:
      return undefined;
  }
}

function integer(
  name: string,
  dtype: DType,
  [x, y]: readonly V128[],
  constants: readonly (number | bigint | undefined)[],
): V128 | undefined {
  const [a, b] = [x!, y!];
  const unsigned = isUnsigned(dtype);
  switch (name) {
    case 'add':
    case 'sub':
    case 'mul':
      return wrapLanes(dtype, i32x4[name](a, b));
    case 'neg':
      return wrapLanes(dtype, i32x4.neg(a));
    case 'abs':
      return unsigned ? a : wrapLanes(dtype, i32x4.abs(a));
    case 'sign': {
      const zero = i32x4.const(0);
      if (unsigned) return v128.and(i32x4.ne(a, zero), i32x4.const(1));
      return i32x4.sub(i32x4.ltS(a, zero), i32x4.gtS(a, zero));
    }
    case 'not':
      return wrapLanes(dtype, v128.not(a));
    case 'and':
    case 'or':
    case 'xor':
      return v128[name](a, b);
    case 'maximum':
      return (unsigned ? i32x4.maxU : i32x4.maxS)(a, b);
    case 'minimum':
      return (unsigned ? i32x4.minU : i32x4.minS)(a, b);
    case 'eq':
      return i32x4.eq(a, b);
    case 'lt':
      return (unsigned ? i32x4.ltU : i32x4.ltS)(a, b);
    case 'le':
      return (unsigned ? i32x4.leU : i32x4.leS)(a, b);
    case 'shiftLeft':
    case 'shiftRight': {
      const count = constants[1];
      const bits = { int8: 8, uint8: 8, int16: 16, uint16: 16 }[dtype as string] ?? 32;
      if (count === undefined || Number(count) < 0 || Number(count) >= bits) return undefined;
      const by = i32.const(Number(count));
      if (name === 'shiftLeft') return wrapLanes(dtype, i32x4.shl(a, by));
      return (unsigned ? i32x4.shrU : i32x4.shrS)(a, by);
    }
    default:
      return undefined;
  }
}

/** The lanes of a value: those it has, or its scalar in each. */
export function lanesOf(value: Value): V128 {
  if (value.vector) return value.code as V128;
  if (value.constant !== undefined) return constantLanes(value.dtype, value.constant);
  if (laneType(value.dtype) === undefined) {
    fail('codegen', 'a 64-bit value in vector code', value.dtype);
  }
  return splat(value.dtype, value.code);
}
