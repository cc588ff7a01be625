/** Compiled models as text models. Each keeps one state inside: texts in the making take turns on it. */
import { bfloat16Value, float16Value } from '@hebb/core';
import type { HostTensor, Inputs, Model, Outputs } from '@hebb/runtime';
import type { Logits, Sequence, TextModel, TextTokenizer } from './model.ts';

/** Whose state is in the model, and where the others' is meanwhile. */
class Turns {
  readonly #model: Model;
  readonly #start: Outputs;
  #owner: Turn | undefined;

  constructor(model: Model) {
    this.#model = model;
    this.#start = model.state();
  }
  /** Brings this text's state into the model; the state at the beginning the first time. */
  take(turn: Turn): void {
    if (this.#owner === turn) return;
    if (this.#owner !== undefined) this.#owner.saved = this.#model.state();
    this.#model.loadState(turn.saved ?? this.#start);
    turn.saved = undefined;
    this.#owner = turn;
  }
  leave(turn: Turn): void {
    if (this.#owner === turn) this.#owner = undefined;
    turn.saved = undefined;
  }
}

interface Turn {
  saved: Outputs | undefined;
}

function logitsOf(outputs: Outputs, name: string): Logits {
  const value: HostTensor | undefined = outputs[name];
  if (value === undefined) {
    throw new TypeError(`the model has no output ${name}; it has ${Object.keys(outputs).join()}`);
  }
  const numbers = Array.from(value.data, Number);
  if (value.dtype === 'float16') return numbers.map(float16Value);
  return value.dtype === 'bfloat16' ? numbers.map(bfloat16Value) : numbers;
}

/** Long work leaves others a turn this often, in tokens. */
const breath = 32;
export const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

export interface AdapterOptions {
  readonly tokenizer: TextTokenizer;
  readonly endTokens?: readonly number[];
  readonly startTokens?: readonly number[];
  /** Name of the output with the logits. Default `logits`. */
  readonly output?: string;
}

export interface RecurrentOptions extends AdapterOptions {
  /** Name of the input that takes the token. Default: the model's only one. */
  readonly input?: string;
}

/**
 * A compiled step that keeps its state between calls, token in, logits out: what `hebb compile --state` makes of a
 * recurrent language model.
 * @throws TypeError for a model without state.
 */
export function recurrentTextModel(model: Model, options: RecurrentOptions): TextModel {
  if (model.plan.state.length === 0) {
    throw new TypeError(`model ${model.name} keeps no state: compile it with --state`);
  }
  const { input = model.inputs[0]!.name, output = 'logits', ...rest } = options;
  const { dtype } = model.inputs.find(({ name }) => name === input) ?? model.inputs[0]!;
  const turns = new Turns(model);
  const start = (): Sequence => {
    const turn: Turn = { saved: undefined };
    const step = (id: number): Logits => {
      turns.take(turn);
      const data = dtype === 'int64' ? BigInt64Array.of(BigInt(id)) : Int32Array.of(id);
      return logitsOf(model.run({ [input]: data }), output);
    };
    return {
      prefill: async (ids) => {
        let logits: Logits = [];
        for (const [i, id] of ids.entries()) {
          if (i > 0 && i % breath === 0) await nextTask();
          logits = step(id);
        }
        return logits;
      },
      step,
      close: () => turns.leave(turn),
    };
  };
  return { ...rest, start };
}

/**
 * A folder with the functions `prefill` (`ids` [1, T], `count` []) and `decode` (`ids` [1]) over a cache of fixed
 * size, as `generationFunctions` of `@hebb/layers-transformer` describes it.
 * @throws TypeError for a model without these functions.
 */
export function cachedTextModel(model: Model, options: AdapterOptions): TextModel {
  const { functions, state } = model.plan;
  const prefill = functions.find(({ name }) => name === 'prefill');
  const keys = state.find(({ name }) => /(^|\.)keys\.0$/.test(name));
  if (prefill === undefined || keys === undefined || !functions.some((f) => f.name === 'decode')) {
    throw new TypeError(`model ${model.name} has no functions prefill and decode over a cache`);
  }
  const at = prefill.inputs.findIndex(({ name }) => name === 'ids');
  const lengths = prefill.signatures.map(({ inputs }) => inputs[at]!.shape[1]!);
  lengths.sort((a, b) => a - b);
  const { output = 'logits', ...rest } = options;
  const turns = new Turns(model);
  const start = (): Sequence => {
    const turn: Turn = { saved: undefined };
    const call = (name: string, inputs: Inputs): Logits => {
      turns.take(turn);
      return logitsOf(model.call(name, inputs), output);
    };
    return {
      prefill: (prompt) => {
        const length = lengths.find((each) => each >= prompt.length)!;
        const ids = new Int32Array(length);
        ids.set(prompt);
        return call('prefill', {
          ids: { shape: [1, length], data: ids },
          count: { shape: [], data: Int32Array.of(prompt.length) },
        });
      },
      step: (id) => call('decode', { ids: { shape: [1], data: Int32Array.of(id) } }),
      close: () => turns.leave(turn),
    };
  };
  return {
    ...rest,
    start,
    contextLength: keys.shape[2]!,
    promptLength: lengths.at(-1)!,
  };
}
