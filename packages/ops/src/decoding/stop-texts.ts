/** Texts that end a text, on the host: nothing here depends on tensors. */
import { fail } from '@hebb/core';

/**
 * Recognises texts that end a text which comes in pieces. `push` says what can be given out now: what may be
 * the beginning of an end is held back, the end and what is behind it are left out.
 */
export class StopTexts {
  readonly #ends: readonly string[];
  #held = '';
  #stopped = false;

  constructor(ends: readonly string[]) {
    if (ends.includes('')) fail('StopTexts', 'a text is empty');
    this.#ends = ends;
  }
  get stopped(): boolean {
    return this.#stopped;
  }
  push(piece: string): string {
    this.#held += piece;
    const found = this.#ends.map((end) => this.#held.indexOf(end)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.#stopped = true;
      return this.#take(Math.min(...found));
    }
    let keep = 0;
    for (const end of this.#ends) {
      let count = Math.min(end.length - 1, this.#held.length);
      while (count > keep && !this.#held.endsWith(end.slice(0, count))) count--;
      keep = Math.max(keep, count);
    }
    return this.#take(this.#held.length - keep);
  }
  /** What is still held back, at the end of a text that nothing ended. */
  flush(): string {
    return this.#stopped ? '' : this.#take(this.#held.length);
  }

  #take(count: number): string {
    const text = this.#held.slice(0, count);
    this.#held = this.#held.slice(count);
    return text;
  }
}
