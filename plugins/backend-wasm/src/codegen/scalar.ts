/** Elementwise primitives on single values. */
import { fail, isFloat } from '@hebb/core';
import type { DType } from '@hebb/core';
import { call, choose, f32, f32x4, f64, i32, i64, select } from '../wasm/index.ts';
import type { Code, F32, F64, FunctionBuilder, I32, I64 } from '../wasm/index.ts';
import type { Helpers, HostFunction, VectorFunction } from './helpers.ts';
import { hostFunctions } from './helpers.ts';
import { isUnsigned, scalarType, wrapScalar } from './types.ts';

export interface OpContext {
  readonly f: FunctionBuilder;
  readonly helpers: Helpers;
}

const vectorFunctions = new Set<string>(
  'exp expNonPositive expm1 log log1p tanh erf sin cos'.split(' '),
);
const rounding = { floor: 'floor', ceil: 'ceil', round: 'nearest', trunc: 'trunc' } as const;
const isRounding = (name: string): name is keyof typeof rounding => Object.hasOwn(rounding, name);

/** A primitive other than cast, bitcast and where. `dtype` is that of the arguments. */
export function applyScalar(
  context: OpContext,
  name: string,
  dtype: DType,
  args: readonly Code[],
): Code {
  const { f } = context;
  // Arguments are used more than once below.
  const held = args.map((arg) => f.let(arg));
  switch (scalarType(dtype)) {
    case 'f32':
      return float32(context, name, held as F32[]);
    case 'f64':
      return float64(context, name, held as F64[]);
    case 'i64':
      return integer64(context, name, isUnsigned(dtype), held as I64[]);
    case 'i32':
      return integer32(context, name, dtype, held as I32[]);
  }
}

function unknown(name: string, dtype: string): never {
  fail(name, 'has no code for this type', dtype);
}

function float32(context: OpContext, name: string, args: readonly F32[]): Code {
  const { f, helpers } = context;
  const [x, y] = args as [F32, F32];
  if (vectorFunctions.has(name)) {
    return f32x4.extract(call(helpers.vector(name as VectorFunction), f32x4.splat(x)), 0);
  }
  if (Object.hasOwn(hostFunctions, name)) {
    const wide = args.map((arg) => f64.promoteF32(arg));
    return f32.demoteF64(call(helpers.host(name as HostFunction), ...wide));
  }
  if (isRounding(name)) return f32[rounding[name]](x);
  switch (name) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
      return f32[name](x, y);
    case 'maximum':
      return f32.max(x, y);
    case 'minimum':
      return f32.min(x, y);
    case 'neg':
    case 'abs':
    case 'sqrt':
      return f32[name](x);
    case 'sign': {
      const nonzero = select(f32.const(-1), x, f32.lt(x, f32.const(0)));
      return select(f32.const(1), f.let(nonzero), f32.gt(x, f32.const(0)));
    }
    case 'eq':
    case 'lt':
    case 'le':
      return f32[name](x, y);
    default:
      return unknown(name, 'float32');
  }
}

function float64(context: OpContext, name: string, args: readonly F64[]): Code {
  const { f, helpers } = context;
  const [x, y] = args as [F64, F64];
  if (Object.hasOwn(hostFunctions, name)) return call(helpers.host(name as HostFunction), ...args);
  if (isRounding(name)) return f64[rounding[name]](x);
  switch (name) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
      return f64[name](x, y);
    case 'maximum':
      return f64.max(x, y);
    case 'minimum':
      return f64.min(x, y);
    case 'neg':
    case 'abs':
    case 'sqrt':
      return f64[name](x);
    case 'erf':
      return call(helpers.erf64(), x);
    case 'sign': {
      const nonzero = select(f64.const(-1), x, f64.lt(x, f64.const(0)));
      return select(f64.const(1), f.let(nonzero), f64.gt(x, f64.const(0)));
    }
    case 'eq':
    case 'lt':
    case 'le':
      return f64[name](x, y);
    default:
      return unknown(name, 'float64');
  }
}

