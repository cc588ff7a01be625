/** Blocks of one WebAssembly memory that grows: best fit, neighbours joined when they are freed. */
import { HebbError } from '@hebb/core';
import { nodeCopy } from './host.ts';
import { reservedBytes } from './math/constants.ts';

const alignment = 64;
const page = 65536;
/** Nothing is put below: there are the threads' barrier and the table of constants. */
const start = reservedBytes;
/** Vectors may read this far beyond the end of a block. */
const slack = 256;
/** Copies of so many bytes are worth calling native code. */
const longCopy = 4096;

interface Block {
  at: number;
  bytes: number;
}

const roundUp = (bytes: number): number =>
  Math.max(alignment, Math.ceil(bytes / alignment) * alignment);

export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly #maximum: number;
  /** By address; never two that touch. */
  readonly #free: Block[] = [];
  readonly #sizes = new Map<number, number>();
  #top = start;
  #bytes: Uint8Array;
  #words: Int32Array;
  #copy: ReturnType<typeof nodeCopy>;

  constructor(memory: WebAssembly.Memory, maximumPages: number) {
    this.memory = memory;
    this.#maximum = maximumPages * page;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#copy = nodeCopy(memory.buffer);
  }

  /** The memory as it is now: growing replaces the views. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.memory.buffer) this.#refresh();
    return this.#bytes;
  }

  get words(): Int32Array {
    if (this.#words.buffer !== this.memory.buffer) this.#refresh();
    return this.#words;
  }

  #refresh(): void {
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#words = new Int32Array(this.memory.buffer);
    this.#copy = nodeCopy(this.memory.buffer);
  }

  /** Fills an array from an address on. */
  read(at: number, to: Uint8Array): void {
    const { bytes } = this;
    if (this.#copy !== undefined && to.byteLength >= longCopy) this.#copy(to, at);
    else to.set(bytes.subarray(at, at + to.byteLength));
  }

  /** Address of `bytes` bytes with arbitrary contents. Throws HebbError when the memory cannot grow so far. */
  allocate(bytes: number, what: string): number {
    const size = roundUp(bytes);
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const block = this.#free[i]!;
      if (block.bytes >= size && (best < 0 || block.bytes < this.#free[best]!.bytes)) {
        best = i;
        if (block.bytes === size) break;
      }
    }
    let at: number;
    if (best >= 0) {
      const block = this.#free[best]!;
      at = block.at;
      if (block.bytes === size) this.#free.splice(best, 1);
      else {
        block.at += size;
        block.bytes -= size;
      }
    } else at = this.#extend(size, what);
    this.#sizes.set(at, size);
    return at;
  }

  /** Takes memory at the end, with the free block there if there is one. */
  #extend(size: number, what: string): number {
    const last = this.#free.at(-1);
    const open = last !== undefined && last.at + last.bytes === this.#top ? last : undefined;
    const at = open?.at ?? this.#top;
    this.#reserve(at + size, size, what);
    if (open !== undefined) this.#free.pop();
    this.#top = at + size;
    return at;
  }

  #reserve(end: number, size: number, what: string): void {
    const needed = end + slack;
    const have = this.memory.buffer.byteLength;
    if (needed <= have) return;
    const fail = (cause?: unknown): never => {
      throw new HebbError(
        `out of memory: ${what} needs ${size} bytes, ${have} are in use and ${this.#maximum} is the limit`,
        { op: 'wasm', got: `${size} bytes`, ...(cause === undefined ? {} : { cause }) },
      );
    };
    if (needed > this.#maximum) fail();
    // By a quarter at least, so that many small steps do not become many growths.
    const generous = Math.min(this.#maximum, Math.max(needed, have + Math.floor(have / 4)));
    try {
      this.memory.grow(Math.ceil((generous - have) / page));
    } catch {
      try {
        this.memory.grow(Math.ceil((needed - have) / page));
      } catch (error) {
        fail(error);
      }
    }
  }

  free(at: number): void {
    const bytes = this.#sizes.get(at);
    if (bytes === undefined) return;
    this.#sizes.delete(at);
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#free[middle]!.at < at) low = middle + 1;
      else high = middle;
    }
    const before = this.#free[low - 1];
    const after = this.#free[low];
    const joinsBefore = before !== undefined && before.at + before.bytes === at;
    const joinsAfter = after !== undefined && at + bytes === after.at;
    if (joinsBefore) {
      before.bytes += bytes + (joinsAfter ? after.bytes : 0);
      if (joinsAfter) this.#free.splice(low, 1);
    } else if (joinsAfter) {
      after.at = at;
      after.bytes += bytes;
    } else this.#free.splice(low, 0, { at, bytes });
  }
}
