/** What page and worker tell each other. */
import type { CloudName, PictureName } from './data.ts';

export const losses = ['non-saturating', 'hinge', 'least squares', 'Wasserstein'] as const;
export type LossName = (typeof losses)[number];

export interface ContestOptions {
  readonly target: CloudName | PictureName;
  readonly loss: LossName;
  readonly seed: number;
  readonly batch: number;
}

export interface ContestRates {
  readonly generator: number;
  readonly discriminator: number;
}

/** Means over the updates since the last look. */
export interface ContestNews {
  readonly updates: number;
  readonly generator: number;
  readonly discriminator: number;
}

/** Where the discriminator's opinion is asked, each way, in -1.2 to 1.2. */
export const opinionSize = 32;
