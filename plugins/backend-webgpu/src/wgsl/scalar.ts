/** Elementwise primitives, constants and casts as WGSL expressions. */
import { dtypeInfo, fail, isFloat } from '@hebb/core';
import type { DType } from '@hebb/core';
import { isWide, scalarOf, storedTypes } from '../types.ts';
import type { Scalar } from '../types.ts';
import { float } from './math.ts';

/** Tells the shader which helper functions it needs. */
export type Use = (helper: string) => void;

/** The scalar type, or an error in the name of what needs it. */
export function scalarFor(op: string, dtype: DType): Scalar {
  return scalarOf(dtype) ?? fail(op, 'webgpu has no such type', dtype, [...storedTypes].join(', '));
}

export function constant(dtype: DType, value: number | bigint, use: Use): string {
  switch (scalarFor('constant', dtype)) {
    case 'bool':
      return Number(value) === 0 ? 'false' : 'true';
    case 'i32': {
      const x = Number(value) | 0;
      return x === -2147483648 ? 'i32(-2147483647 - 1)' : x < 0 ? `(${x})` : String(x);
    }
    case 'u32':
      return `${Number(value) >>> 0}u`;
    case 'i64':
    case 'u64': {
      const bits = BigInt.asUintN(64, BigInt(value));
      return `vec2<u32>(${bits & 0xffffffffn}u, ${bits >> 32n}u)`;
    }
    case 'f32': {
      const x = Math.fround(Number(value));
      if (Number.isNaN(x)) {
        use('special');
        return 'nan()';
      }
      if (!Number.isFinite(x)) {
        use('special');
        return x > 0 ? 'infinity()' : '(-infinity())';
      }
      if (Object.is(x, -0)) return 'bitcast<f32>(0x80000000u)';
      return x < 0 ? `(${float(x)})` : float(x);
    }
  }
}

/** Brings a computed value back into the range or precision of its type. */
export function settle(dtype: DType, x: string, use: Use): string {
  switch (dtype) {
    case 'int8':
      return `((${x} << 24u) >> 24u)`;
    case 'int16':
      return `((${x} << 16u) >> 16u)`;
    case 'uint8':
      return `(${x} & 0xffu)`;
    case 'uint16':
      return `(${x} & 0xffffu)`;
    case 'float16':
      use('half');
      return `half(${x})`;
    case 'bfloat16':
      use('brain');
      return `brain(${x})`;
    default:
      return x;
  }
}

const floatFunctions: Readonly<Record<string, readonly [helper: string, name: string]>> = {
  exp: ['exp', 'expOf'],
  expm1: ['expm1', 'expm1Of'],
  log: ['log', 'logOf'],
  log1p: ['log1p', 'log1pOf'],
  tanh: ['tanh', 'tanhOf'],
  erf: ['erf', 'erfOf'],
  sign: ['sign', 'signOf'],
  pow: ['pow', 'powOf'],
  fmod: ['fmod', 'fmodOf'],
  atan2: ['atan2', 'atan2Of'],
  maximum: ['maximum', 'maximum'],
  minimum: ['minimum', 'minimum'],
  eq: ['equal', 'equal'],
  lt: ['less', 'less'],
  le: ['lessEqual', 'lessEqual'],
};
const builtins = new Set(['abs', 'floor', 'ceil', 'round', 'trunc', 'sqrt']);
const operators: Readonly<Record<string, string>> = { add: '+', sub: '-', mul: '*', div: '/' };

/** A primitive of arguments of one type; `dtype` is that of the arguments. */
export function applyScalar(name: string, dtype: DType, args: readonly string[], use: Use): string {
  switch (scalarFor(name, dtype)) {
    case 'f32':
      return applyFloat(name, args, use);
    case 'bool':
      return applyBool(name, args);
    case 'i64':
    case 'u64':
      return applyWide(name, dtype, args, use);
    default:
      return applyInteger(name, dtype, args, use);
  }
}

function applyFloat(name: string, args: readonly string[], use: Use): string {
  const [x, y] = args as [string, string];
  if (name in operators) return `(${x} ${operators[name]} ${y})`;
  if (builtins.has(name)) return `${name}(${x})`;
  if (name === 'neg') return `(-${x})`;
  if (name === 'sin' || name === 'cos') {
    use('sinOrCos');
    return `sinOrCos(${x}, ${name === 'sin' ? 0 : 1})`;
  }
  const found = floatFunctions[name];
  if (found === undefined) return fail(name, 'has no code for floats');
  use(found[0]);
  return `${found[1]}(${args.join(', ')})`;
}

