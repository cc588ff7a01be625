/** Memory that is given back is kept for the next value of the same type and length. */
import { dtypeInfo } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';

type Lengths = Map<number, HostArray[]>;

/** Contents of what `take` returns are arbitrary: kernels write every element. */
export class Pool {
  readonly #limit: number;
  /** By array class, then length: float16 and uint16 share memory, bool and uint8 too. */
  readonly #free = new Map<HostArray['constructor'], Lengths>();
  readonly #byDType = new Map<DType, Lengths>();
  #held = 0;

  /** At most `limit` bytes are kept; beyond that, memory goes to the garbage collector. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes kept for reuse. */
  get held(): number {
    return this.#held;
  }

  take(dtype: DType, length: number): HostArray {
    let lengths = this.#byDType.get(dtype);
    if (lengths === undefined) {
      lengths = this.#lengths(dtypeInfo(dtype).allocate(0).constructor);
      this.#byDType.set(dtype, lengths);
    }
    const found = lengths.get(length)?.pop();
    if (found === undefined) return dtypeInfo(dtype).allocate(length);
    this.#held -= found.byteLength;
    return found;
  }

  give(array: HostArray): void {
    if (array.byteLength > this.#limit) return;
    // When sizes have changed (another model, another batch) what was kept may never be asked for again.
    if (this.#held + array.byteLength > this.#limit) this.clear();
    const lengths = this.#lengths(array.constructor);
    const list = lengths.get(array.length);
    if (list === undefined) lengths.set(array.length, [array]);
    else list.push(array);
    this.#held += array.byteLength;
  }

  clear(): void {
    for (const lengths of this.#free.values()) lengths.clear();
    this.#held = 0;
  }

  #lengths(kind: HostArray['constructor']): Lengths {
    let lengths = this.#free.get(kind);
    if (lengths === undefined) this.#free.set(kind, (lengths = new Map()));
    return lengths;
  }
}
