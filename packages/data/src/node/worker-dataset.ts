/** Batches made in worker threads, the same as without them. */

import { Worker } from 'node:worker_threads';
import { fetchBatch } from '../dataset/dataset.ts';
import type { Dataset, Indices, Sample } from '../dataset/dataset.ts';
import { DataError, reasonOf } from '../error.ts';
import { ownClass } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';
import { buildDataset } from './dataset-source.ts';
import type { BuildRequest, DatasetSource, Reply } from './dataset-source.ts';

export interface WorkerDatasetOptions {
  /** Threads; default 1. With 0 the data set is built and read here. */
  readonly workers?: number;
  /** Most megabytes of each thread's heap (arrays of numbers lie outside of it). Default Node's. */
  readonly maxHeapMb?: number;
}

interface Waiting {
  readonly resolve: (batch: Sample) => void;
  readonly reject: (error: DataError) => void;
}

/** One thread, and the batches it owes. */
class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  /** Why it cannot be used any more. */
  #dead: DataError | undefined;
  readonly ready: Promise<number>;

  constructor(request: BuildRequest, maxHeapMb: number | undefined) {
    // Sources run as they are, and find those of other packages by the same condition.
    const source = import.meta.url.endsWith('.ts');
    this.#worker = new Worker(
      new URL(source ? './dataset-worker.ts' : './dataset-worker.js', import.meta.url),
      {
        workerData: request,
        ...(source && {
          execArgv: ['--conditions=@hebb/source', '--disable-warning=ExperimentalWarning'],
        }),
        ...(maxHeapMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } }),
      },
    );
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (reply: Reply) => {
        if (reply.kind === 'ready') resolve(reply.length);
        else if (reply.kind === 'failed') reject(failure(reply));
        else this.#settle(reply);
      });
      const died = (why: string, cause?: unknown): void => {
        this.#dead ??= new DataError('workerDataset', `a worker thread has died: ${why}`, {
          ...(cause === undefined ? {} : { cause }),
        });
        reject(this.#dead);
        for (const { reject: fail } of this.#waiting.values()) fail(this.#dead);
        this.#waiting.clear();
      };
      this.#worker.on('error', (error: unknown) => died(reasonOf(error), error));
      this.#worker.on('messageerror', (error) => died('its answer cannot be read', error));
      this.#worker.on('exit', (code) => died(`it ended with code ${code}`));
    });
  }

  get owed(): number {
    return this.#waiting.size;
  }

  #settle(reply: Extract<Reply, { id: number }>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    // A thread that owes nothing does not keep the process.
    if (this.#waiting.size === 0) this.#worker.unref();
    if (reply.kind === 'batch') waiting?.resolve(received(reply.batch));
    else waiting?.reject(failure(reply));
  }

  ask(id: number, indices: Int32Array, epoch: number): Promise<Sample> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, indices, epoch });
    });
  }

  rest(): void {
    this.#worker.unref();
  }

  async close(): Promise<void> {
    this.#dead ??= new DataError('workerDataset', 'it has been closed');
    await this.#worker.terminate();
  }
}

const received = (batch: Sample): Sample =>
  Object.fromEntries(
    Object.entries<NDArray>(batch).map(([name, column]) => [
      name,
      { ...column, data: ownClass(column.data) },
    ]),
  );

function failure({ message, dataKind }: Extract<Reply, { message: string }>): DataError {
  return new DataError('workerDataset', message, dataKind === undefined ? {} : { kind: dataKind });
}

/** A data set whose batches are promises. Samples one by one are not to be had: ask for batches. */
export class WorkerDataset<S extends Sample = Sample> {
  readonly length: number;
  readonly workers: number;
  /** Batches that keep all threads busy: a loader asks for so many ahead. */
  readonly ahead: number;
  readonly #threads: readonly Thread[];
  readonly #here: Dataset<S> | undefined;
  #asked = 0;

  /** See `workerDataset`. */
  constructor(threads: readonly Thread[], length: number, here: Dataset<S> | undefined) {
    this.#threads = threads;
    this.#here = here;
    this.length = length;
    this.workers = threads.length;
    this.ahead = here === undefined ? 2 * threads.length : 0;
  }

  get(index: number): S {
    if (this.#here !== undefined) return this.#here.get(index);
    throw new DataError('workerDataset', 'samples are made in worker threads: ask for a batch', {
      got: `get(${index})`,
    });
  }

  /**
   * @throws DataError (the promise's) for what goes wrong in a thread, with the same message as without
   *   threads, and when a thread has died or been closed.
   */
  batch(indices: Indices, epoch = 0): S | Promise<S> {
    if (this.#here !== undefined) return fetchBatch(this.#here, indices, epoch);
    const id = this.#asked++;
    // The one that owes least; among equals they take turns.
    let chosen = this.#threads[id % this.#threads.length]!;
    for (const thread of this.#threads) if (thread.owed < chosen.owed) chosen = thread;
    return chosen.ask(id, Int32Array.from(indices), epoch) as Promise<S>;
  }

  /** Ends the threads; batches that are still owed fail. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * A data set that worker threads build and read, so that the next batches are made while the model computes:
 *
 * ```ts no-run
 * // train-set.ts
 * export async function trainSet(seed: number) {
 *   const { train } = await loadCifar10();
 *   return augment(train, [randomCrop(32, { padding: 4 }), randomHorizontalFlip()], { seed });
 * }
 *
 * // train.ts
 * const module = new URL('./train-set.ts', import.meta.url);
 * await using data = await workerDataset({ module, export: 'trainSet', args: [1] }, { workers: 2 });
 * await trainer.fit(data, { batchSize: 64 });
 * ```
 *
 * Each thread builds its own copy by calling the export with the arguments. Batches, their order and their
 * numbers are those of `workers: 0`, bit for bit, as long as a sample depends on nothing but its number and the
 * epoch (as in `augment`). Arrays move between threads without being copied by the one that trains.
 *
 * @throws DataError when the module or export is not there, building fails, or the threads' copies differ in
 *   length.
 */
export async function workerDataset<S extends Sample = Sample>(
  source: DatasetSource,
  { workers = 1, maxHeapMb }: WorkerDatasetOptions = {},
): Promise<WorkerDataset<S>> {
  const op = 'workerDataset';
  if (!Number.isInteger(workers) || workers < 0 || workers > 256) {
    throw new DataError(op, 'workers is a whole number', {
      got: String(workers),
      wanted: '0 to 256',
    });
  }
  const request: BuildRequest = {
    module: String(source.module),
    name: source.export,
    args: [...(source.args ?? [])],
  };
  if (workers === 0) {
    const here = (await buildDataset(request)) as Dataset<S>;
    return new WorkerDataset([], here.length, here);
  }
  const threads = Array.from({ length: workers }, () => new Thread(request, maxHeapMb));
  try {
    const lengths = await Promise.all(threads.map((thread) => thread.ready));
    if (lengths.some((length) => length !== lengths[0])) {
      throw new DataError(op, 'the data sets of the threads differ in length', {
        got: lengths.join(', '),
      });
    }
    for (const thread of threads) thread.rest();
    return new WorkerDataset<S>(threads, lengths[0]!, undefined);
  } catch (error) {
    await Promise.all(threads.map((thread) => thread.close()));
    throw error;
  }
}
