/** Work that many requests wait for and one of them does. */

interface Running<T> {
  readonly promise: Promise<T>;
  /** When the request that does the work last showed that it lives. */
  beatAt: number;
}

/** Milliseconds between signs of life. */
const beat = 200;
/** Milliseconds without one after which it is given up. */
const mostSilent = 1000;

/**
 * The first caller does the work, whoever comes meanwhile waits for its result. On workers a request dies with
 * its client, its timers and reads with it, and nobody is told: when the one at work shows no sign of life, one
 * of those that wait begins anew.
 */
export class Flight<T> {
  #running: Running<T> | undefined;

  /**
   * @param work Gets a function that says whether it is still the one at work; where several run side by side,
   *   only that one may change what they share.
   */
  async join(work: (isCurrent: () => boolean) => Promise<T>): Promise<T> {
    for (;;) {
      const running = this.#running;
      if (running === undefined) return this.#start(work);
      const outcome = await watched(running);
      if (outcome !== lost) return outcome.value;
      if (this.#running === running) this.#running = undefined;
    }
  }

  #start(work: (isCurrent: () => boolean) => Promise<T>): Promise<T> {
    const begun: { running?: Running<T> } = {};
    const isCurrent = (): boolean => this.#running === begun.running;
    const timer = repeat(beat, () => (running.beatAt = Date.now()));
    const promise = (async () => {
      // Not before it is known as running.
      await Promise.resolve();
      try {
        return await work(isCurrent);
      } finally {
        clearInterval(timer);
        if (isCurrent()) this.#running = undefined;
      }
    })();
    const running: Running<T> = { promise, beatAt: Date.now() };
    begun.running = running;
    this.#running = running;
    return promise;
  }
}

const lost = Symbol('lost');

function watched<T>(running: Running<T>): Promise<{ value: T } | typeof lost> {
  return new Promise((resolve, reject) => {
    let silent = 0;
    const timer = repeat(beat, () => {
      silent = Date.now() - running.beatAt > mostSilent ? silent + 1 : 0;
      // Twice: where something else has held up all timers, the other one's is due by then.
      if (silent < 2) return;
      clearInterval(timer);
      resolve(lost);
    });
    running.promise.then(
      (value) => {
        clearInterval(timer);
        resolve({ value });
      },
      (error: unknown) => {
        clearInterval(timer);
        reject(error instanceof Error ? error : new Error(String(error), { cause: error }));
      },
    );
  });
}

/** Workers have no timers outside of requests. */
function repeat(ms: number, body: () => void): ReturnType<typeof setInterval> | undefined {
  try {
    return setInterval(body, ms);
  } catch {
    return undefined;
  }
}
