/** Short trainings that find something out; the trainer puts everything back afterwards. */
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import { fail } from '@hebb/core';
import type { Dataset } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import type { Batch } from '../data/loader.ts';
import { formatNumber } from '../progress/progress.ts';
import { consume } from './engine.ts';
import type { Engine } from './engine.ts';

/** Trains on a batch; the loss before the update, NaN or infinite where it was not finite. */
async function trainOn(engine: Engine, batch: Batch): Promise<number> {
  const { train } = engine;
  const { inputs, target } = engine.prepare(batch);
  train.restart();
  await train.totals.clear();
  await consume([...inputs, target], () => train.run(inputs, target, [], 'whole'));
  if ((await train.failed()) !== undefined) return NaN;
  await train.totals.read();
  return train.totals.sums('loss')[0]! / batch.size;
}

export interface LearningRateOptions {
  /** First and last rate; default 1e-7 and 10. */
  readonly low?: number;
  readonly high?: number;
  /** Default 100. */
  readonly steps?: number;
  /** Default 32. */
  readonly batchSize?: number;
  /** Stop when the smoothed loss is so many times its lowest; default 4. */
  readonly divergence?: number;
}

export interface LearningRateCurve {
  readonly rates: readonly number[];
  /** Loss of the batch before the update at each rate. */
  readonly losses: readonly number[];
  /** The losses smoothed. */
  readonly smoothed: readonly number[];
  /** Where the smoothed loss falls fastest; undefined where it does not fall. */
  readonly suggestion: number | undefined;
  /** Whether the loss exploded, so that the curve ends early. */
  readonly diverged: boolean;
}

export async function findLearningRate(
  engine: Engine,
  data: Dataset,
  seed: number,
  options: LearningRateOptions,
): Promise<LearningRateCurve> {
  const op = 'findLearningRate';
  checkOptions(op, options, ['low', 'high', 'steps', 'batchSize', 'divergence']);
  const { low = 1e-7, high = 10, steps = 100, batchSize = 32, divergence = 4 } = options;
  checkNumber(op, 'low', low, { low: 0 });
  checkNumber(op, 'high', high, { low: 0 });
  if (!(low > 0 && low < high)) fail(op, 'needs 0 < low < high', `${low}, ${high}`);
  checkWhole(op, 'steps', steps, 5);
  checkNumber(op, 'divergence', divergence, { low: 1 });
  const loader = new DataLoader(data, { batchSize, shuffle: true, seed });
  const { groups } = engine.settings.optimizer;
  const base = groups[0]!.initialLr;
  const rates: number[] = [];
  const losses: number[] = [];
  const smoothed: number[] = [];
  const smoothing = 0.9;
  let [average, lowest, diverged, epoch, plan] = [0, Infinity, false, 0, await loader.plan(0)];
  let at = 0;
  for (let i = 0; i < steps; i++) {
    if (at === plan.length) [plan, at] = [await loader.plan((epoch += 1)), 0];
    const rate = low * (high / low) ** (i / (steps - 1));
    // Groups keep their proportions.
    for (const group of groups) group.lr = base > 0 ? (rate * group.initialLr) / base : rate;
    const loss = await trainOn(engine, await loader.batch(plan[at]!, at));
    at += 1;
    average = smoothing * average + (1 - smoothing) * loss;
    const smooth = average / (1 - smoothing ** (i + 1));
    if (!Number.isFinite(smooth) || (i > 0 && smooth > divergence * lowest)) {
      diverged = true;
      break;
    }
    lowest = Math.min(lowest, smooth);
    rates.push(rate);
    losses.push(loss);
    smoothed.push(smooth);
  }
  return { rates, losses, smoothed, suggestion: steepest(rates, smoothed), diverged };
}

/**
 * The rate where the loss falls fastest against the logarithm of the rate, before its lowest point: what
 * comes after is noise of the explosion. The first points are left out.
 */
function steepest(rates: readonly number[], losses: readonly number[]): number | undefined {
  const from = Math.min(10, Math.floor(rates.length / 10)) + 1;
  const lowest = losses.indexOf(Math.min(...losses));
  let best: number | undefined;
  let slope = 0;
  for (let i = from; i < lowest; i++) {
    const here = (losses[i + 1]! - losses[i - 1]!) / Math.log(rates[i + 1]! / rates[i - 1]!);
    if (here < slope) [slope, best] = [here, rates[i]];
  }
  return best;
}

export interface OverfitOptions {
  /** Default 100. */
  readonly steps?: number;
  /** Samples to learn by heart; default 8. */
  readonly batchSize?: number;
  /** Share of the first loss that the last must be below; default 0.1. */
  readonly target?: number;
}

export interface OverfitResult {
  readonly passed: boolean;
  readonly losses: readonly number[];
  /** What was found, and where to look when it did not pass. */
  readonly message: string;
}

export async function overfitBatch(
  engine: Engine,
  data: Dataset,
  seed: number,
  options: OverfitOptions,
): Promise<OverfitResult> {
  const op = 'overfitBatch';
  checkOptions(op, options, ['steps', 'batchSize', 'target']);
  const { steps = 100, batchSize = 8, target = 0.1 } = options;
  checkWhole(op, 'steps', steps, 2);
  checkNumber(op, 'target', target, { low: 0, high: 1 });
  const loader = new DataLoader(data, { batchSize, shuffle: true, seed });
  const [indices] = await loader.plan(0);
  const losses: number[] = [];
  // Not the rate of the moment: a schedule that warms up would make it look stuck.
  for (const group of engine.settings.optimizer.groups) group.lr = group.initialLr;
  for (let i = 0; i < steps; i++) {
    const loss = await trainOn(engine, await loader.batch(indices!));
    losses.push(loss);
    if (!Number.isFinite(loss)) break;
  }
  const [first, last] = [losses[0]!, losses.at(-1)!];
  const passed = last < target * first;
  const course = `over ${losses.length} steps on ${indices!.length} samples the loss went from ${formatNumber(first)} to ${formatNumber(last)}`;
  const hint = Number.isFinite(last)
    ? 'look at the learning rate (findLearningRate), frozen parameters, the order of targets, outputs ' +
      'that are squashed twice, and strong dropout or weight decay'
    : 'the learning rate may be too high, or the loss gets values it is not defined for';
  return { passed, losses, message: passed ? course : `${course}: ${hint}` };
}
