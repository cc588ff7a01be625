/** Tensor data in the fields other than `raw_data`: one list entry for an element, or for a few. */
import { bitsPerElement, packedByteLength } from './dtypes.ts';
import type { OnnxDtype } from './dtypes.ts';
import { OnnxFormatError } from './errors.ts';
import type { TensorProto } from './types.ts';

/**
 * The elements of `proto` as they would stand in `raw_data`, or undefined when the field that
 * belongs to `dtype` is absent. The result shares memory with the field where it already has that
 * layout.
 *
 * Which field holds what: IR specification, `TensorProto`. Types narrower than a byte are packed
 * into bytes, one to an entry, except that 6-bit floats have an entry each.
 */
export function fromTypedFields(
  proto: TensorProto,
  dtype: OnnxDtype,
  count: number,
  where: string,
): Uint8Array | undefined {
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return bytesOf(proto.floatData);
    case 'float64':
    case 'complex128':
      return bytesOf(proto.doubleData);
    case 'int64':
      return bytesOf(proto.int64Data);
    case 'uint64':
      return bytesOf(proto.uint64Data);
    case 'uint32':
      return proto.uint64Data && bytesOf(toUint32(proto.uint64Data, where));
    case 'int32':
      return bytesOf(proto.int32Data);
    case 'float6e2m3':
    case 'float6e3m2':
      return proto.int32Data && packSixBits(proto.int32Data, where);
    default:
      return proto.int32Data && narrow(proto.int32Data, dtype, count, where);
  }
}

function bytesOf(data: ArrayBufferView | undefined): Uint8Array | undefined {
  return data && new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function toUint32(values: BigUint64Array, where: string): Uint32Array {
  const result = new Uint32Array(values.length);
  for (const [i, value] of values.entries()) {
    if (value > 0xffff_ffffn) throw outOfRange(where, value, 'uint32');
    result[i] = Number(value);
  }
  return result;
}

/** Entries of one or two bytes; a negative one may stand for the bits of an unsigned type. */
function narrow(values: Int32Array, dtype: OnnxDtype, count: number, where: string): Uint8Array {
  const bits = Math.max(8, bitsPerElement(dtype));
  const entries = bits === 16 ? count : packedByteLength(dtype, count);
  if (values.length !== entries) {
    throw new OnnxFormatError(
      `${where}: ${count} elements of ${dtype} take ${entries} entries of int32_data, ` +
        `got ${values.length}`,
    );
  }
  const result = bits === 16 ? new Uint16Array(values.length) : new Uint8Array(values.length);
  const low = -(2 ** (bits - 1));
  const high = 2 ** bits;
  for (const [i, value] of values.entries()) {
    if (value < low || value >= high) throw outOfRange(where, value, dtype);
    result[i] = value;
  }
  return new Uint8Array(result.buffer);
}

/** Packs 6-bit codes without gaps, first in the lowest bits. */
function packSixBits(values: Int32Array, where: string): Uint8Array {
  const result = new Uint8Array(Math.ceil((values.length * 6) / 8));
  for (const [i, value] of values.entries()) {
    if (value < 0 || value > 63) throw outOfRange(where, value, 'a 6-bit float');
    const bit = 6 * i;
    const at = bit >> 3;
    const shifted = value << (bit & 7);
    result[at] = result[at]! | shifted;
    if (shifted > 0xff) result[at + 1] = shifted >> 8;
  }
  return result;
}

function outOfRange(where: string, value: number | bigint, dtype: string): OnnxFormatError {
  return new OnnxFormatError(`${where}: ${value} is out of range for ${dtype}`);
}
