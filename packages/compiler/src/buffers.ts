/** Buffers while a program is put together: numbered, without a place yet. */
import type { DType, Shape } from '@hebb/core';
import type { Value } from './dag.ts';
import { memoryOf } from './simplify.ts';

export interface BufferDraft {
  readonly dtype: DType;
  readonly shape: Shape;
}

export class Buffers {
  readonly list: BufferDraft[] = [];
  readonly #ids = new Map<Value, number>();

  /** The buffer that holds the value; reshapes share one. */
  of(value: Value): number {
    const memory = memoryOf(value);
    let id = this.#ids.get(memory);
    if (id === undefined) {
      id = this.list.push({ dtype: memory.dtype, shape: memory.shape }) - 1;
      this.#ids.set(memory, id);
    }
    return id;
  }

  temporary(dtype: DType, shape: Shape): number {
    return this.list.push({ dtype, shape }) - 1;
  }
}
