/** The models that a handler serves: loaded when they are first needed, in versions that can be switched. */
import { RequestError } from './error.ts';
import { Flight } from './flight.ts';
import type { Loadable, ModelEntry, VersionedEntry } from './model.ts';
import type { VersionSource } from './versions/source.ts';

/** A version of a model that has been loaded. */
export interface Loaded<E extends Loadable = ModelEntry> {
  readonly name: string;
  readonly version: string;
  readonly entry: E;
  readonly model: ModelOf<E>;
}

/** What an entry loads. */
export type ModelOf<E extends Loadable> = Awaited<ReturnType<E['load']>>;

export interface ModelsOptions {
  readonly init?: (() => Promise<unknown>) | undefined;
  /** Told how long each model took to load, in milliseconds. */
  readonly onLoad?: ((name: string, version: string, ms: number) => void) | undefined;
}

const isVersioned = <E extends Loadable>(
  entry: E | VersionedEntry<E>,
): entry is VersionedEntry<E> => 'versions' in entry;

/** A plain entry is version 1 of itself. */
const firstVersion = '1';

/** What the source of versions said of a model, and what became of it. */
interface Followed {
  readonly version: string;
  /** The time of asking at which it was tried last. */
  asked: number;
  /** Whether the operator has been told that it is not served. */
  told: boolean;
  /** It is the current one, not having been loaded yet; this is the one to go back to. */
  insteadOf?: string | undefined;
}

export class Models<E extends Loadable = ModelEntry> {
  readonly names: readonly string[];
  readonly #entries: ReadonlyMap<string, VersionedEntry<E>>;
  readonly #current = new Map<string, string>();
  /** What is current where no source of versions says otherwise. */
  readonly #configured = new Map<string, string>();
  readonly #followed = new Map<string, Followed>();
  #source: VersionSource | undefined;
  readonly #flights = new Map<string, Flight<ModelOf<E>>>();
  readonly #loaded = new Map<string, ModelOf<E>>();
  readonly #options: ModelsOptions;
  #ready: Promise<unknown> | undefined;

  /** @throws RangeError when a current version or an alias names a version that is not there. */
  constructor(
    entries: Readonly<Record<string, E | VersionedEntry<E>>>,
    options: ModelsOptions = {},
  ) {
    this.#options = options;
    this.#entries = new Map(
      Object.entries(entries).map(([name, entry]) => [
        name,
        isVersioned(entry) ? entry : { versions: { [firstVersion]: entry }, current: firstVersion },
      ]),
    );
    this.names = [...this.#entries.keys()];
    for (const [name, { versions, current, aliases = {} }] of this.#entries) {
      for (const version of [...Object.values(aliases), aliases[current] ?? current]) {
        if (Object.hasOwn(versions, version)) continue;
        const known = Object.keys(versions).join(', ');
        throw new RangeError(`model ${name} has no version ${version}; it has ${known}`);
      }
      this.#current.set(name, aliases[current] ?? current);
      this.#configured.set(name, aliases[current] ?? current);
    }
  }

