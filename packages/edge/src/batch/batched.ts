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

type Outcome = { readonly outputs: Outputs } | { readonly error: unknown };

interface Waiting {
  readonly inputs: Inputs;
  readonly rows: number;
  outcome: Outcome | undefined;
  /** Whether its client is gone. */
  over: boolean;
}

/** Requests that may go together: the shapes of their rows are the same. */
interface Queue {
  readonly waiting: Waiting[];
  /** The batch that is computed now. */
  current: readonly Waiting[];
  leader: object | undefined;
  /** Goes up for as long as the request that computes lives. */
  beats: number;
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

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds between signs of life of whoever computes. */
const beat = 50;
/** Looks of a waiting request without a sign of life, after which it computes by itself: more than a second. */
const mostLooks = 150;

/**
 * One of the requests that wait computes for all. Each waits by timers of its own: on workers a request that
 * waits for nothing but another one counts as hung, and one whose client leaves ends without a word.
 */
class Batcher {
  readonly #model: ServedModel;
  readonly #wait: number;
  readonly #most: number;
  readonly #onCall: BatchingOptions['onCall'];
  readonly #queues = new Map<string, Queue>();

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
    const queue = this.#queues.get(key) ?? {
      waiting: [],
      current: [],
      leader: undefined,
      beats: 0,
    };
    this.#queues.set(key, queue);
    const own: Waiting = { inputs, rows, outcome: undefined, over: false };
    queue.waiting.push(own);
    const leave = (): void => void (own.over = true);
    signal?.addEventListener('abort', leave);
    try {
      await sleep(this.#wait);
      let looks = 0;
      let { beats } = queue;
      while (own.outcome === undefined) {
        signal?.throwIfAborted();
        if (queue.leader === undefined || looks > mostLooks) {
          await this.#lead(queue);
          looks = 0;
          continue;
        }
        looks = queue.beats === beats ? looks + 1 : 0;
        ({ beats } = queue);
        await sleep(Math.min(1 + looks, 8));
      }
    } finally {
      signal?.removeEventListener('abort', leave);
      own.over = true;
      if (queue.leader === undefined && queue.waiting.every(({ over }) => over)) {
        this.#queues.delete(key);
      }
    }
    if ('error' in own.outcome) throw own.outcome.error;
    return own.outcome.outputs;
  }

  /** Computes the next batch; first what somebody left undone whose client is gone. */
  async #lead(queue: Queue): Promise<void> {
    queue.waiting.unshift(...queue.current.filter(({ outcome }) => outcome === undefined));
    const leader = {};
    queue.leader = leader;
    queue.current = this.#next(queue.waiting);
    const timer = setInterval(() => (queue.beats += 1), beat);
    try {
      await this.#compute(queue.current);
    } finally {
      clearInterval(timer);
      if (queue.leader === leader) {
        queue.leader = undefined;
        queue.current = [];
      }
    }
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
    if (batch.length === 0) return;
    try {
      const outputs = await this.#together(batch);
      batch.forEach((each, i) => (each.outcome ??= { outputs: outputs[i]! }));
    } catch (error) {
      if (batch.length === 1) batch[0]!.outcome ??= { error };
      else for (const each of batch) if (!each.over) await this.#compute([each]);
    }
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
