/** What was measured on a graphics processor, as tables. */
import type { GpuResult } from '../browser/bench.ts';
import type { CaseResult } from '../harness/contest.ts';
import { digits, notesOf, present, timeOf } from './summary.ts';
import type { Sheet } from './summary.ts';

const mine = ['hebb-webgpu', 'hebb-dawn'];
const timeIn = (result: CaseResult, name: string): number =>
  timeOf(result.results.find(({ contender }) => contender === name));

/** Hebb's time beside a peer's: in a page as the others in JavaScript, the better one beside native code. */
function gpuTime(result: CaseResult, native: boolean): number {
  const times = mine.map((name) => timeIn(result, name)).filter(Number.isFinite);
  if (times.length === 0) return NaN;
  return native ? Math.min(...times) : times[0]!;
}

/** The fastest of the others, those in JavaScript or PyTorch. */
export function gpuRatio(
  result: CaseResult,
  native: boolean,
): { readonly ratio: number; readonly peer: string } | undefined {
  const [best] = result.results
    .map(({ contender }) => contender)
    .filter((name) => !mine.includes(name) && name.startsWith('torch') === native)
    .map((peer) => ({ peer, ratio: timeIn(result, peer) / gpuTime(result, native) }))
    .filter(({ ratio }) => Number.isFinite(ratio))
    .sort((a, b) => a.ratio - b.ratio);
  return best;
}

const shown = (ratio: ReturnType<typeof gpuRatio>): string =>
  ratio === undefined ? '' : `${digits(ratio.ratio)}× ${ratio.peer}`;

const tera = 1e12;

/** Share of the peak that Hebb reaches in a product; of 16-bit ones where that peak is known. */
export function shareOfPeak(result: CaseResult, { peak }: GpuResult): number | undefined {
  const half = result.case.includes('f16');
  const most = half ? peak.f16 : peak.f32;
  const rate = (result.flops / gpuTime(result, true)) * 1000;
  return most === undefined || !Number.isFinite(rate) ? undefined : rate / most;
}

function productSheet(gpu: GpuResult): Sheet {
  const names = present(gpu.kernels);
  const rows = gpu.kernels.map((result) => {
    const share = shareOfPeak(result, gpu);
    return [
      result.case,
      ...names.map((name) => {
        const found = result.results.find(({ contender }) => contender === name)!;
        if (found.status === 'wrong') return 'wrong';
        return digits(result.flops / timeOf(found) / 1e9);
      }),
      share === undefined ? '–' : `${(100 * share).toFixed(0)} %`,
      shown(gpuRatio(result, false)),
      shown(gpuRatio(result, true)),
    ];
  });
  return {
    title: 'On a graphics processor: products, TFLOP/s',
    head: ['case', ...names, 'share of peak', 'vs best', 'vs PyTorch'],
    rows,
    notes: notesOf(gpu.kernels),
  };
}

function callSheet(title: string, results: readonly CaseResult[]): Sheet {
  const names = present(results);
  return {
    title: `On a graphics processor: ${title}, milliseconds a call`,
    head: ['case', ...names, 'vs best', 'vs PyTorch'],
    rows: results.map((result) => [
      result.case,
      ...names.map((name) => {
        const found = result.results.find(({ contender }) => contender === name)!;
        return found.status === 'wrong' ? 'wrong' : digits(timeOf(found));
      }),
      shown(gpuRatio(result, false)),
      shown(gpuRatio(result, true)),
    ]),
    notes: notesOf(results),
  };
}

function adapterSheet(gpu: GpuResult): Sheet {
  const { adapter, browser, card, peak, peakGiven, small } = gpu;
  const name = [adapter.vendor, adapter.architecture, adapter.device, adapter.description]
    .filter((part) => part !== '')
    .join(', ');
  const rates = [
    `${digits(peak.f32 / tera)} TFLOP/s in float32${peakGiven ? ', as told' : ''}`,
    ...(peak.f16 === undefined ? [] : [`${digits(peak.f16 / tera)} in float16`]),
  ];
  return {
    title: 'On a graphics processor: the adapter',
    head: ['what', 'is'],
    rows: [
      ['adapter', adapter.software ? `${name} (software, on the processor)` : name],
      ...(card === undefined ? [] : [['PyTorch calls it', card]]),
      ['browser', browser],
      ['of WebGPU', adapter.features.join(', ') || '–'],
      ['peak', rates.join('; ')],
      ['sizes', small ? 'small' : 'full'],
    ],
    notes: [
      ...(adapter.software
        ? [
            'The adapter is a software one: a processor in the place of a graphics processor. The figures below prove that every contender runs and agrees, and the harness from end to end; they say nothing about how fast anybody is.',
          ]
        : []),
      'The peak is of multiplications and additions of vectors in registers, unless it was told. Products are queued one after the other, operands and results stay on the card; other calls go from numbers on the host to numbers on the host.',
    ],
  };
}

export function gpuSheets(gpu: GpuResult): Sheet[] {
  return [
    adapterSheet(gpu),
    ...(gpu.kernels.length > 0 ? [productSheet(gpu)] : []),
    ...(gpu.infer.length > 0 ? [callSheet('inference, batch 1', gpu.infer)] : []),
    ...(gpu.train.length > 0 ? [callSheet('training steps', gpu.train)] : []),
  ];
}