function applyBool(name: string, [x, y]: readonly string[]): string {
  switch (name) {
    case 'not':
      return `(!${x})`;
    case 'and':
    case 'minimum':
      return `(${x} & ${y})`;
    case 'or':
    case 'maximum':
      return `(${x} | ${y})`;
    case 'xor':
      return `(${x} != ${y})`;
    case 'eq':
      return `(${x} == ${y})`;
    case 'lt':
      return `(!${x} & ${y})`;
    case 'le':
      return `(!${x} | ${y})`;
    default:
      return fail(name, 'has no code for bool');
  }
}

function applyInteger(name: string, dtype: DType, args: readonly string[], use: Use): string {
  const [x, y] = args as [string, string];
  const unsigned = dtypeInfo(dtype).kind === 'uint';
  const [zero, one] = unsigned ? ['0u', '1u'] : ['0', '1'];
  const bits = 8 * dtypeInfo(dtype).bytes;
  const wrapped = (value: string): string => settle(dtype, value, use);
  switch (name) {
    case 'add':
    case 'sub':
    case 'mul':
      return wrapped(`(${x} ${operators[name]} ${y})`);
    // Division by zero gives 0; by `select` alone it would still be computed, which WGSL defines.
    case 'div':
      return wrapped(
        `select(${x} / select(${y}, ${one}, ${y} == ${zero}), ${zero}, ${y} == ${zero})`,
      );
    case 'fmod':
      return `select(${x} % select(${y}, ${one}, ${y} == ${zero}), ${zero}, ${y} == ${zero})`;
    case 'pow':
      use(unsigned ? 'powerUnsigned' : 'power');
      return wrapped(`${unsigned ? 'powerUnsigned' : 'powerOf'}(${x}, ${y})`);
    case 'maximum':
      return `max(${x}, ${y})`;
    case 'minimum':
      return `min(${x}, ${y})`;
    case 'neg':
      return wrapped(unsigned ? `(0u - ${x})` : `(-${x})`);
    case 'abs':
      return unsigned ? x : wrapped(`abs(${x})`);
    case 'sign':
      return unsigned ? `min(${x}, 1u)` : `sign(${x})`;
    case 'not':
      return wrapped(`(~${x})`);
    case 'and':
      return `(${x} & ${y})`;
    case 'or':
      return `(${x} | ${y})`;
    case 'xor':
      return `(${x} ^ ${y})`;
    case 'eq':
      return `(${x} == ${y})`;
    case 'lt':
      return `(${x} < ${y})`;
    case 'le':
      return `(${x} <= ${y})`;
    case 'shiftLeft':
      return wrapped(`select(${zero}, ${x} << (u32(${y}) & 31u), u32(${y}) < ${bits}u)`);
    case 'shiftRight':
      return unsigned
        ? `select(0u, ${x} >> (${y} & 31u), ${y} < ${bits}u)`
        : `(${x} >> min(u32(${y}), 31u))`;
    default:
      return fail(name, 'has no code for integers', dtype);
  }
}

/** Functions of `wide.ts` for the ops that are calls; `long` and `ulong` where signs differ. */
const wideFunctions: Readonly<Record<string, string>> = {
  add: 'wideAdd',
  sub: 'wideSub',
  mul: 'wideMul',
  div: 'Div',
  fmod: 'Fmod',
  pow: 'Pow',
  lt: 'Less',
};
const bitOperators: Readonly<Record<string, string>> = { and: '&', or: '|', xor: '^' };

function applyWide(name: string, dtype: DType, args: readonly string[], use: Use): string {
  const [x, y] = args as [string, string];
  const kind = dtype === 'uint64' ? 'ulong' : 'long';
  const call = (helper: string, ...given: readonly string[]): string => {
    use(helper);
    return `${helper}(${given.join(', ')})`;
  };
  const found = wideFunctions[name];
  if (found !== undefined) {
    return call(found.startsWith('wide') ? found : `${kind}${found}`, x, y);
  }
  if (name in bitOperators) return `(${x} ${bitOperators[name]} ${y})`;
  switch (name) {
    case 'maximum':
      return `select(${x}, ${y}, ${call(`${kind}Less`, x, y)})`;
    case 'minimum':
      return `select(${y}, ${x}, ${call(`${kind}Less`, x, y)})`;
    case 'neg':
      return call('wideSub', 'vec2<u32>()', x);
    case 'abs':
      return kind === 'ulong' ? x : call('longAbs', x);
    case 'sign': {
      const one = `vec2<u32>(select(0u, 1u, any(${x} != vec2<u32>())), 0u)`;
      if (kind === 'ulong') return one;
      return `select(${one}, vec2<u32>(0xffffffffu, 0xffffffffu), ${x}.y >= 0x80000000u)`;
    }
    case 'not':
      return `(~${x})`;
    case 'eq':
      return `all(${x} == ${y})`;
    case 'le':
      return `(!${call(`${kind}Less`, y, x)})`;
    case 'shiftLeft':
      return call('wideShiftLeft', x, y);
    case 'shiftRight':
      return call('wideShiftRight', x, y, kind === 'ulong' ? '0u' : call('longSign', x));
    default:
      return fail(name, 'has no code for integers', dtype);
  }
}

