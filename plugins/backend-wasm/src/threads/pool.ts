/**
 * The threads that run programs together with the caller. Workers wait in a loop for the next program, and
 * leave it only to receive a module. A program that a worker has not received yet is run by the caller
 * alone: results do not depend on the number of threads.
 */
import { HebbError } from '@hebb/core';
import { syncWords } from './barrier.ts';
import { control, workerSource } from './worker-source.ts';
import { startWorker, threadSupport } from './workers.ts';
import type { HostWorker } from './workers.ts';

export class ThreadPool {
  readonly threads: number;
  readonly #workers: readonly HostWorker[];
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #memory: WebAssembly.Memory;
  #programs = 0;
  #ended: string | undefined;

  private constructor(
    workers: readonly HostWorker[],
    words: Int32Array<SharedArrayBuffer>,
    memory: WebAssembly.Memory,
  ) {
    this.threads = workers.length + 1;
    this.#workers = workers;
    this.#control = words;
    this.#memory = memory;
    workers.forEach((worker, i) =>
      worker.onEnd((reason) => (this.#ended ??= `thread ${i + 1}: ${reason}`)),
    );
  }

  static async start(threads: number, memory: WebAssembly.Memory): Promise<ThreadPool> {
    const words = new Int32Array(new SharedArrayBuffer((control.loaded + threads) * 4));
    new Int32Array(memory.buffer)[syncWords.maySleep >> 2] = threadSupport().maySleep ? 1 : 0;
    const workers = await Promise.all(
      Array.from({ length: threads - 1 }, () => startWorker(workerSource)),
    );
    const pool = new ThreadPool(workers, words, memory);
    pool.#post((thread) => ({ memory, control: words, thread }));
    await Promise.all(workers.map((worker) => worker.ready));
    return pool;
  }

  /** Gives the module to the workers; the number names it. */
  load(module: WebAssembly.Module): number {
    const id = this.#programs++;
    this.#post(() => ({ module, id }));
    return id;
  }

  forget(id: number): void {
    if (this.#ended === undefined) this.#post(() => ({ forget: id }));
  }

  /** Threads that could run the program now: all of them, or the caller alone. */
  ready(id: number): number {
    this.#check();
    const everywhere = this.#workers.every(
      (_, i) => Atomics.load(this.#control, control.loaded + i + 1) > id,
    );
    return everywhere ? this.threads : 1;
  }

  /** Runs the program on all threads; `run` is the caller's own part. */
  run(id: number, table: number, run: () => void): void {
    const words = this.#control;
    Atomics.store(new Int32Array(this.#memory.buffer), syncWords.joined >> 2, 0);
    Atomics.store(words, control.program, id);
    Atomics.store(words, control.table, table);
    Atomics.store(words, control.threads, this.threads);
    Atomics.add(words, control.runs, 1);
    this.#signal();
    try {
      run();
    } catch (error) {
      // The others may stand in the middle of the program: none can be used again.
      this.#ended ??= 'the program failed';
      Atomics.store(new Int32Array(this.#memory.buffer), syncWords.failed >> 2, 1);
      throw error;
    }
  }

  async dispose(): Promise<void> {
    this.#ended ??= 'the backend is disposed';
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #check(): void {
    if (this.#ended !== undefined) {
      throw new HebbError(`a thread is gone: ${this.#ended}`, { op: 'run' });
    }
  }

  #post(message: (thread: number) => object): void {
    this.#check();
    // First the count: a worker that has received more than was announced would wait for ever.
    Atomics.add(this.#control, control.posted, 1);
    this.#workers.forEach((worker, i) => worker.post(message(i + 1)));
    this.#signal();
  }

  #signal(): void {
    Atomics.add(this.#control, control.signal, 1);
    if (Atomics.load(this.#control, control.sleeping) > 0) {
      Atomics.notify(this.#control, control.signal);
    }
  }
}
