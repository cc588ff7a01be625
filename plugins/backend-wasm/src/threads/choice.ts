/**
 * Whether a program is run on all threads or by the caller alone. Threads win where cores are idle; where
 * other processes want the same cores, small programs spend their time waiting for each other. Results are
 * the same either way, so the choice follows the clock: now and then a few runs of both kinds are compared.
 */
const soonest = 12;
const rarest = 768;
/** Runs of each kind in a comparison, in turns. */
const rounds = 3;
/** Alone must be this much faster to be preferred. */
const margin = 0.95;

export class ThreadChoice {
  #parallel = true;
  /** Runs until the next comparison, and how many there were before. */
  #left = soonest;
  #interval = soonest;
  /** Best times of the comparison that is going on: alone, on all threads. */
  #best: [number, number] = [Infinity, Infinity];
  #trials = 0;

  /** Whether the next run is on all threads. */
  parallel(): boolean {
    if (this.#left > 0) return this.#parallel;
    return this.#trials % 2 === 0 ? !this.#parallel : this.#parallel;
  }

  /** Takes in how long the run took that `parallel()` was asked for. */
  record(parallel: boolean, milliseconds: number): void {
    if (this.#left > 0) {
      this.#left -= 1;
      return;
    }
    const at = parallel ? 1 : 0;
    this.#best[at] = Math.min(this.#best[at], milliseconds);
    this.#trials += 1;
    if (this.#trials < 2 * rounds) return;
    const [alone, together] = this.#best;
    const better = alone > together * margin;
    this.#interval = better === this.#parallel ? Math.min(rarest, this.#interval * 2) : soonest;
    this.#parallel = better;
    this.#left = this.#interval;
    this.#best = [Infinity, Infinity];
    this.#trials = 0;
  }
}
