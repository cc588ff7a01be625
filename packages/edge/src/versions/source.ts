/** Which versions all isolates and processes of a service give: a record that each of them reads from time to time. */
import { Flight } from '../flight.ts';
import type { Metrics } from '../middleware/metrics.ts';
import { within } from '../weights/reader.ts';

/** Versions (or aliases) by the name of the model: `{ digits: '2' }`. */
export type VersionRecord = Readonly<Record<string, string>>;

export interface VersionsOptions {
  /** The record as it is now; `undefined` where there is none, which is the same as an empty one. */
  readonly read: () => Promise<VersionRecord | undefined> | VersionRecord | undefined;
  /** Seconds that what has been read counts. 0 asks before every request. Default 10. */
  readonly maxAge?: number;
  /** Milliseconds after which a source that says nothing is given up for this time. Default 1000. */
  readonly timeout?: number;
  /**
   * Keeps a worker alive until a new version is there (`waitUntil` of `cloudflare:workers`). Default: the load goes
   * on by itself, which it does in Node, Deno and Bun, and in workers where the entry sees to it (`stored`).
   */
  readonly waitUntil?: (promise: Promise<unknown>) => void;
  /** The time in milliseconds, for tests. Default `Date.now`. */
  readonly now?: () => number;
}

/** What was read, and the how-manieth time of asking it is. */
export interface Snapshot {
  readonly asked: number;
  readonly record: VersionRecord;
}

/** What became of a version that the record names. */
export type Outcome = 'switched' | 'unknown' | 'failed';

export interface VersionsHooks {
  readonly metrics: Metrics;
  readonly onError: (error: unknown, request: Request) => void;
}

/** One record for all models of a handler. */
export class VersionSource {
  readonly waitUntil: (promise: Promise<unknown>) => void;
  readonly #options: VersionsOptions;
  readonly #hooks: VersionsHooks;
  readonly #maxAge: number;
  readonly #timeout: number;
  readonly #flight = new Flight<void>();
  #asked = 0;
  #askedAt: number | undefined;
  #record: VersionRecord | undefined;
  /** Whether the last time failed, and somebody knows. */
  #failing = false;

  /** @throws RangeError for a time that is negative or no number. */
  constructor(options: VersionsOptions, hooks: VersionsHooks) {
    const { maxAge = 10, timeout = 1000, waitUntil = () => undefined } = options;
    if (!(maxAge >= 0 && maxAge < Infinity)) {
      throw new RangeError(`versions.maxAge is a number of seconds, got ${maxAge}`);
    }
    if (!(timeout > 0 && timeout < Infinity)) {
      throw new RangeError(`versions.timeout is a number of milliseconds, got ${timeout}`);
    }
    this.#options = options;
    this.#hooks = hooks;
    this.#maxAge = maxAge * 1000;
    this.#timeout = timeout;
    this.waitUntil = waitUntil;
  }

  /** The record, asked for where it is too old; `undefined` before it was read once. Never throws. */
  async read(request: Request): Promise<Snapshot | undefined> {
    if (this.#isOld()) {
      await this.#flight.join(async (isCurrent) => {
        // Another request may have asked while this one waited for it.
        if (this.#isOld()) await this.#ask(request, isCurrent);
      });
    }
    return this.#record === undefined ? undefined : { asked: this.#asked, record: this.#record };
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  #isOld(): boolean {
    if (this.#askedAt === undefined) return true;
    const age = this.#now() - this.#askedAt;
    // A clock that was set back must not make it young for ever.
    return age < 0 || age >= this.#maxAge;
  }

  async #ask(request: Request, isCurrent: () => boolean): Promise<void> {
    const { metrics } = this.#hooks;
    // From the beginning of the question on: the answer is no newer than that.
    const askedAt = this.#now();
    let record: VersionRecord | undefined;
    let failure: unknown;
    try {
      const reading = (async () => this.#options.read())();
      record = checkRecord((await within(this.#timeout, reading)) ?? {});
    } catch (error) {
      failure = error;
    }
    if (!isCurrent()) return;
    this.#askedAt = askedAt;
    this.#asked += 1;
    if (record !== undefined) {
      metrics.versionReads.add({ outcome: 'read' });
      this.#record = record;
      this.#failing = false;
      return;
    }
    metrics.versionReads.add({ outcome: 'failed' });
    if (this.#failing) return;
    this.#failing = true;
    const message = `versions: nothing changes, the record cannot be read: ${reasonOf(failure)}`;
    this.#hooks.onError(new Error(message, { cause: failure }), request);
  }

  /** Counts what became of a version. */
  note(outcome: Outcome, labels: { model: string; version: string }): void {
    this.#hooks.metrics.versionSwitches.add({ ...labels, outcome });
  }

  /** Tells the operator of a version that is not served. */
  tell(error: Error, request: Request): void {
    this.#hooks.onError(error, request);
  }
}

/** What the store itself said, where it did. */
function reasonOf(failure: unknown): string {
  const { cause } = failure instanceof Error ? failure : {};
  const said = cause ?? failure;
  return said instanceof Error ? said.message : String(said);
}

/** @throws TypeError that says what is there instead of names and versions. */
export function checkRecord(value: unknown): VersionRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`an object such as { "digits": "2" } is wanted, got ${shown(value)}`);
  }
  for (const [name, version] of Object.entries(value)) {
    if (typeof version === 'string') continue;
    const got = shown(version);
    throw new TypeError(`the version of ${shown(name)} is a string, got ${got}`);
  }
  return value as VersionRecord;
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 60);
