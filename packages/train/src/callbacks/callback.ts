/** What can be hooked into a training run. */
import type { Tensor } from '@hebb/core';
import type { Json } from '../checkpoint/json.ts';
import type { Batch } from '../data/loader.ts';
import type { EpochRecord, Progress } from '../progress/progress.ts';
import type { History } from '../trainer/options.ts';
import type { Trainer } from '../trainer/trainer.ts';

/** State that a checkpoint carries for a callback. */
export interface CallbackState {
  readonly values?: Json;
  readonly tensors?: Readonly<Record<string, Tensor>>;
}

export interface StepEvent {
  readonly trainer: Trainer;
  /** From 1. */
  readonly epoch: number;
  /** Updates so far, over all epochs. */
  readonly updates: number;
  /** Learning rate of this update. */
  readonly lr: number;
  /** The last batch of the update; its tensors are used up, `host` and `indices` are there. */
  readonly batch: Pick<Batch, 'host' | 'indices' | 'index' | 'size'>;
}

/**
 * Sees a run and may end it. All methods are optional and awaited; a callback that has no `stepEnd` costs
 * nothing in a step. Callbacks are called in the order given. With `save` and `restore` a callback goes on
 * where it was when a run is resumed; `name` is then the key of its state.
 */
export interface Callback {
  readonly name?: string;
  fitStart?(run: {
    readonly trainer: Trainer;
    readonly epochs: number;
    readonly resumed: boolean;
  }): void | Promise<void>;
  /** `epoch` from 1. */
  epochStart?(run: { readonly trainer: Trainer; readonly epoch: number }): void | Promise<void>;
  /** After each update of the weights. Reading tensors here makes the step wait for them. */
  stepEnd?(event: StepEvent): void | Promise<void>;
  /** A few times a second. */
  progress?(progress: Progress, trainer: Trainer): void | Promise<void>;
  /** After each epoch and its validation; `false` ends the training. */
  epochEnd?(record: EpochRecord, trainer: Trainer): boolean | void | Promise<boolean | void>;
  /** The run is over, with all its epochs or because it was ended. */
  fitEnd?(history: History, trainer: Trainer): void | Promise<void>;
  /** The run failed, or its signal aborted it. */
  fitFailed?(error: unknown, trainer: Trainer): void | Promise<void>;
  save?(): CallbackState | Promise<CallbackState>;
  restore?(state: CallbackState): void | Promise<void>;
}

/** One callback of several; the state of each is kept under its name or its place. */
export function composeCallbacks(...parts: readonly Callback[]): Callback {
  const keys = callbackKeys(parts);
  const each = async (call: (part: Callback) => unknown): Promise<unknown[]> => {
    const results: unknown[] = [];
    for (const part of parts) results.push(await call(part));
    return results;
  };
  const has = (name: keyof Callback): boolean => parts.some((part) => part[name] !== undefined);
  return {
    name: keys.join('+'),
    ...(has('fitStart') && {
      fitStart: async (run) => void (await each((p) => p.fitStart?.(run))),
    }),
    ...(has('epochStart') && {
      epochStart: async (run) => void (await each((p) => p.epochStart?.(run))),
    }),
    ...(has('stepEnd') && {
      stepEnd: async (event) => void (await each((p) => p.stepEnd?.(event))),
    }),
    ...(has('progress') && {
      progress: async (progress, trainer) =>
        void (await each((p) => p.progress?.(progress, trainer))),
    }),
    ...(has('epochEnd') && {
      epochEnd: async (record, trainer) =>
        !(await each((p) => p.epochEnd?.(record, trainer))).includes(false),
    }),
    ...(has('fitEnd') && {
      fitEnd: async (history, trainer) => void (await each((p) => p.fitEnd?.(history, trainer))),
    }),
    ...(has('fitFailed') && {
      fitFailed: async (error, trainer) => void (await each((p) => p.fitFailed?.(error, trainer))),
    }),
    save: async () => {
      const values: Record<string, Json> = {};
      const tensors: Record<string, Tensor> = {};
      for (const [i, part] of parts.entries()) {
        const state = await part.save?.();
        if (state?.values !== undefined) values[keys[i]!] = state.values;
        for (const [name, tensor] of Object.entries(state?.tensors ?? {})) {
          tensors[`${keys[i]!}.${name}`] = tensor;
        }
      }
      return { values, tensors };
    },
    restore: async ({ values = {}, tensors = {} }) => {
      const byKey = values as Readonly<Record<string, Json>>;
      for (const [i, part] of parts.entries()) {
        const key = keys[i]!;
        const state = stateOf(byKey[key], tensors, `${key}.`);
        if (state !== undefined) await part.restore?.(state);
      }
    },
  };
}

/** A name for each callback's state: its own, or its place; numbered where two have one name. */
export function callbackKeys(callbacks: readonly Callback[]): string[] {
  const seen = new Map<string, number>();
  return callbacks.map(({ name = 'callback' }) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name}#${count}`;
  });
}

/** A callback's part of all saved values and tensors; undefined where nothing was saved for it. */
export function stateOf(
  values: Json | undefined,
  tensors: Readonly<Record<string, Tensor>>,
  prefix: string,
): CallbackState | undefined {
  const own = Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
  if (values === undefined && Object.keys(own).length === 0) return undefined;
  return { ...(values !== undefined && { values }), tensors: own };
}
