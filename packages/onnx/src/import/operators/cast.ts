/** Conversion between element types, text and the narrow types included. */
import { bitcast, cast, isDType, isFloat } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { bitsPerElement } from '../../codec/dtypes.ts';
import type { OnnxDtype } from '../../codec/dtypes.ts';
import type { Call } from '../call.ts';
import { hostNumbersOf } from '../numbers.ts';
import {
  codedHost,
  decodeNarrow,
  encodeFloat,
  encodeInteger,
  isNarrow,
  isNarrowFloat,
  narrowIntegers,
} from '../narrow.ts';
import type { EncodeOptions } from '../narrow.ts';
import { toTensor, isHost } from '../value.ts';
import type { CodedTensor, HostTensor, Value } from '../value.ts';

/** The value's codes, if it is of a narrow type. */
export function asCoded(value: Value): CodedTensor | undefined {
  if (isHost(value)) return isNarrow(value.dtype) ? codedHost(value) : undefined;
  return 'kind' in value && value.kind === 'coded' ? value : undefined;
}

/** As a tensor that can be computed with, whatever the type. */
export function decoded(c: Call, value: Value): Tensor {
  const coded = asCoded(value);
  return coded === undefined ? c.asTensor(value) : decodeNarrow(coded);
}

export function castTo(
  c: Call,
  value: Value,
  dtype: OnnxDtype,
  options: EncodeOptions = {},
): Value {
  if (isHost(value) && value.dtype === dtype) return value;
  if (isHost(value) && value.dtype === 'string') return parse(c, value, dtype, options);
  if (dtype === 'string') return format(c, value);
  const x = decoded(c, value);
  if (isNarrowFloat(dtype)) return encodeFloat(cast(x, 'float32'), dtype, options);
  if (narrowIntegers[dtype] !== undefined) return encodeInteger(x, dtype);
  if (!isDType(dtype)) return c.unsupported(`conversion to ${dtype}`);
  return cast(beforeWidening(x, dtype), dtype);
}

/** int32 that was made int64 for ONNX's sake and becomes int32 again. */
function beforeWidening(x: Tensor, dtype: DType): Tensor {
  const [inner] = x.node.inputs;
  const widened = x.node.op?.name === 'cast' && x.dtype === 'int64' && inner?.dtype === 'int32';
  return widened && dtype === 'int32' ? inner : x;
}

/** Numbers in text: decimal, exponents, and the names of infinity and NaN in any case. */
function parse(c: Call, value: HostTensor, dtype: OnnxDtype, options: EncodeOptions): Value {
  if (value.dtype !== 'string') return c.invalid('not text');
  const numbers = Float64Array.from(value.data, (text) => {
    const trimmed = text.trim();
    const special = /^([+-]?)(inf|infinity|nan)$/i.exec(trimmed);
    if (special !== null) {
      if (special[2]!.toLowerCase() === 'nan') return NaN;
      return special[1] === '-' ? -Infinity : Infinity;
    }
    const number = trimmed === '' ? NaN : Number(trimmed);
    if (Number.isNaN(number)) c.invalid(`${JSON.stringify(text)} is no number`);
    return number;
  });
  if (dtype === 'int64' || dtype === 'uint64') {
    const exact = value.data.map((text, i) =>
      /^[+-]?\d+$/.test(text.trim()) ? BigInt(text.trim()) : BigInt(Math.trunc(numbers[i]!)),
    );
    const data = dtype === 'int64' ? BigInt64Array.from(exact) : BigUint64Array.from(exact);
    return { dtype, shape: value.shape, data } as HostTensor;
  }
  const wide: HostTensor = { dtype: 'float64', shape: value.shape, data: numbers };
  return castTo(c, toTensor(c.op, wide), dtype, options);
}

/** Text as NumPy prints numbers: the fewest digits that tell a float from its neighbours. */
function format(c: Call, value: Value): HostTensor {
  const host =
    isHost(value) && isNarrow(value.dtype)
      ? c.memo('text', () => c.asHost(decoded(c, value)))
      : c.asHost(value);
  const { dtype, shape } = host;
  if (dtype === 'bool') {
    return {
      dtype: 'string',
      shape,
      data: Array.from(host.data, (x) => (x === 0 ? 'False' : 'True')),
    };
  }
  const numbers = hostNumbersOf(host);
  const single = dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16';
  const float = isDType(dtype) && isFloat(dtype);
  return {
    dtype: 'string',
    shape,
    data: Array.from(numbers, (x) => (float ? printFloat(Number(x), single) : String(x))),
  };
}

function printFloat(x: number, single: boolean): string {
  if (Number.isNaN(x)) return 'NaN';
  if (!Number.isFinite(x)) return x > 0 ? 'INF' : '-INF';
  let text = String(x);
  if (single) {
    for (let digits = 1; digits <= 9; digits++) {
      const shorter = x.toPrecision(digits);
      if (Math.fround(Number(shorter)) === Math.fround(x)) {
        text = String(Number(shorter));
        break;
      }
    }
  }
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [mantissa, power] = Number(text).toExponential().split('e') as [string, string];
    const digits = power.slice(1).padStart(2, '0');
    return `${mantissa}e${power[0]}${digits}`;
  }
  if (Object.is(x, -0)) return '-0.0';
  return Number.isInteger(x) && !text.includes('e') ? `${text}.0` : text;
}

/** The same bits as another type of the same width. */
export function bitCast(c: Call, dtype: OnnxDtype): Value {
  const value = c.value(0);
  const from = c.dtype(0);
  if (bitsPerElement(from) !== bitsPerElement(dtype) || from === 'string') {
    c.invalid(`${from} and ${dtype} differ in width`);
  }
  const coded = asCoded(value);
  if (coded !== undefined || isNarrow(dtype)) {
    const codes = coded?.codes ?? bitcast(c.asTensor(value), 'uint8');
    if (isNarrow(dtype)) {
      const signed = narrowIntegers[dtype]?.signed === true;
      return {
        kind: 'coded',
        dtype,
        codes: signed ? encodeInteger(codes, dtype).codes : cast(codes, 'uint8'),
      };
    }
    return bitcast(cast(codes, 'uint8'), c.coreDType(dtype));
  }
  return bitcast(c.asTensor(value), c.coreDType(dtype));
}
