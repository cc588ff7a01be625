/** Compiled models whose weights are in a store: read in ranges, checked piece by piece, straight into place. */
import { PlayerError, reserve } from '@hebb/runtime';
import type { Model, Plan, ReservedModel } from '@hebb/runtime';
import { RequestError } from '../error.ts';
import { Flight } from '../flight.ts';
import { WeightsError } from './error.ts';
import { checkManifest } from './manifest.ts';
import type { StoredBlock, WeightsManifest } from './manifest.ts';
import { digestOf } from '../digest.ts';
import { decrypt, importKey, place } from './place.ts';
import { PieceReader, within } from './reader.ts';
import type { WeightsStore } from './stores.ts';

type MaybeLater<T> = T | (() => T);

export interface StoredModelOptions {
  readonly plan: Plan;
  readonly module: WebAssembly.Module;
  readonly manifest: WeightsManifest;
  /** Where the weights are. A function is asked in a request, where bindings are there. */
  readonly store: MaybeLater<WeightsStore>;
  /** Key of encrypted weights, 32 bytes in base64: `() => env.WEIGHTS_KEY`. */
  readonly key?: MaybeLater<string | undefined>;
  /** Milliseconds after which a store that sends nothing is given up. Default 10,000. */
  readonly timeout?: number;
  /** Further tries of each read within one load. Default 2. */
  readonly retries?: number;
  /**
   * Seconds that requests are refused after a load that failed, before the next one tries again: `first`, then
   * twice as long each time, up to `most`. Default 1 and 30.
   */
  readonly backoff?: { readonly first?: number; readonly most?: number };
  /**
   * Keeps the worker alive until the load is over, whether or not the request that began it still is (`waitUntil`
   * of `cloudflare:workers`).
   */
  readonly waitUntil?: (promise: Promise<unknown>) => void;
  /** Most bytes that are asked for at once, where the store has ranges. Default 8 MiB. */
  readonly rangeBytes?: number;
}

/** An entry for `serve`, or the beginning of one. */
export interface StoredModel {
  readonly load: () => Promise<Model>;
  /** Lets go of the model; the next `load` reads it again. */
  readonly unload: () => void;
}

/**
 * A model that is loaded once, however many ask for it: `models: { digits: { ...storedModel({...}), labels } }`.
 *
 * Nothing runs before all of the weights are there and checked. What has been read and checked is kept when a
 * load fails or its request dies; the next one goes on from there.
 *
 * `load` throws RequestError 503 `unavailable` with `retry-after` when the weights cannot be had, a
 * WeightsError with the reason as its cause; PlayerError when plan and module do not fit.
 * @throws TypeError for a manifest that is not the plan's.
 */
export function storedModel(options: StoredModelOptions): StoredModel {
  checkManifest(options.manifest, options.plan.weights.bytes);
  const loader = new Loader(options);
  return { load: () => loader.load(), unload: () => loader.unload() };
}

/** A block with where it is. */
interface Located {
  readonly block: StoredBlock;
  /** Number of the block in the manifest. */
  readonly index: number;
  readonly key: string;
  /** Start in the object. */
  readonly offset: number;
}

class Loader {
  readonly #options: StoredModelOptions;
  readonly #blocks: readonly Located[];
  readonly #flight = new Flight<Model>();
  #model: Model | undefined;
  #reserved: ReservedModel | undefined;
  /** Numbers of the blocks that are in place and checked. */
  readonly #done = new Set<number>();
  #failures = 0;
  #retryAt = 0;

  constructor(options: StoredModelOptions) {
    this.#options = options;
    const blocks: Located[] = [];
    for (const object of options.manifest.objects) {
      let offset = 0;
      for (const block of object.blocks) {
        blocks.push({ block, index: blocks.length, key: object.key, offset });
        offset += block.bytes;
      }
    }
    this.#blocks = blocks;
  }

  async load(): Promise<Model> {
    if (this.#model !== undefined) return this.#model;
    const wait = this.#retryAt - Date.now();
    if (wait > 0) throw this.#unavailable(wait);
    const loading = this.#flight.join((isCurrent) => this.#attempt(isCurrent));
    this.#options.waitUntil?.(loading.catch(() => undefined));
    return loading;
  }

  unload(): void {
    this.#model = undefined;
  }

  async #attempt(isCurrent: () => boolean): Promise<Model> {
    const { plan, module } = this.#options;
    const reserved = (this.#reserved ??= reserve({ plan, module }));
    try {
      await this.#fill(reserved.weights, () => {
        // Another request has taken over: this one must not touch the memory again.
        if (!isCurrent()) throw new WeightsError('slow', 'another request has taken over');
      });
      const model = reserved.start();
      this.#model = model;
      // Its memory is the model's now.
      this.#reserved = undefined;
      this.#done.clear();
      this.#failures = 0;
      return model;
    } catch (error) {
      const ofWeights = error instanceof PlayerError && error.code === 'weights';
      if (!(error instanceof WeightsError) && !ofWeights) throw error;
      // All blocks were as written, and yet it is another model's image: nothing of it can be kept.
      if (ofWeights) this.#done.clear();
      if (!isCurrent()) throw this.#unavailable(1000);
      const { first = 1, most = 30 } = this.#options.backoff ?? {};
      const wait = Math.min(most, first * 2 ** this.#failures) * 1000;
      this.#failures += 1;
      this.#retryAt = Date.now() + wait;
      throw this.#unavailable(wait, error);
    }
  }

