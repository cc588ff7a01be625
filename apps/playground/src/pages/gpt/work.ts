/** The text page's part of the worker. */
import { Generator, sizeOf } from '@hebb/core';
import { exclusive } from '../../worker/exclusive.ts';
import { Attention } from './attention.ts';
import { unpackModel } from './packed.ts';
import { sizes } from './settings.ts';
import type {
  AttentionMaps,
  LearnNews,
  LearnOptions,
  ModelNews,
  WriteOptions,
  Written,
} from './settings.ts';
import { TextTraining, textModel, vocabularyOf } from './text-model.ts';
import type { TextModel } from './text-model.ts';
import { Writer } from './writer.ts';

class Session {
  readonly made: TextModel;
  readonly writer: Writer;
  readonly training: TextTraining | undefined;
  readonly attention: Attention;

  constructor(made: TextModel, training?: TextTraining) {
    this.made = made;
    this.training = training;
    this.writer = new Writer(made);
    this.attention = new Attention(made);
  }
  get news(): ModelNews {
    const { model, vocabulary } = this.made;
    return {
      characters: vocabulary.tokens,
      parameters: model.parameters().reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      contextLength: model.contextLength,
      layers: model.config.layers,
      heads: model.config.heads,
    };
  }
  async dispose(): Promise<void> {
    await this.writer.end();
    this.writer.dispose();
    this.training?.dispose();
    this.attention.dispose();
  }
}

export function create() {
  const turn = exclusive();
  let session: Session | undefined;
  const open = (): Session => {
    if (session === undefined) throw new Error('There is no model yet.');
    return session;
  };
  const replace = async (next: Session): Promise<ModelNews> => {
    await session?.dispose();
    session = next;
    return next.news;
  };
  return {
    /** The model that was trained beforehand. */
    load: (address: string): Promise<ModelNews> =>
      turn(async () => {
        const answer = await fetch(address);
        if (!answer.ok) {
          throw new Error(
            `The model could not be fetched (${answer.status}). Reload the page, or let one learn from a text of yours.`,
          );
        }
        return replace(new Session(unpackModel(new Uint8Array(await answer.arrayBuffer()))));
      }),
    /** A fresh model for a text; it has learnt nothing yet. */
    build: ({ text, size, lr, seed }: LearnOptions): Promise<ModelNews> =>
      turn(() => {
        const made = textModel(vocabularyOf(text), {
          ...sizes[size],
          generator: new Generator(seed),
        });
        return replace(new Session(made, new TextTraining(made, text, { rows: 8, lr, seed })));
      }),
    rate: (lr: number): Promise<void> =>
      turn(() => {
        const { training } = open();
        if (training !== undefined) training.lr = lr;
      }),
    learn: (steps: number): Promise<LearnNews> =>
      turn(async () => {
        const { training } = open();
        if (training === undefined) throw new Error('This model does not learn: give it a text.');
        let loss = 0;
        for (let i = 0; i < steps; i++) loss += (await training.step()) / steps;
        return { steps: training.steps, loss, heldOut: await training.heldOut() };
      }),
    begin: (options: WriteOptions): Promise<void> => turn(() => open().writer.begin(options)),
    next: (count: number): Promise<Written[]> => turn(() => open().writer.next(count)),
    attention: (text: string): Promise<AttentionMaps> => turn(() => open().attention.of(text)),
  };
}
