/** What is aimed at, beside what was measured. */
import type { CaseResult } from '../harness/contest.ts';
import { geometricMean } from '../harness/statistics.ts';
import { watchedSteps } from '../memory/memory.ts';
import { gpuRatio } from './gpu.ts';
import { adamShare } from './saved.ts';
import type { Saved } from './saved.ts';
import { digits, timeOf } from './summary.ts';
import type { Sheet } from './summary.ts';

interface Goal {
  readonly what: string;
  readonly wanted: string;
  /** What decides: the worst of its cases. */
  readonly measured: string;
  readonly met: boolean;
}

/** How many times faster `mine` is than `peer` in each case, where both were timed. */
function speeds(
  results: readonly CaseResult[] | undefined,
  cases: readonly string[],
  mine: string,
  peer: string,
): { name: string; speed: number }[] {
  return cases.flatMap((name) => {
    const found = results?.find((result) => result.case === name);
    const time = (who: string) => timeOf(found?.results.find((r) => r.contender === who));
    const speed = time(peer) / time(mine);
    return Number.isFinite(speed) ? [{ name, speed }] : [];
  });
}

/** At least so many times as fast in each of the cases. */
function atLeast(
  what: string,
  factor: number,
  peer: string,
  list: readonly { name: string; speed: number }[],
): Goal[] {
  if (list.length === 0) return [];
  const worst = list.reduce((a, b) => (b.speed < a.speed ? b : a));
  const all = list.length > 1 ? ` (${worst.name}; ${list.length} cases)` : '';
  return [
    {
      what,
      wanted: `${factor.toFixed(2).replace(/0$/, '')}× ${peer}`,
      measured: `${digits(worst.speed)}×${all}`,
      met: worst.speed >= factor,
    },
  ];
}

export function goalsOf(runs: readonly Saved[]): Goal[] {
  const of = <K extends keyof Saved>(key: K): Saved[K] | undefined =>
    runs.find((run) => run[key] !== undefined)?.[key];
  const [kernels, infer, train] = [of('kernels'), of('infer'), of('train')];
  const products = ['matmul-384', 'matmul-512', 'matmul-768', 'matmul-1024', 'matmul-1536'];
  const images = ['resnet18', 'mobilenetv2'];
  const sequences = ['lstm', 'encoder', 'decoder', 'unet'];
  const steps = (train ?? []).map((result) => result.case).filter((name) => name !== 'adam-10m');
  const goals = [
    ...atLeast('matmul 384-1536', 1.8, 'ort', speeds(kernels, products, 'hebb', 'ort')),
    ...atLeast('matmul 384-1536', 1.4, 'jax-js', speeds(kernels, products, 'hebb', 'jax-js')),
    ...atLeast('ResNet-18, MobileNetV2', 1.8, 'ort', speeds(infer, images, 'hebb', 'ort')),
    ...atLeast('the same on two threads', 1.8, 'ort-2', speeds(infer, images, 'hebb-2', 'ort-2')),
    ...atLeast(
      'LSTM, encoder, decoder, U-Net',
      1.5,
      'ort',
      speeds(infer, sequences, 'hebb', 'ort'),
    ),
    ...meanAtLeast('the same, geometric mean', 2, 'ort', speeds(infer, sequences, 'hebb', 'ort')),
    ...atLeast('MLP inference', 1.2, 'ort', speeds(infer, ['mlp'], 'hebb', 'ort')),
    ...atLeast('LeNet inference', 1.6, 'ort', speeds(infer, ['lenet'], 'hebb', 'ort')),
    ...atLeast('LSTM and GRU inference', 2, 'ort', speeds(infer, ['lstm', 'gru'], 'hebb', 'ort')),
    ...atLeast(
      'training MLP, LSTM, GRU, decoder, two threads',
      1,
      'torch-2',
      speeds(train, ['mlp', 'lstm', 'gru', 'decoder'], 'hebb-2', 'torch-2'),
    ),
    ...atLeast(
      'training LeNet, DCGAN, two threads',
      0.67,
      'torch-2',
      speeds(train, ['lenet', 'dcgan'], 'hebb-2', 'torch-2'),
    ),
    ...atLeast('training', 3, 'jax-js', speeds(train, steps, 'hebb', 'jax-js')),
    ...atLeast('training', 3, 'tfjs', speeds(train, steps, 'hebb', 'tfjs')),
    ...atLeast('training LSTM, GRU', 5, 'jax-js', speeds(train, ['lstm', 'gru'], 'hebb', 'jax-js')),
  ];
  const trained = runs.find((run) => run.train !== undefined);
  const share = trained && adamShare(trained, 2);
  if (share !== undefined) {
    goals.push({
      what: 'Adam over 10 M parameters, two threads',
      wanted: '60 % of the copy bandwidth',
      measured: `${(100 * share).toFixed(0)} %`,
      met: share >= 0.6,
    });
  }
  return [
    ...goals,
    ...shippedGoals(of('sizes'), of('cold')),
    ...memoryGoals(of('memory'), of('load')),
    ...gpuGoals(of('webgpu')),
  ];
}