/** Integers up to 32 bits and bool. Division by zero gives 0. */
function integer32(context: OpContext, name: string, dtype: DType, args: readonly I32[]): Code {
  const { f, helpers } = context;
  const [x, y] = args as [I32, I32];
  const zero = i32.const(0);
  const unsigned = isUnsigned(dtype) || dtype === 'bool';
  const less = unsigned ? i32.ltU : i32.ltS;
  const bits = { int8: 8, uint8: 8, int16: 16, uint16: 16 }[dtype as string] ?? 32;
  const wrap = (value: I32): I32 => wrapScalar(dtype, value);
  switch (name) {
    case 'add':
    case 'sub':
    case 'mul':
      return wrap(i32[name](x, y));
    case 'div': {
      if (unsigned) return choose(i32.eqz(y), zero, i32.divU(x, y));
      // The lowest value by -1 has no quotient; the machine would trap.
      const quotient = choose(i32.eq(y, i32.const(-1)), i32.sub(zero, x), i32.divS(x, y));
      return wrap(choose(i32.eqz(y), zero, quotient));
    }
    case 'fmod':
      return choose(i32.eqz(y), zero, unsigned ? i32.remU(x, y) : i32.remS(x, y));
    case 'pow':
      return wrap(call(helpers.power32(), x, y));
    case 'maximum':
      return select(y, x, less(x, y));
    case 'minimum':
      return select(x, y, less(x, y));
    case 'neg':
      return wrap(i32.sub(zero, x));
    case 'abs':
      return unsigned ? x : wrap(select(i32.sub(zero, x), x, i32.ltS(x, zero)));
    case 'sign':
      return unsigned ? i32.ne(x, zero) : i32.sub(i32.gtS(x, zero), i32.ltS(x, zero));
    case 'not':
      return dtype === 'bool' ? i32.eqz(x) : wrap(i32.xor(x, i32.const(-1)));
    case 'and':
    case 'or':
    case 'xor':
      return i32[name](x, y);
    case 'eq':
      return i32.eq(x, y);
    case 'lt':
      return less(x, y);
    case 'le':
      return unsigned ? i32.leU(x, y) : i32.leS(x, y);
    case 'shiftLeft':
      return wrap(select(i32.shl(x, y), zero, i32.ltU(y, i32.const(bits))));
    case 'shiftRight': {
      const inside = i32.ltU(y, i32.const(bits));
      if (unsigned) return select(i32.shrU(x, y), zero, inside);
      return i32.shrS(x, f.let(select(y, i32.const(31), inside)));
    }
    default:
      return unknown(name, dtype);
  }
}

function integer64(
  context: OpContext,
  name: string,
  unsigned: boolean,
  args: readonly I64[],
): Code {
  const { f, helpers } = context;
  const [x, y] = args as [I64, I64];
  const zero = i64.const(0n);
  const less = unsigned ? i64.ltU : i64.ltS;
  switch (name) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'and':
    case 'or':
    case 'xor':
      return i64[name](x, y);
    case 'div': {
      if (unsigned) return choose(i64.eqz(y), zero, i64.divU(x, y));
      const quotient = choose(i64.eq(y, i64.const(-1n)), i64.sub(zero, x), i64.divS(x, y));
      return choose(i64.eqz(y), zero, quotient);
    }
    case 'fmod':
      return choose(i64.eqz(y), zero, unsigned ? i64.remU(x, y) : i64.remS(x, y));
    case 'pow':
      return call(helpers.power64(), x, y);
    case 'maximum':
      return select(y, x, less(x, y));
    case 'minimum':
      return select(x, y, less(x, y));
    case 'neg':
      return i64.sub(zero, x);
    case 'abs':
      return unsigned ? x : select(i64.sub(zero, x), x, i64.ltS(x, zero));
    case 'sign':
      return unsigned
        ? i64.extendI32U(i64.ne(x, zero))
        : i64.extendI32S(i32.sub(i64.gtS(x, zero), i64.ltS(x, zero)));
    case 'not':
      return i64.xor(x, i64.const(-1n));
    case 'eq':
      return i64.eq(x, y);
    case 'lt':
      return less(x, y);
    case 'le':
      return unsigned ? i64.leU(x, y) : i64.leS(x, y);
    case 'shiftLeft':
      return select(i64.shl(x, y), zero, i64.ltU(y, i64.const(64n)));
    case 'shiftRight': {
      const inside = f.let(i64.ltU(y, i64.const(64n)));
      if (unsigned) return select(i64.shrU(x, y), zero, inside);
      return i64.shrS(x, select(y, i64.const(63n), inside));
    }
    default:
      return unknown(name, unsigned ? 'uint64' : 'int64');
  }
}

/** A constant in the form its dtype is computed with. */
export function constantScalar(dtype: DType, value: number | bigint): Code {
  switch (scalarType(dtype)) {
    case 'f32':
      return f32.const(Number(value));
    case 'f64':
      return f64.const(Number(value));
    case 'i64':
      return i64.const(BigInt(isFloat(dtype) ? 0 : value));
    case 'i32':
      return i32.const(Number(value));
  }
}
