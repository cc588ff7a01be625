/** A GPT over the characters of a text, and its training on random windows of it. */
import { compile } from '@hebb/core';
import type { Compiled, Tensor } from '@hebb/core';
import { Vocabulary, characters } from '@hebb/data';
import { GPT, nextTokenLoss, tokenWindows } from '@hebb/layers-transformer';
import type { GPTConfig } from '@hebb/layers-transformer';
import { decayGroups, withMode } from '@hebb/nn';
import { seededUniform } from '@hebb/ops';
import { AdamW, clipGradNorm } from '@hebb/train';

export type TextSize = Pick<
  GPTConfig,
  'contextLength' | 'layers' | 'heads' | 'width' | 'dropout' | 'generator'
>;

export interface TextModel {
  readonly model: GPT;
  readonly vocabulary: Vocabulary;
}

export const vocabularyOf = (text: string): Vocabulary =>
  Vocabulary.from([text], { tokenize: characters });

export const vocabularyWith = (tokens: readonly string[]): Vocabulary =>
  new Vocabulary(tokens, { tokenize: characters });

export function textModel(vocabulary: Vocabulary, size: TextSize): TextModel {
  return { model: new GPT({ vocabSize: vocabulary.size, ...size }), vocabulary };
}

export interface TextTrainingOptions {
  /** Windows at a time. */
  readonly rows: number;
  readonly lr: number;
  readonly seed: number;
}

/** AdamW on random windows; weights decay, biases and norms do not. The last tenth of the text is held out. */
export class TextTraining {
  readonly #model: GPT;
  readonly #train: Int32Array;
  readonly #held: Int32Array;
  readonly #rows: number;
  readonly #random: () => number;
  readonly #optimizer: AdamW;
  readonly #step: Compiled<[Tensor], Tensor>;
  readonly #measure: Compiled<[Tensor], Tensor>;
  steps = 0;

  /** @throws RangeError when the text is shorter than two windows. */
  constructor(
    { model, vocabulary }: TextModel,
    text: string,
    { rows, lr, seed }: TextTrainingOptions,
  ) {
    const ids = vocabulary.encode(text);
    const window = model.contextLength + 1;
    if (ids.length < 2 * window) {
      throw new RangeError(
        `The text has ${ids.length} characters; at least ${2 * window} are needed to learn from.`,
      );
    }
    const cut = Math.min(ids.length - window, Math.floor(0.9 * ids.length));
    this.#model = model;
    this.#train = ids.subarray(0, Math.max(cut, window));
    this.#held = ids.subarray(cut);
    this.#rows = rows;
    this.#random = seededUniform(seed);
    const optimizer = new AdamW({ lr, betas: [0.9, 0.99] }).attach(decayGroups(model, 0.1));
    this.#optimizer = optimizer;
    this.#step = compile(
      (batch: Tensor) => {
        const loss = withMode(model, true, () => nextTokenLoss(model, batch));
        optimizer.step(clipGradNorm(optimizer.gradients(loss), 1).grads);
        return loss;
      },
      { name: 'text step' },
    );
    this.#measure = compile(
      (batch: Tensor) => withMode(model, false, () => nextTokenLoss(model, batch)),
      {
        name: 'text loss',
      },
    );
  }

  get lr(): number {
    return this.#optimizer.lr;
  }
  set lr(lr: number) {
    this.#optimizer.lr = lr;
  }

  /** One update; gives the loss before it, in nats a character. */
  async step(): Promise<number> {
    const loss = await this.#run(this.#step, this.#train);
    this.steps += 1;
    return loss;
  }

  /** The loss on windows of the held-out text. */
  async heldOut(): Promise<number> {
    return this.#run(this.#measure, this.#held);
  }

  async #run(fn: Compiled<[Tensor], Tensor>, ids: Int32Array): Promise<number> {
    const length = this.#model.contextLength + 1;
    const most = ids.length - length + 1;
    const places = Array.from({ length: this.#rows }, () => Math.floor(this.#random() * most));
    const batch = tokenWindows(ids, places, length);
    const loss = await fn(batch);
    const value = Number(await loss.item());
    loss.dispose();
    batch.dispose();
    return value;
  }

  dispose(): void {
    this.#step.dispose();
    this.#measure.dispose();
  }
}
