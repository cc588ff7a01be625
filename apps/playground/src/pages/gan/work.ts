/** The GAN page's part of the worker. */
import { exclusive } from '../../worker/exclusive.ts';
import { Contest } from './contest.ts';
import { isCloud } from './data.ts';
import type { ContestNews, ContestOptions, ContestRates } from './settings.ts';

/** What is drawn after some updates. */
export interface GanFrame extends ContestNews {
  readonly samples: Float32Array;
  /** What the discriminator thinks of the plane; for clouds only. */
  readonly opinion: Float32Array | undefined;
}

/** Samples that a frame shows. */
export const shown = { cloud: 512, pictures: 64 } as const;

export function create() {
  const turn = exclusive();
  let contest: Contest | undefined;
  let seed = 0;
  const made = (): Contest => {
    if (contest === undefined) throw new Error('There are no networks yet: press Reset.');
    return contest;
  };
  const look = async (): Promise<GanFrame> => {
    const cloud = isCloud(made().options.target);
    return {
      ...made().news(),
      // The same noise every time: one sees what becomes of it.
      samples: await made().samples(cloud ? shown.cloud : shown.pictures, seed),
      opinion: cloud ? await made().opinion() : undefined,
    };
  };
  return {
    /** Two fresh networks; gives real samples to compare with, and what there is before any learning. */
    build: (
      options: ContestOptions,
      rates: ContestRates,
    ): Promise<{ real: Float32Array; frame: GanFrame }> =>
      turn(async () => {
        contest?.dispose();
        contest = new Contest(options);
        contest.rates = rates;
        const real = contest.real(isCloud(options.target) ? shown.cloud : shown.pictures);
        return { real, frame: await look() };
      }),
    rates: (rates: ContestRates): Promise<void> =>
      turn(() => {
        made().rates = rates;
      }),
    advance: (updates: number): Promise<GanFrame> =>
      turn(async () => {
        await made().advance(updates);
        return look();
      }),
    /** Samples of another noise from now on. */
    noise: (next: number): Promise<GanFrame> =>
      turn(() => {
        seed = next;
        return look();
      }),
    between: (from: number, to: number, steps: number): Promise<Float32Array> =>
      turn(() => made().between(from, to, steps)),
  };
}
