/** Compiled models as text models. Each keeps one state inside: texts in the making take turns on it. */
import { bfloat16Value, float16Value } from '@hebb/core';
import type { HostTensor, Inputs, Model, Outputs, PlanFunction } from '@hebb/runtime';
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

/** Tokens that a function's logits are for. */
function tokensOf(fn: PlanFunction, output: string): { readonly vocabSize?: number } {
  const at = fn.outputs.findIndex(({ name }) => name === output);
  const vocabSize = fn.signatures[0]?.outputs[at]?.shape.at(-1);
  return vocabSize === undefined ? {} : { vocabSize };
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
  /** Tokens that prompts may be made of. Default: those that the logits are for. */
  readonly vocabSize?: number;
}

export interface CachedOptions extends AdapterOptions {
  /** What texts begin with, for a model that writes about a source: its start token, as a rule. */
  readonly textStart?: readonly number[];
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
  return { ...tokensOf(model.plan.functions[0]!, output), ...rest, start };
}

/**
 * A folder of `generationFunctions` of `@hebb/layers-transformer`: `decode` (`ids` [1]) over a cache of fixed size,
 * with `prefill` (`ids` [1, T], `count` []), which begins a text with a prompt, or with `encode`, which reads a source;
 * `textStart` then says what its texts begin with.
 * @throws TypeError for a model without these functions, and for one that needs `textStart` or has no use for it.
 */
export function cachedTextModel(model: Model, options: CachedOptions): TextModel {
  const { functions, state } = model.plan;
  const named = (wanted: string) => functions.find(({ name }) => name === wanted);
  const encode = named('encode');
  const first = encode ?? named('prefill');
  const decode = named('decode');
  const keys = state.find(({ name }) => name === 'cache.keys.0');
  if (first === undefined || keys === undefined || decode === undefined) {
    throw new TypeError(
      `model ${model.name} has no functions decode and prefill or encode over a cache`,
    );
  }
  const { output = 'logits', textStart, ...rest } = options;
  const contextLength = keys.shape[2]!;
  if ((encode !== undefined) !== (textStart !== undefined)) {
    throw new TypeError(
      encode === undefined
        ? `model ${model.name} goes on with its prompts: textStart is for models that write about a source`
        : `model ${model.name} writes about a source: textStart must say what a text begins with`,
    );
  }
  const tokens = tokensOf(decode, output);
  const { vocabSize = Infinity } = tokens;
  if (textStart !== undefined) {
    const fits = textStart.length > 0 && textStart.length < contextLength;
    if (!fits || !textStart.every((id) => Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new TypeError(`textStart is 1 to ${contextLength - 1} tokens of model ${model.name}`);
    }
  }
  const at = first.inputs.findIndex(({ name }) => name === 'ids');
  const lengths = first.signatures.map(({ inputs }) => inputs[at]!.shape[1]!);
  lengths.sort((a, b) => a - b);
  const turns = new Turns(model);
  const start = (): Sequence => {
    const turn: Turn = { saved: undefined };
    const call = (name: string, inputs: Inputs): Outputs => {
      turns.take(turn);
      return model.call(name, inputs);
    };
    const step = (id: number): Logits =>
      logitsOf(call('decode', { ids: { shape: [1], data: Int32Array.of(id) } }), output);
    return {
      prefill: (prompt) => {
        const length = lengths.find((each) => each >= prompt.length)!;
        const ids = new Int32Array(length);
        ids.set(prompt);
        const begun = call(first.name, {
          ids: { shape: [1, length], data: ids },
          count: { shape: [], data: Int32Array.of(prompt.length) },
        });
        if (textStart === undefined) return logitsOf(begun, output);
        return textStart.map(step).at(-1)!;
      },
      step,
      close: () => turns.leave(turn),
    };
  };
  return {
    ...tokens,
    ...rest,
    ...(textStart === undefined ? {} : { textStart }),
    start,
    contextLength,
    promptLength: lengths.at(-1)!,
  };
}
