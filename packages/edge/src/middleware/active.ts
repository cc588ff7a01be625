/** Requests being answered. */

/**
 * Counts requests, streams until their end. A platform may end a stream whose client left without a word (workerd
 * calls no `cancel` then): a stream that nobody has read for a while counts no longer.
 */
export class Active {
  readonly #idle: number;
  /** For each request when its stream was last read; no time while its answer is being made. */
  readonly #slots = new Map<object, number>();

  /** @param idle Milliseconds without a read after which a stream is gone. */
  constructor(idle: number) {
    this.#idle = idle;
  }
  get size(): number {
    const oldest = performance.now() - this.#idle;
    for (const [slot, read] of this.#slots) if (read < oldest) this.#slots.delete(slot);
    return this.#slots.size;
  }
  enter(): object {
    const slot = {};
    this.#slots.set(slot, Infinity);
    return slot;
  }
  /** Notes that the stream is read; one that was given up counts again. */
  read(slot: object): void {
    this.#slots.set(slot, performance.now());
  }
  leave(slot: object): void {
    this.#slots.delete(slot);
  }
}
