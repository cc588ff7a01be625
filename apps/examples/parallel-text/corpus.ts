/** Captions of pictures in English and German: Multi30k (Elliott et al. 2016, arXiv:1605.00459). */
import { readParallelText } from '@hebb/data/node';
import type { TextPair } from '@hebb/data/node';
import { dataPath } from '../common/data.ts';

const folder = 'datasets/multi30k';
const address = 'https://github.com/multi30k/dataset (data/task1/raw)';
export const files = ['train.en.gz', 'train.de.gz', 'val.en.gz', 'val.de.gz'].map(
  (name) => `${folder}/${name}`,
);

export interface ParallelText {
  readonly train: readonly TextPair[];
  readonly validation: readonly TextPair[];
}

/** From English to German. */
export async function multi30k(): Promise<ParallelText> {
  const [trainEn, trainDe, valEn, valDe] = files.map((path) => dataPath(path, address));
  const [train, validation] = await Promise.all([
    readParallelText(trainEn!, trainDe!),
    readParallelText(valEn!, valDe!),
  ]);
  return { train, validation };
}
