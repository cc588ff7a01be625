/** One call of a model for several requests that come at about the same time. */
import { dtypeInfo } from '@hebb/core';
import type { HostArray } from '@hebb/core';
import type { ServedModel, ServedTensor, ServedValue } from '../model.ts';
import { disposeAll, elementsOf } from '../output.ts';
import { callsFor, sizesOf } from './sizes.ts';

export interface BatchingOptions {
  /**
   * Milliseconds that the first request of a batch waits for others. Default 0: whoever has arrived already.
   * While a batch is computed the next one gathers anyway.
   */
  readonly wait?: number;
  /** Most rows of a batch. Default 32. */
  readonly most?: number;
  /** Told about each call of the model: the rows of requests in it, and what was added to fill a compiled size. */
  readonly onCall?: (rows: number, filled: number) => void;
}

type Inputs = Record<string, ServedTensor>;
type Outputs = Record<string, ServedValue>;

interface Waiting {
  readonly inputs: Inputs;
  readonly rows: number;
  readonly resolve: (outputs: Outputs) => void;
  readonly reject: (error: unknown) => void;
  /** Whether its client is gone. */
  over: boolean;
}

/**
 * The same model, whose requests are computed together where they come together: rows of all of them along the
 * first axis, which every input and output must leave open. A model compiled for several sizes of it is called
 * with those, the rest filled by repeating a row, so that it takes numbers of rows in between as well.
 *
 * A request whose signal is aborted leaves its batch; when a batch fails, each of its requests is computed by
 * itself, so that a bad one fails alone.
 *
 * @throws TypeError for a model with an input or output whose first axis is not open.
 * @throws RangeError for a limit that is no positive whole number.
 */
export function batched(model: ServedModel, options: BatchingOptions = {}): ServedModel {
  const batcher = new Batcher(model, options);
  const { inputs, outputs, plan } = model;
  return {
    inputs,
    outputs,
    ...(plan === undefined ? {} : { plan }),
    run: (given, { signal } = {}) => batcher.run(given, signal),
  };
}

class Batcher {
  readonly #model: ServedModel;
  readonly #wait: number;
  readonly #most: number;
  readonly #onCall: BatchingOptions['onCall'];
  /** Requests that may go together, by the shapes of their rows. */
  readonly #queues = new Map<string, Waiting[]>();
  readonly #busy = new Set<string>();

  constructor(model: ServedModel, { wait = 0, most = 32, onCall }: BatchingOptions) {
    if (!(wait >= 0 && wait < Infinity)) throw new RangeError(`wait is milliseconds, got ${wait}`);
    if (!Number.isSafeInteger(most) || most < 1) {
      throw new RangeError(`most is a number of rows, got ${most}`);
    }
    for (const { name, shape } of [...model.inputs, ...model.outputs]) {
      if (shape === undefined || shape.length === 0 || typeof shape[0] === 'number') {
        const got = shape === undefined ? 'no shape' : `[${shape.map((x) => x ?? '?').join()}]`;
        throw new TypeError(`${name} has ${got}: batching needs its first axis open`);
      }
    }
    this.#model = model;
    this.#wait = wait;
    this.#most = most;
    this.#onCall = onCall;
  }

