/** A value on the device. */
import { dtypeInfo, formatShape, sizeOf } from '@hebb/core';
import type { Aval, DType, DeviceBuffer, Shape } from '@hebb/core';
import { wordBytes } from './types.ts';

export const describe = ({ dtype, shape }: Aval): string => `${dtype}${formatShape(shape)}`;

export class WebGpuBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly bytes: number;
  readonly owner: object;
  readonly memory: GPUBuffer;
  freed = false;

  constructor(owner: object, memory: GPUBuffer, { dtype, shape }: Aval) {
    this.owner = owner;
    this.dtype = dtype;
    this.shape = shape;
    this.bytes = sizeOf(shape) * dtypeInfo(dtype).bytes;
    this.memory = memory;
  }

  /** Bytes that it takes on the device: a word for each element. */
  get words(): number {
    return sizeOf(this.shape) * wordBytes;
  }
}
