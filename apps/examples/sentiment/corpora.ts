/** Two collections of film reviews. */
import { words } from '@hebb/data';
import { readImdb, readReviewPolarity } from '@hebb/data/node';
import { dataPath } from '../common/data.ts';
import type { Review } from './features.ts';

export const files = ['datasets/imdb-subset', 'datasets/tabular/review_polarity.tar.gz'] as const;

export interface Collection {
  readonly name: string;
  readonly slug: string;
  readonly reviews: readonly Review[];
}

/** 1,000 reviews of IMDB (Maas et al. 2011), the last 200 words of each. */
export async function imdb(): Promise<Collection> {
  const from = 'https://github.com/transcranial/keras-js (demos/data/imdb_bidirectional_lstm)';
  const { reviews, words: names } = await readImdb(dataPath(files[0], from));
  return {
    name: 'IMDB',
    slug: 'imdb',
    reviews: reviews.map(({ ids, label }) => ({
      label,
      words: Array.from(ids, (id) => names[id]!),
    })),
  };
}

/** 2,000 reviews (Pang and Lee 2004), about 770 words each. */
export async function polarity(): Promise<Collection> {
  const from = 'https://github.com/jbrownlee/Datasets';
  const reviews = await readReviewPolarity(dataPath(files[1], from));
  return {
    name: 'Cornell',
    slug: 'polarity',
    reviews: reviews.map(({ text, label }) => ({ label, words: words(text) })),
  };
}
