/** Worker threads of the host: of Node, or of a browser. */

/** A worker as the pool needs it. */
export interface HostWorker {
  post(message: object): void;
  /** Called once, when the worker is ready. */
  readonly ready: Promise<void>;
  /** Called when the worker has stopped or failed. */
  onEnd(listener: (reason: string) => void): void;
  terminate(): Promise<void>;
}

interface NodeWorker {
  postMessage(message: object): void;
  on(event: 'message' | 'error' | 'exit', listener: (value: unknown) => void): void;
  unref(): void;
  terminate(): Promise<unknown>;
}
interface NodeThreads {
  readonly Worker: new (source: string, options: { eval: true }) => NodeWorker;
  readonly isMainThread: boolean;
}

const inNode = (): boolean => {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
};

/** Whether threads can share memory here, and whether the calling thread may sleep. */
export function threadSupport(): { readonly threads: boolean; readonly maySleep: boolean } {
  if (inNode()) return { threads: true, maySleep: true };
  const { crossOriginIsolated, Worker: worker } = globalThis as {
    crossOriginIsolated?: boolean;
    Worker?: unknown;
  };
  const threads =
    crossOriginIsolated === true && worker !== undefined && typeof SharedArrayBuffer === 'function';
  // Only a page's main thread has a document; it must not block.
  return { threads, maySleep: !('document' in globalThis) };
}

/** Processor cores as the host tells. */
export function coreCount(): number {
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  return navigator?.hardwareConcurrency ?? 1;
}

export async function startWorker(source: string): Promise<HostWorker> {
  return inNode() ? startNodeWorker(source) : startWebWorker(source);
}

async function startNodeWorker(source: string): Promise<HostWorker> {
  // Not written as a literal: bundlers for browsers would look for it.
  const name: string = 'node:worker_threads';
  const { Worker } = (await import(name)) as NodeThreads;
  const worker = new Worker(source, { eval: true });
  const ready = new Promise<void>((resolve, reject) => {
    worker.on('message', () => resolve());
    worker.on('error', reject);
  });
  const listeners: ((reason: string) => void)[] = [];
  worker.on('error', (error) => listeners.forEach((listener) => listener(String(error))));
  worker.on('exit', () => listeners.forEach((listener) => listener('it has stopped')));
  return {
    ready: ready.then(() => worker.unref()),
    post: (message) => worker.postMessage(message),
    onEnd: (listener) => listeners.push(listener),
    terminate: async () => {
      await worker.terminate();
    },
  };
}

function startWebWorker(source: string): HostWorker {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url);
  const ready = new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = (event) => reject(new Error(event.message));
  });
  const forget = (): void => URL.revokeObjectURL(url);
  ready.then(forget, forget);
  return {
    ready,
    post: (message) => worker.postMessage(message),
    onEnd: (listener) => worker.addEventListener('error', (event) => listener(event.message)),
    terminate: () => {
      worker.terminate();
      return Promise.resolve();
    },
  };
}
