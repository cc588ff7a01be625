/** Nodes hold what tensors stand for: how a value is computed, or where it lies once it is computed. */
import type { Backend, DeviceBuffer } from './backend.ts';
import type { HostArray } from './dtype.ts';
import { currentPath, fail } from './error.ts';
import type { Attrs, Aval, Op } from './op.ts';
import type { Tensor } from './tensor.ts';

/** Where a value lies: on the host, not yet uploaded, or on a backend. */
export type Storage =
  | { readonly kind: 'host'; readonly data: HostArray }
  | { readonly kind: 'device'; readonly backend: Backend; readonly buffer: DeviceBuffer }
  | { readonly kind: 'freed'; readonly reason: string };

/** Frees what nobody freed: a safety net, not the way buffers are meant to go. */
const finalizer = new FinalizationRegistry<{ backend: Backend; buffer: DeviceBuffer }>(
  ({ backend, buffer }) => {
    backend.free(buffer);
  },
);

const none: readonly Tensor[] = [];

let count = 0;
/** How many nodes were made so far: the id of the next one. */
export const nodeCount = (): number => count;

let keeping = 0;
/** Runs `body` so that values computed inside keep their history: somebody differentiates through it. */
export function keepHistory<T>(body: () => T): T {
  keeping += 1;
  try {
    return body();
  } finally {
    keeping -= 1;
  }
}

export class Node {
  /** Order of creation. */
  readonly id = count++;
  /** `null` for leaves: host data, realised values, placeholders of a trace. */
  op: Op | null;
  attrs: Attrs;
  inputs: readonly Tensor[];
  readonly avals: readonly Aval[];
  readonly path: string;
  readonly storage: (Storage | null)[];
  /** How many variables and compiled functions hold an output of this node. */
  held = 0;
  /** It was computed from others, which are forgotten. */
  historyDropped = false;
  /** Finalizer token of each output's buffer. */
  readonly #tokens: (object | null)[];

  constructor(op: Op | null, attrs: Attrs, inputs: readonly Tensor[], avals: readonly Aval[]) {
    this.op = op;
    this.attrs = attrs;
    this.inputs = inputs;
    this.avals = avals;
    this.path = currentPath();
    this.storage = avals.map(() => null);
    this.#tokens = avals.map(() => null);
  }

  isRealized(output: number): boolean {
    return this.storage[output] !== null;
  }

  /** The storage of an output, or a clear error when it was freed. */
  live(output: number, op: string): Exclude<Storage, { kind: 'freed' }> | null {
    const storage = this.storage[output] ?? null;
    if (storage?.kind === 'freed') fail(op, `this tensor is gone: ${storage.reason}`);
    return storage;
  }

  setHost(output: number, data: HostArray): void {
    this.storage[output] = { kind: 'host', data };
  }

  setDevice(output: number, backend: Backend, buffer: DeviceBuffer): void {
    this.release(output);
    const token = {};
    this.#tokens[output] = token;
    this.storage[output] = { kind: 'device', backend, buffer };
    finalizer.register(this, { backend, buffer }, token);
  }

  /** Once every output is realised the history is dropped, so that chains of updates stay short. */
  dropHistory(): void {
    if (keeping > 0 || this.op === null) return;
    if (this.storage.every((storage) => storage !== null)) {
      this.historyDropped = true;
      this.op = null;
      this.inputs = none;
    }
  }

  /** Hands the buffer to somebody else, who frees it. */
  surrender(output: number, reason: string): void {
    const token = this.#tokens[output];
    if (token != null) finalizer.unregister(token);
    this.#tokens[output] = null;
    this.storage[output] = { kind: 'freed', reason };
  }

  /** Frees the output's buffer if there is one; the storage becomes empty. */
  release(output: number, reason?: string): void {
    const storage = this.storage[output];
    const token = this.#tokens[output];
    if (token != null) finalizer.unregister(token);
    this.#tokens[output] = null;
    if (storage?.kind === 'device') storage.backend.free(storage.buffer);
    if (storage != null) {
      this.storage[output] = reason === undefined ? null : { kind: 'freed', reason };
    }
  }
}
