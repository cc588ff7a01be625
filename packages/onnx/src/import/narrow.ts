/** Codes of the types narrower than a byte, as files pack them. */
import type { OnnxDtype } from '../codec/dtypes.ts';
import { bitsPerElement, packedByteLength } from '../codec/dtypes.ts';
import type { TensorData } from '../codec/tensor.ts';
import type { HostArray } from '@hebb/core';

/** One code a byte; signed types are sign-extended by the caller. */
export function unpackCodes(dtype: OnnxDtype, packed: Uint8Array, count: number): Uint8Array {
  const bits = bitsPerElement(dtype);
  if (bits === 8) return packed;
  const mask = (1 << bits) - 1;
  const codes = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * bits;
    const byte = at >> 3;
    const pair = packed[byte]! | ((packed[byte + 1] ?? 0) << 8);
    codes[i] = (pair >> (at & 7)) & mask;
  }
  return codes;
}

export function packCodes(
  dtype: OnnxDtype,
  shape: readonly number[],
  codes: HostArray,
): TensorData {
  const bits = bitsPerElement(dtype);
  const mask = (1 << bits) - 1;
  const packed = new Uint8Array(packedByteLength(dtype, codes.length));
  for (let i = 0; i < codes.length; i++) {
    const code = Number(codes[i]) & mask;
    const at = i * bits;
    packed[at >> 3]! |= (code << (at & 7)) & 0xff;
    if ((at & 7) + bits > 8) packed[(at >> 3) + 1]! |= code >> (8 - (at & 7));
  }
  return { dtype, shape: [...shape], data: packed } as TensorData;
}
