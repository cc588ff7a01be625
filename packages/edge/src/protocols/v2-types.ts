/** Names of element types in the Open Inference Protocol, and elements as bytes. */
import { dtypeInfo } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';
import { badInput } from '../error.ts';
import { dtypeOf } from '../input.ts';
import type { ServedTensor, ValueSignature } from '../model.ts';

const names: Readonly<Record<string, string>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  bfloat16: 'BF16',
  float32: 'FP32',
  float64: 'FP64',
};

/** The protocol's name of a dtype; `undefined` for what it has none for. */
export const datatypeOf = (dtype: string | undefined): string | undefined =>
  dtype !== undefined && Object.hasOwn(names, dtype) ? names[dtype] : undefined;

/** Bytes of one element of the input. */
export const elementBytes = (input: ValueSignature): number =>
  dtypeInfo(dtypeOf(input)).allocate(0).BYTES_PER_ELEMENT;

/** Little-endian elements as an input, copied, so that they are aligned. */
export function elementsFrom(
  bytes: Uint8Array,
  shape: readonly number[],
  input: ValueSignature,
): ServedTensor {
  const dtype: DType = dtypeOf(input);
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (size * elementBytes(input) !== bytes.length) {
    throw badInput(
      `input ${input.name}: ${bytes.length} bytes do not fill shape [${shape.join()}]`,
    );
  }
  if (dtype === 'bool' && bytes.some((x) => x > 1)) {
    throw badInput(`input ${input.name}: a byte is neither 0 nor 1`);
  }
  const data = dtypeInfo(dtype).allocate(size);
  new Uint8Array(data.buffer).set(bytes);
  // The class of the array follows from the dtype.
  return { dtype, shape, data } as ServedTensor;
}

/** The elements' bytes, copied. */
export const bytesOf = (data: HostArray): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
