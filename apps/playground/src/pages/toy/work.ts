/** The toy's part of the worker. */
import { exclusive } from '../../worker/exclusive.ts';
import { ToyTraining } from './network.ts';
import type { Architecture, Rates, ToyFrame } from './settings.ts';
import type { Point } from './data.ts';

export function create() {
  const turn = exclusive();
  let training: ToyTraining | undefined;
  const made = (): ToyTraining => {
    if (training === undefined) throw new Error('There is no network yet: press Reset.');
    return training;
  };
  return {
    /** A fresh network; gives what it is like before it has learnt anything. */
    build: (
      architecture: Architecture,
      rates: Rates,
      train: readonly Point[],
      test: readonly Point[],
    ): Promise<ToyFrame> =>
      turn(() => {
        training?.dispose();
        training = new ToyTraining(architecture);
        training.rates = rates;
        training.data(train, test);
        return training.look();
      }),
    rates: (rates: Rates): Promise<void> =>
      turn(() => {
        made().rates = rates;
      }),
    data: (train: readonly Point[], test: readonly Point[]): Promise<ToyFrame> =>
      turn(() => {
        made().data(train, test);
        return made().look();
      }),
    /** Learns for so many batches. */
    advance: (steps: number): Promise<ToyFrame> =>
      turn(async () => {
        await made().train(steps);
        return made().look();
      }),
  };
}
