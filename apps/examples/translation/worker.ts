/**
 * The edge worker's entry: `POST /translate` with `{ "text" }` answers `{ "translation" }`, the likeliest
 * word each time. Encoder and decoder are two compiled models; the loop over the steps is here.
 */
import type { Model } from '@hebb/runtime';
import type { WorkerEntry } from '../common/service.ts';
import { BadRequest, answerAt } from '../common/worker.ts';
import { end, padding, start } from '../parallel-text/batches.ts';
import { openTokenizer } from '../parallel-text/tokens.ts';
import type { SavedTokenizer } from '../parallel-text/tokens.ts';

export interface WorkerData {
  readonly from: SavedTokenizer;
  readonly to: SavedTokenizer;
  /** Source lengths that the models are compiled for, ascending. */
  readonly widths: readonly number[];
  /** Most words of a translation. */
  readonly maxLength: number;
}

export function translator(encoder: Model, decoder: Model, data: WorkerData) {
  const [from, to] = [openTokenizer(data.from), openTokenizer(data.to)];
  /** Undefined for a text that is longer than the models are compiled for. */
  return (text: string): string | undefined => {
    const source = [...Array.from(from.encode(text)), end];
    const width = data.widths.find((each) => each >= source.length);
    if (width === undefined) return undefined;
    const ids = new Int32Array(width).fill(padding);
    ids.set(source);
    const length = { shape: [1], data: Int32Array.of(source.length) };
    const { values, keys, state } = encoder.run({
      source: { shape: [1, width], data: ids },
      length,
    });
    const found: number[] = [];
    let [token, current] = [start as number, state!];
    while (found.length < data.maxLength) {
      const { logits, next } = decoder.run({
        token: { shape: [1], data: Int32Array.of(token) },
        state: current,
        values: values!,
        keys: keys!,
        length,
      });
      const scores = logits!.data as Float32Array;
      token = scores.reduce((best, score, id) => (score > scores[best]! ? id : best), 0);
      if (token === end) break;
      found.push(token);
      current = next!;
    }
    return to.decode(found);
  };
}

export const worker: WorkerEntry<'encoder' | 'decoder', WorkerData> = (
  { encoder, decoder },
  data,
) => {
  const translate = translator(encoder, decoder, data);
  return answerAt('/translate', ({ text }) => {
    if (typeof text !== 'string' || text.trim() === '') throw new BadRequest('text is missing');
    const translation = translate(text);
    if (translation !== undefined) return Response.json({ translation });
    throw new BadRequest(`the text has more than ${data.widths.at(-1)! - 1} pieces of words`);
  });
};
