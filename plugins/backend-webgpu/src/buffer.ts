/** A value on the device. */
import { dtypeInfo, formatShape, sizeOf } from '@hebb/core';
import type { Aval, DType, DeviceBuffer, Shape } from '@hebb/core';
import { bytesOf, wordBytes } from './types.ts';
import type { Layout } from './types.ts';

export const describe = ({ dtype, shape }: Aval): string => `${dtype}${formatShape(shape)}`;

/** Bytes that a value takes on the device, in whole words. */
export const deviceBytes = ({ dtype, shape }: Aval, layout: Layout): number =>
  Math.ceil((sizeOf(shape) * bytesOf(dtype, layout)) / wordBytes) * wordBytes;

export class WebGpuBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly bytes: number;
  readonly owner: object;
  readonly memory: GPUBuffer;
  /** Bytes that it takes on the device. */
  readonly stored: number;
  freed = false;

  constructor(owner: object, memory: GPUBuffer, aval: Aval, layout: Layout) {
    const { dtype, shape } = aval;
    this.owner = owner;
    this.stored = deviceBytes(aval, layout);
    this.dtype = dtype;
    this.shape = shape;
    this.bytes = sizeOf(shape) * dtypeInfo(dtype).bytes;
    this.memory = memory;
  }
}
