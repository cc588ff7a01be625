/** Sentences from a trained model: the likeliest word each time, or the best of several beams. */
import { compile, expand, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { padSequences } from '@hebb/data';
import { withMode } from '@hebb/nn';
import { beamSearch, greedySearch } from '@hebb/ops';
import { end, padding, start, widthFor } from '../parallel-text/batches.ts';
import type { Tokenizer } from '../parallel-text/batches.ts';
import type { Memory, Translator } from './model.ts';

export const maxLength = 50;
const search = { start, end, maxLength } as const;

export interface BeamSettings {
  readonly beams: number;
  readonly lengthPenalty: number;
}

/** Sentences that are encoded side by side. */
const together = 64;

/** The model's two halves as compiled functions. */
export class Engine {
  readonly #from: Tokenizer;
  readonly #to: Tokenizer;
  readonly #encode: (ids: Tensor, lengths: Tensor) => Promise<{ state: Tensor; memory: Memory }>;
  readonly #step: (tokens: Tensor, state: Tensor, memory: Memory) => Promise<[Tensor, Tensor]>;

  constructor(model: Translator, from: Tokenizer, to: Tokenizer) {
    this.#from = from;
    this.#to = to;
    const { encoder, decoder } = model;
    this.#encode = compile((ids: Tensor, lengths: Tensor) =>
      withMode(model, false, () => {
        const [values, state] = encoder.forward(ids, lengths);
        return { state, memory: decoder.remember(values, lengths) };
      }),
    );
    this.#step = compile((tokens: Tensor, state: Tensor, memory: Memory) =>
      withMode(model, false, () => decoder.step(tokens, state, memory)),
    );
  }

  #encoded(texts: readonly string[], rows: number) {
    const lists = texts.map((text) => [...Array.from(this.#from.encode(text)), end]);
    while (lists.length < rows) lists.push([end]);
    const longest = Math.max(...lists.map((list) => list.length));
    const width = widthFor(longest);
    const { data, shape, lengths } = padSequences(lists, {
      fill: padding,
      length: width ?? longest,
    });
    return this.#encode(tensor(data, { shape }), tensor(lengths));
  }

  async greedy(texts: readonly string[]): Promise<string[]> {
    // Like lengths together: little is padded.
    const lengths = texts.map((text) => this.#from.encode(text).length);
    const order = texts.map((_, i) => i).sort((a, b) => lengths[a]! - lengths[b]!);
    const results = new Array<string>(texts.length);
    for (let at = 0; at < order.length; at += together) {
      const rows = order.slice(at, at + together);
      const count = texts.length < together ? rows.length : together;
      const { state, memory } = await this.#encoded(
        rows.map((i) => texts[i]!),
        count,
      );
      const found = await greedySearch(
        (tokens, current) => this.#step(tokens, current, memory),
        state,
        { ...search, batch: count },
      );
      rows.forEach((i, k) => (results[i] = this.#to.decode(found[k]!)));
    }
    return results;
  }

  async beam(text: string, { beams, lengthPenalty }: BeamSettings): Promise<string> {
    const { state, memory } = await this.#encoded([text], 1);
    // The same for every beam, so it stays out of the state, which is sorted at each step.
    const many = (x: Tensor): Tensor => expand(x, [beams, ...x.shape.slice(1)]);
    const wide = { values: many(memory.values), keys: many(memory.keys), mask: many(memory.mask) };
    const [best] = await beamSearch((tokens, current) => this.#step(tokens, current, wide), state, {
      ...search,
      beams,
      lengthPenalty,
    });
    return this.#to.decode(best?.tokens ?? []);
  }
}