  #unavailable(wait: number, cause?: unknown): RequestError {
    return new RequestError(503, 'unavailable', 'the model is not available at the moment', {
      headers: { 'retry-after': String(Math.max(1, Math.ceil(wait / 1000))) },
      cause,
    });
  }

  async #fill(image: Uint8Array<ArrayBuffer>, check: () => void): Promise<void> {
    const { store: given, key: secret, manifest } = this.#options;
    const store = typeof given === 'function' ? given() : given;
    const key =
      manifest.encryption === undefined
        ? undefined
        : await importKey(typeof secret === 'function' ? secret() : secret);
    const staging: Staging = { bytes: new Uint8Array(0) };
    for (;;) {
      const run = this.#nextRun(store);
      const [first] = run;
      if (first === undefined) return;
      await this.#readRun(run, { store, image, key, check, staging });
    }
  }

  /** Blocks to read next with one request: neighbours in one object, as far as a range goes. */
  #nextRun({ ranges }: WeightsStore): readonly Located[] {
    const { rangeBytes = 8 * 2 ** 20 } = this.#options;
    const start = this.#blocks.findIndex(({ index }) => !this.#done.has(index));
    if (start < 0) return [];
    const first = this.#blocks[start]!;
    let end = start;
    while (end < this.#blocks.length) {
      const { index, key, offset, block } = this.#blocks[end]!;
      const within = !ranges || end === start || offset + block.bytes - first.offset <= rangeBytes;
      if (key !== first.key || this.#done.has(index) || !within) break;
      end += 1;
    }
    return this.#blocks.slice(start, end);
  }

  async #readRun(run: readonly Located[], target: Target): Promise<void> {
    const { retries = 2 } = this.#options;
    let rest = run;
    for (let failed = 0; ; failed++) {
      try {
        await this.#readOnce(rest, target);
        return;
      } catch (error) {
        const final =
          !(error instanceof WeightsError) || ['missing', 'key'].includes(error.problem);
        if (final || failed >= retries) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50 * 4 ** failed));
        target.check();
        rest = rest.filter(({ index }) => !this.#done.has(index));
      }
    }
  }

  async #readOnce(run: readonly Located[], target: Target): Promise<void> {
    const { timeout = 10_000, manifest } = this.#options;
    const { store, image, key, check, staging } = target;
    const [first] = run as [Located];
    const { key: name, offset } = first;
    const length = run.reduce((sum, { block }) => sum + block.bytes, 0);
    const about = (error: unknown): unknown =>
      error instanceof WeightsError
        ? new WeightsError(error.problem, `${name}: ${error.message}`, { cause: error.cause })
        : error;
    const aborter = new AbortController();
    let reader: PieceReader | undefined;
    try {
      const stream = await within(timeout, store.read(name, offset, length, aborter.signal));
      if (stream === undefined) throw new WeightsError('missing', 'the store has no such object');
      reader = new PieceReader(stream, timeout, check);
      if (!store.ranges) await reader.skip(offset);
      for (const { block, index } of run) {
        const bytes = placeOf(block, manifest, image) ?? stagingOf(staging, block.bytes);
        await reader.fill(bytes);
        const digest = await digestOf(bytes);
        check();
        if (digest !== block.sha256) {
          throw new WeightsError(
            'corrupt',
            `block ${index} is not what was written: SHA-256 ${digest}, wanted ${block.sha256}`,
          );
        }
        if (bytes.buffer !== image.buffer) {
          const plain = key === undefined ? bytes : await decrypt(bytes, manifest, index, key);
          check();
          place(plain, block, image);
        }
        this.#done.add(index);
      }
    } catch (error) {
      aborter.abort();
      throw about(error);
    } finally {
      reader?.cancel();
    }
  }
}

interface Target {
  readonly store: WeightsStore;
  readonly image: Uint8Array<ArrayBuffer>;
  readonly key: CryptoKey | undefined;
  readonly check: () => void;
  readonly staging: Staging;
}

/** Room for one block that cannot go straight into place; used again and again. */
interface Staging {
  bytes: Uint8Array<ArrayBuffer>;
}

function stagingOf(staging: Staging, bytes: number): Uint8Array<ArrayBuffer> {
  if (staging.bytes.length < bytes) staging.bytes = new Uint8Array(bytes);
  return staging.bytes.subarray(0, bytes);
}

/** Where a block goes as it is. */
function placeOf(
  { parts }: StoredBlock,
  { encryption }: WeightsManifest,
  image: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> | undefined {
  const [part] = parts;
  if (encryption !== undefined || parts.length !== 1 || part?.encoding !== 'raw') return undefined;
  return image.subarray(part.offset, part.offset + part.bytes);
}