  versions(name: string): string[] {
    return Object.keys(this.#entryOf(name).versions);
  }

  /** The version that requests get which name none. */
  current(name: string): string {
    this.#entryOf(name);
    return this.#current.get(name)!;
  }

  /** The version that a name or alias means; the current one where none is given. @throws RequestError 404. */
  version(name: string, version?: string): string {
    return this.#versionOf(name, version);
  }

  /** Whether a request would find it loaded. */
  isLoaded(name: string, version?: string): boolean {
    return this.#loaded.has(JSON.stringify([name, this.#versionOf(name, version)]));
  }

  entry(name: string, version?: string): E {
    return this.#entryOf(name).versions[this.#versionOf(name, version)]!;
  }

  /**
   * Loads the version, or the current one; once, and again after a failure. `onWait` is called when it is not
   * there yet.
   * @throws RequestError 404 for a name or version that is not there; what loading throws.
   */
  async load(name: string, version?: string, onWait?: () => void): Promise<Loaded<E>> {
    const found = this.#versionOf(name, version);
    const entry = this.#entryOf(name).versions[found]!;
    const key = JSON.stringify([name, found]);
    const model = this.#loaded.get(key);
    if (model !== undefined) return { name, version: found, entry, model };
    onWait?.();
    const flight = this.#flights.get(key) ?? new Flight();
    this.#flights.set(key, flight);
    const loaded = await flight.join(() => this.#start(name, found, entry));
    this.#loaded.set(key, loaded);
    return { name, version: found, entry, model: loaded };
  }

  async #start(name: string, version: string, entry: E): Promise<ModelOf<E>> {
    const started = performance.now();
    this.#ready ??= Promise.resolve(this.#options.init?.());
    try {
      await this.#ready;
      const model = (await entry.load()) as ModelOf<E>;
      this.#options.onLoad?.(name, version, performance.now() - started);
      return model;
    } catch (error) {
      this.#ready = undefined;
      throw error;
    }
  }

  /**
   * Makes a version (or alias) the current one, once it is loaded: requests that have begun end with the old
   * one, and nothing changes when the new one does not load.
   */
  async use(name: string, version: string): Promise<void> {
    const loaded = await this.load(name, version);
    this.#current.set(name, loaded.version);
  }

  /** From now on `choose` asks there which version is current, whatever `use` has said. */
  follow(source: VersionSource | undefined): void {
    this.#source = source;
  }

  /**
   * Makes the version current that the source names, where there is a source. It waits for the source and never for
   * a model: where one is loaded already, that one goes on until the other is there; where none is, `settle` loads.
   * A version that is not there or does not load changes nothing. Never throws.
   */
  async choose(name: string, request: Request): Promise<void> {
    const source = this.#source;
    if (source === undefined || !this.#entries.has(name)) return;
    const snapshot = await source.read(request);
    if (snapshot === undefined) return;
    const { asked, record } = snapshot;
    const named = Object.hasOwn(record, name) ? record[name]! : this.#configured.get(name)!;
    let followed = this.#followed.get(name);
    if (followed?.version !== named) {
      this.#takeBack(name);
      followed = { version: named, asked: 0, told: false };
      this.#followed.set(name, followed);
    }
    const current = this.#current.get(name)!;
    let version: string;
    try {
      version = this.#versionOf(name, named);
    } catch (error) {
      this.#tell({ name, followed, outcome: 'unknown', error, request });
      return;
    }
    if (version === current) return;
    if (this.isLoaded(name, version)) {
      this.#switchTo(name, version, followed);
      return;
    }
    // Once for each time of asking: what did not load is not tried at every request.
    if (followed.asked === asked) return;
    followed.asked = asked;
    if (!this.isLoaded(name)) {
      followed.insteadOf = current;
      this.#current.set(name, version);
      return;
    }
    const loading = this.load(name, version).then(
      () => {
        // Meanwhile the source may have named another one.
        if (this.#followed.get(name) === followed) this.#switchTo(name, version, followed);
      },
      (error: unknown) => this.#tell({ name, followed, outcome: 'failed', error, request }),
    );
    source.waitUntil(loading);
  }

  /**
   * Loads the version that `choose` has made current in place of one that was not loaded either, and goes back to
   * that one where it does not load. Never throws.
   */
  async settle(name: string, request: Request, onWait?: () => void): Promise<void> {
    const followed = this.#followed.get(name);
    if (followed?.insteadOf === undefined) return;
    try {
      const { version } = await this.load(name, undefined, onWait);
      if (followed.insteadOf !== undefined) this.#switchTo(name, version, followed);
    } catch (error) {
      const { insteadOf } = followed;
      if (insteadOf === undefined || this.#followed.get(name) !== followed) return;
      followed.insteadOf = undefined;
      this.#current.set(name, insteadOf);
      this.#tell({ name, followed, outcome: 'failed', error, request });
    }
  }

  /** Takes back what was chosen and has not been loaded, since something else is named now. */
  #takeBack(name: string): void {
    const followed = this.#followed.get(name);
    if (followed?.insteadOf !== undefined) this.#current.set(name, followed.insteadOf);
  }

  #switchTo(name: string, version: string, followed: Followed): void {
    followed.insteadOf = undefined;
    followed.told = false;
    this.#current.set(name, version);
    this.#source?.note('switched', { model: name, version });
  }

  #tell({ name, followed, outcome, error, request }: Refusal): void {
    if (followed.told) return;
    followed.told = true;
    const { version } = followed;
    this.#source?.note(outcome, { model: name, version });
    const cause = error instanceof RequestError ? (error.cause ?? error) : error;
    const why = cause instanceof Error ? cause.message : String(cause);
    const what =
      outcome === 'unknown' ? why : `version ${quoted(version)} of ${name} did not load: ${why}`;
    const message = `versions: ${what}; ${this.#current.get(name)!} goes on`;
    this.#source?.tell(new Error(message, { cause }), request);
  }

  /** Lets go of a loaded version: the next request that needs it loads it again. */
  unload(name: string, version?: string): void {
    this.entry(name, version).unload?.();
    this.#loaded.delete(JSON.stringify([name, this.#versionOf(name, version)]));
  }

  #entryOf(name: string): VersionedEntry<E> {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    const known = this.names.join(', ');
    throw new RequestError(404, 'not_found', `no model ${quoted(name)}; there is ${known}`);
  }

  #versionOf(name: string, version?: string): string {
    const { versions, aliases = {} } = this.#entryOf(name);
    if (version === undefined) return this.#current.get(name)!;
    const found = Object.hasOwn(aliases, version) ? aliases[version]! : version;
    if (Object.hasOwn(versions, found)) return found;
    const known = [...Object.keys(versions), ...Object.keys(aliases)].join(', ');
    throw new RequestError(
      404,
      'not_found',
      `model ${name} has no version ${quoted(version)}; there is ${known}`,
    );
  }
}

interface Refusal {
  readonly name: string;
  readonly followed: Followed;
  readonly outcome: 'unknown' | 'failed';
  readonly error: unknown;
  readonly request: Request;
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));