function meanAtLeast(
  what: string,
  factor: number,
  peer: string,
  list: readonly { name: string; speed: number }[],
): Goal[] {
  if (list.length === 0) return [];
  const speed = geometricMean(list.map((each) => each.speed));
  return [
    { what, wanted: `${factor}× ${peer}`, measured: `${digits(speed)}×`, met: speed >= factor },
  ];
}

function shippedGoals(sizes: Saved['sizes'], cold: Saved['cold']): Goal[] {
  const goals: Goal[] = [];
  const size = sizes?.find(({ contender }) => contender.endsWith('mobilenetv2'));
  if (size?.script !== undefined) {
    const bytes = size.script.gzip + (size.wasm?.gzip ?? 0);
    goals.push({
      what: 'compiled MobileNetV2 without weights, gzip',
      wanted: 'under 100 KB',
      measured: `${(bytes / 1000).toFixed(1)} KB`,
      met: bytes < 100_000,
    });
  }
  const start = (contender: string) =>
    cold?.find((c) => c.case === 'lenet' && c.contender === contender)?.sinceLoad;
  const [mine, theirs] = [start('hebb-compiled'), start('ort')];
  if (mine !== undefined && theirs !== undefined) {
    goals.push({
      what: 'compiled LeNet, from module load to the first answer',
      wanted: 'a tenth of ort',
      measured: `1/${(theirs / mine).toFixed(1)}`,
      met: theirs / mine >= 10,
    });
  }
  return goals;
}

/** What a software adapter does is no measure. */
function gpuGoals(gpu: Saved['webgpu']): Goal[] {
  if (gpu === undefined || gpu.adapter.software) return [];
  const rows = [...gpu.kernels, ...gpu.infer, ...gpu.train];
  const against = (native: boolean, list: readonly CaseResult[]) =>
    list.flatMap((result) => {
      const found = gpuRatio(result, native);
      return found === undefined ? [] : [{ name: result.case, speed: found.ratio }];
    });
  const single = rows.filter((result) => !result.case.includes('f16'));
  return [
    ...atLeast(
      'on a graphics processor, every row',
      1,
      'the best in JavaScript',
      against(false, rows),
    ),
    ...atLeast('the same in float32', 0.5, 'torch-cuda', against(true, single)),
  ];
}

function memoryGoals(memory: Saved['memory'], load: Saved['load']): Goal[] {
  const goals: Goal[] = [];
  const grown = (memory ?? []).flatMap(({ case: name, uses }) => {
    if (uses?.length !== watchedSteps.length) return [];
    const [first, last] = [uses[0]!, uses.at(-1)!];
    const bytes = last.heap + last.external - first.heap - first.external;
    return [{ name, bytes, values: last.values - first.values }];
  });
  if (grown.length > 0) {
    const worst = grown.reduce((a, b) => (b.bytes > a.bytes ? b : a));
    const values = Math.max(...grown.map((each) => each.values));
    goals.push({
      what: 'memory of training loops, from step 10 to step 1,000',
      wanted: 'flat',
      measured: `${(worst.bytes / 1e6).toFixed(2)} MB more (${worst.name}), ${values} values more`,
      // Counters and compiled code of the engine come and go by so much.
      met: worst.bytes < 1e6 && values === 0,
    });
  }
  const ratios = (key: 'load' | 'peakBytes' | 'call') =>
    (load ?? []).flatMap((mine) => {
      const theirs = load!.find((r) => r.model === mine.model && r.contender === 'ort');
      const speed = (theirs?.[key] ?? NaN) / (mine[key] ?? NaN);
      return mine.contender === 'hebb' && Number.isFinite(speed)
        ? [{ name: mine.model, speed }]
        : [];
    });
  goals.push(
    ...atLeast('published models, load', 1, 'ort', ratios('load')),
    ...atLeast('published models, peak memory', 2, 'less than ort', ratios('peakBytes')),
    ...atLeast('published models, call', 1, 'ort', ratios('call')),
  );
  return goals;
}

export function goalSheet(runs: readonly Saved[]): Sheet | undefined {
  const goals = goalsOf(runs);
  if (goals.length === 0) return undefined;
  return {
    title: 'Goals',
    head: ['what', 'at least', 'measured', 'met'],
    rows: goals.map(({ what, wanted, measured, met }) => [
      what,
      wanted,
      measured,
      met ? 'yes' : 'no',
    ]),
    notes: [],
  };
}
