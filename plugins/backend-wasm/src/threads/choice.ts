/**
 * Whether a program is run on all threads or by the caller alone. Threads win where cores are idle; where
 * other processes want the same cores, small programs spend their time waiting for each other. Results are
 * the same either way, so the choice follows the clock: now and then a few runs of both kinds are compared.
 *
 * What counts is the time from one run to the next. A run alone would not show what threads cost elsewhere:
 * results that lie in the cache of another core, and the engine's collector, which wants a core too.
 */
const soonest = 12;
const rarest = 768;
/** Milliseconds from one run to the next above which a comparison is dear, and less often worth it. */
const long = 10;
/** Runs of one kind in a comparison; the first of them only changes over. */
const rounds = 4;
/** Alone must be this much faster to be preferred. */
const margin = 0.95;

/** The middle one of a few times: neither a pause of the caller nor one lucky run decides. */
const middle = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!;

export class ThreadChoice {
  #parallel = true;
  /** Runs until the next comparison, and how many there were before. */
  #left = soonest;
  #interval = soonest;
  /** Starts of the runs of a comparison: those of the other kind, then those of the present one. */
  #starts: number[] = [];
  /** When the runs since the last comparison began. */
  #since: number | undefined;

  /** Whether the run that starts now, in milliseconds, is on all threads. */
  parallel(now: number): boolean {
    this.#since ??= now;
    const due = this.#left === 0 && this.#starts.length === 0 && this.#parallel;
    // Alone, such a program takes long: threads, which are seldom a loss to it, are kept for now.
    if (due && this.#interval === soonest && now - this.#since > soonest * long) {
      this.#interval *= 4;
      this.#left = this.#interval - soonest;
    }
    if (this.#left > 0) {
      this.#left -= 1;
      return this.#parallel;
    }
    this.#starts.push(now);
    const begun = this.#starts.length;
    if (begun <= 2 * rounds) return begun <= rounds ? !this.#parallel : this.#parallel;
    this.#decide();
    return this.#parallel;
  }

  #decide(): void {
    const times = this.#starts.slice(1).map((start, i) => start - this.#starts[i]!);
    const other = middle(times.slice(1, rounds));
    const present = middle(times.slice(rounds + 1));
    const [alone, together] = this.#parallel ? [other, present] : [present, other];
    const better = alone > together * margin;
    this.#interval = better === this.#parallel ? Math.min(rarest, this.#interval * 4) : soonest;
    this.#parallel = better;
    this.#left = this.#interval;
    this.#starts = [];
    this.#since = undefined;
  }
}