/** A value as another type. */
export function castScalar(from: DType, to: DType, x: string, use: Use): string {
  if (from === to) return x;
  const [source, target] = [scalarFor('cast', from), scalarFor('cast', to)];
  if (isWide(source)) return castWide(from, to, x, use);
  if (target === 'i64' || target === 'u64') {
    const helper = source === 'f32' ? 'wideFloat' : 'wideInt';
    if (source === 'u32') return `vec2<u32>(${x}, 0u)`;
    if (source === 'bool') return `vec2<u32>(select(0u, 1u, ${x}), 0u)`;
    use(helper);
    return `${helper}(${x})`;
  }
  if (target === 'bool') {
    if (source === 'f32') return `(${x} != 0.0f)`;
    return source === 'bool' ? x : `(${x} != ${source === 'u32' ? '0u' : '0'})`;
  }
  if (source === 'f32') {
    if (target === 'f32') return settle(to, x, use);
    use('truncated');
    const low = `truncated(${x})`;
    return settle(to, target === 'u32' ? `bitcast<u32>(${low})` : low, use);
  }
  if (source === 'bool') {
    const [no, yes] = { f32: ['0.0f', '1.0f'], i32: ['0', '1'], u32: ['0u', '1u'] }[target];
    return `select(${no}, ${yes}, ${x})`;
  }
  if (target === 'f32') {
    // Rounded twice, once to float32: a value that lies between may go the other way than in one step.
    return settle(to, `f32(${x})`, use);
  }
  return settle(to, source === target ? x : `bitcast<${target}>(${x})`, use);
}

function castWide(from: DType, to: DType, x: string, use: Use): string {
  switch (scalarFor('cast', to)) {
    case 'bool':
      return `any(${x} != vec2<u32>())`;
    case 'i32':
      return settle(to, `bitcast<i32>(${x}.x)`, use);
    case 'u32':
      return settle(to, `${x}.x`, use);
    case 'f32': {
      const helper = from === 'uint64' ? 'ulongFloat' : 'longFloat';
      use(helper);
      return settle(to, `${helper}(${x})`, use);
    }
    default:
      return x;
  }
}

/** The same bits as another type of the same width. */
export function bitcastScalar(from: DType, to: DType, x: string, use: Use): string {
  if (from === to) return x;
  const target = scalarFor('bitcast', to);
  if (isWide(target)) return x;
  if (dtypeInfo(from).bytes === 4) return `bitcast<${target}>(${x})`;
  const bits = bitsOf(from, x, use);
  if (!isFloat(to)) return settle(to, target === 'i32' ? `bitcast<i32>(${bits})` : bits, use);
  if (to === 'bfloat16') return `bitcast<f32>(${bits} << 16u)`;
  use('halfValue');
  return `halfValue(${bits})`;
}

/** Bits of a narrow value in the low end of a u32. */
function bitsOf(dtype: DType, x: string, use: Use): string {
  if (dtype === 'bfloat16') return `(bitcast<u32>(${x}) >> 16u)`;
  if (dtype === 'float16') {
    use('halfBits');
    return `halfBits(${x})`;
  }
  const mask = dtypeInfo(dtype).bytes === 1 ? '0xffu' : '0xffffu';
  return scalarFor('bitcast', dtype) === 'i32' ? `(bitcast<u32>(${x}) & ${mask})` : x;
}

/** What a reduction starts from. */
export function identity(name: 'sum' | 'prod' | 'max' | 'min', dtype: DType): number | bigint {
  if (name === 'sum') return 0;
  if (name === 'prod') return 1;
  const { min, max } = dtypeInfo(dtype);
  if (isFloat(dtype)) return name === 'max' ? -Infinity : Infinity;
  return name === 'max' ? min : max;
}

const combiner = { sum: 'add', prod: 'mul', max: 'maximum', min: 'minimum' } as const;
const boolCombiner = { sum: 'or', prod: 'and', max: 'or', min: 'and' } as const;

export function combine(
  name: 'sum' | 'prod' | 'max' | 'min',
  dtype: DType,
  x: string,
  y: string,
  use: Use,
): string {
  const table = dtype === 'bool' ? boolCombiner : combiner;
  return applyScalar(table[name], dtype, [x, y], use);
}
