/** The edge worker's entry: `POST /v1/completions` with an English caption as prompt answers with the German one. */
import { cachedTextModel, serve, textApi } from '@hebb/edge';
import type { WorkerEntry } from '../common/service.ts';
import { end, start } from '../parallel-text/batches.ts';
import { openTokenizer } from '../parallel-text/tokens.ts';
import type { SavedTokenizer } from '../parallel-text/tokens.ts';

export interface WorkerData {
  readonly from: SavedTokenizer;
  readonly to: SavedTokenizer;
}

export const worker: WorkerEntry<'model', WorkerData> = ({ model }, { from, to }) => {
  const [read, write] = [openTokenizer(from), openTokenizer(to)];
  const tokenizer = {
    encode: (text: string): number[] => {
      if (text.trim() === '') throw new RangeError('the text is empty');
      return [...Array.from(read.encode(text)), end];
    },
    decode: (ids: readonly number[]) => write.decode(ids),
  };
  const options = { tokenizer, textStart: [start], endTokens: [end], vocabSize: read.size };
  const models = { translation: { load: () => cachedTextModel(model, options) } };
  return serve({ models: {}, extensions: [textApi({ models })] });
};