  async run(inputs: Inputs, signal?: AbortSignal): Promise<Outputs> {
    signal?.throwIfAborted();
    const tensors = Object.values(inputs);
    const rows = tensors[0]?.shape[0] ?? 0;
    // What cannot go with others: the model says what is wrong with it, or takes it as it is.
    if (rows === 0 || rows > this.#most || tensors.some(({ shape }) => shape[0] !== rows)) {
      return this.#model.run(inputs);
    }
    const key = Object.entries(inputs)
      .map(([name, { shape }]) => `${name}:${shape.slice(1).join()}`)
      .sort()
      .join(';');
    let leave: (() => void) | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const waiting: Waiting = { inputs, rows, resolve, reject, over: false };
        leave = () => {
          waiting.over = true;
          reject(signal!.reason as Error);
        };
        signal?.addEventListener('abort', leave, { once: true });
        let queue = this.#queues.get(key);
        if (queue === undefined) this.#queues.set(key, (queue = []));
        queue.push(waiting);
        if (!this.#busy.has(key)) void this.#work(key, queue);
      });
    } finally {
      if (leave !== undefined) signal?.removeEventListener('abort', leave);
    }
  }

  /** Computes batches until nobody waits. */
  async #work(key: string, queue: Waiting[]): Promise<void> {
    this.#busy.add(key);
    await new Promise((resolve) => setTimeout(resolve, this.#wait));
    for (;;) {
      const batch = this.#next(queue);
      if (batch.length === 0) break;
      await this.#compute(batch);
      // Requests that came meanwhile are read before the next batch is closed.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.#busy.delete(key);
    this.#queues.delete(key);
  }

  #next(queue: Waiting[]): Waiting[] {
    const batch: Waiting[] = [];
    let rows = 0;
    while (queue.length > 0 && (queue[0]!.over || rows + queue[0]!.rows <= this.#most)) {
      const waiting = queue.shift()!;
      if (waiting.over) continue;
      batch.push(waiting);
      rows += waiting.rows;
    }
    return batch;
  }

  async #compute(batch: readonly Waiting[]): Promise<void> {
    let outputs: readonly Outputs[];
    try {
      outputs = await this.#together(batch);
    } catch (error) {
      const [first] = batch;
      if (batch.length === 1) return first!.reject(error);
      for (const each of batch) if (!each.over) await this.#compute([each]);
      return;
    }
    batch.forEach((each, i) => each.resolve(outputs[i]!));
  }

  async #together(batch: readonly Waiting[]): Promise<Outputs[]> {
    const [first] = batch;
    const total = batch.reduce((sum, { rows }) => sum + rows, 0);
    const calls = callsFor(total, sizesOf(this.#model, first!.inputs));
    if (batch.length === 1 && calls.length === 1 && calls[0]!.size === total) {
      this.#onCall?.(total, 0);
      return [await this.#model.run(first!.inputs)];
    }
    const whole = concat(
      batch.map(({ inputs }) => inputs),
      total,
    );
    const pieces: Outputs[] = [];
    let at = 0;
    for (const { size, rows } of calls) {
      this.#onCall?.(rows, size - rows);
      const outputs = await this.#model.run(take(whole, at, rows, size));
      pieces.push(await hostOutputs(outputs, size, rows));
      at += rows;
    }
    const all = pieces.length === 1 ? pieces[0]! : concat(pieces as Inputs[], total);
    let from = 0;
    return batch.map(({ rows }) => {
      const own = take(all as Inputs, from, rows, rows);
      from += rows;
      return own;
    });
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Tensors of the same names one behind the other along the first axis. */
function concat(list: readonly Inputs[], rows: number): Inputs {
  const whole: Record<string, ServedTensor> = {};
  for (const [name, { dtype, shape }] of Object.entries(list[0]!)) {
    const full = [rows, ...shape.slice(1)];
    const data = dtypeInfo(dtype).allocate(sizeOf(full));
    let at = 0;
    for (const each of list) {
      data.set(each[name]!.data as never, at);
      at += each[name]!.data.length;
    }
    whole[name] = { dtype, shape: full, data } as ServedTensor;
  }
  return whole;
}

/** Rows of tensors; the last one is repeated to make `size` of them. */
function take(whole: Inputs, at: number, rows: number, size: number): Inputs {
  const taken: Record<string, ServedTensor> = {};
  for (const [name, { dtype, shape, data }] of Object.entries(whole)) {
    const row = sizeOf(shape.slice(1));
    const own = data.subarray(at * row, (at + rows) * row);
    let filled: HostArray = own;
    if (size > rows) {
      filled = dtypeInfo(dtype).allocate(size * row);
      filled.set(own as never);
      for (let i = rows; i < size; i++)
        filled.set(own.subarray((rows - 1) * row) as never, i * row);
    }
    taken[name] = { dtype, shape: [size, ...shape.slice(1)], data: filled } as ServedTensor;
  }
  return taken;
}

/** The first rows of a call's outputs as host arrays, whatever the model gave. */
async function hostOutputs(outputs: Outputs, size: number, rows: number): Promise<Outputs> {
  try {
    const read: Record<string, ServedTensor> = {};
    for (const [name, value] of Object.entries(outputs)) {
      const { dtype, shape } = value;
      if (shape?.[0] !== size) {
        throw new TypeError(`output ${name} has no row for each of the ${size} of its inputs`);
      }
      read[name] = { dtype, shape, data: await elementsOf(name, value) } as ServedTensor;
    }
    return take(read, 0, rows, rows);
  } finally {
    disposeAll(outputs);
  }
}
