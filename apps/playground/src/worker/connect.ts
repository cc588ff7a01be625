/** The page's end of the worker: starts it, starts it again, falls back from WebGPU to WebAssembly. */
import { wrap } from 'comlink';
import type { Remote } from 'comlink';
import type { BackendName, Where } from './backend.ts';
import type { Host } from './main.ts';
import type { Api, WorkName } from './works.ts';

export type { WorkName } from './works.ts';

export interface WorkOptions<N extends WorkName> {
  /** A fresh worker is there: at the start, after a change of the backend, after a lost device. */
  readonly ready: (api: Remote<Api<N>>, where: Where) => Promise<void> | void;
  /** The worker is gone; until `ready` comes again there is none. */
  readonly gone?: () => void;
}

export interface Work<N extends WorkName> {
  /** `undefined` until it is ready. */
  readonly api: Remote<Api<N>> | undefined;
  readonly where: Where | undefined;
}

/** What the shell hears from a worker's start. */
export interface Listener {
  started(where: Where): void;
  /** WebGPU was wanted and is not to be had: it went on with WebAssembly. */
  fellBack(why: unknown): void;
  failed(error: unknown): void;
}

/** What an error says when the device is gone: the worker must be made anew. */
export const isLoss = (error: unknown): boolean =>
  error instanceof Error && /device is lost|device has no memory/.test(error.message);

export class Connection<N extends WorkName> implements Work<N> {
  api: Remote<Api<N>> | undefined;
  where: Where | undefined;
  readonly #name: N;
  readonly #options: WorkOptions<N>;
  readonly #listener: Listener;
  #worker: Worker | undefined;
  /** Counts the starts: what a replaced worker still says is not listened to. */
  #start = 0;

  constructor(name: N, options: WorkOptions<N>, listener: Listener) {
    this.#name = name;
    this.#options = options;
    this.#listener = listener;
  }

  /** Ends the worker there is and starts one on this backend. Never rejects: the listener is told. */
  async start(backend: BackendName): Promise<void> {
    this.stop();
    const start = this.#start;
    try {
      await this.#open(backend, start);
    } catch (error) {
      if (start !== this.#start) return;
      if (backend !== 'webgpu' || this.api !== undefined) return this.#listener.failed(error);
      this.#listener.fellBack(error);
      await this.start('wasm');
    }
  }

  async #open(backend: BackendName, start: number): Promise<void> {
    const worker = new Worker(new URL('./main.ts', import.meta.url), { type: 'module' });
    this.#worker = worker;
    const broken = new Promise<never>((_, reject) => {
      worker.addEventListener('error', (event) =>
        reject(new Error(event.message || 'The worker could not be loaded; reload the page.')),
      );
    });
    const host = wrap<Host>(worker);
    const where = await Promise.race([host.start(backend), broken]);
    // Comlink cannot tell the name's type from the value's: Api<N> is what create of that name gives.
    const opened: unknown = await Promise.race([host.open(this.#name), broken]);
    const api = opened as Remote<Api<N>>;
    if (start !== this.#start) return;
    this.api = api;
    this.where = where;
    this.#listener.started(where);
    await this.#options.ready(api, where);
  }

  stop(): void {
    this.#start += 1;
    const had = this.#worker !== undefined;
    this.api = undefined;
    this.where = undefined;
    this.#worker?.terminate();
    this.#worker = undefined;
    if (had) this.#options.gone?.();
  }
}
