/** Keeps time for a loop: when to look at the numbers, and when to let other work in. */

/** How often progress is read and shown. */
const interval = 100;

export class Pulse {
  readonly #start = performance.now();
  #last = this.#start;

  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** True every tenth of a second, and at the end. */
  due(end: boolean): boolean {
    const now = performance.now();
    if (!end && now - this.#last < interval) return false;
    this.#last = now;
    return true;
  }

  /** Lets timers, input and abort signals have their turn: steps on the CPU never leave the thread otherwise. */
  rest(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 0));
  }
}
