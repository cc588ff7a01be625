/** The tables. */
import { digits } from '../report/summary.ts';
import type { Sheet } from '../report/summary.ts';
import type { EdgeLoad, EdgeResult } from './bench.ts';

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
const both = (pair: readonly [number, number] | undefined): string =>
  pair === undefined ? '–' : pair.map(megabytes).join(' → ');

const row = ({ model, variant, report, held, heap }: EdgeLoad): string[] => [
  `${model}, ${variant}`,
  String(report.requests),
  String(report.wrong + report.failed),
  report.perSecond.toFixed(0),
  ...[report.latency.p50, report.latency.p95, report.latency.p99].map(digits),
  both(held),
  both(heap),
];

export function edgeSheets({ concurrency, loads, cold }: EdgeResult): Sheet[] {
  const sheets: Sheet[] = [];
  if (loads.length > 0) {
    sheets.push({
      title: `On local workerd: ${concurrency} requests at once`,
      head: [
        'model',
        'requests',
        'wrong',
        'a second',
        'p50 ms',
        'p95 ms',
        'p99 ms',
        'process MB',
        'heap MB',
      ],
      rows: loads.map(row),
      notes: [
        'each variant in a process of its own, after a tenth of the requests as a warm-up; the load generator takes its part of the same processors',
        'MB before and after: the process beyond an empty one, and what V8 counts, with garbage still in it',
        '`lenet` is LeNet-5, `wide` has layers of 784, 2048 and 1280, `decoder` is a GPT of 4 layers and width 128 whose 8 likeliest tokens are streamed; wrangler, which has the Cache API, puts proxies of its own between',
        ...ratios(loads),
      ],
    });
  }
  if (cold.length > 0) {
    const names = [...new Set(cold.map(({ case: name }) => name))];
    const takers = [...new Set(cold.map(({ contender }) => contender))];
    sheets.push({
      title: 'Cold start on workerd: milliseconds to the first answer',
      head: [
        'contender',
        ...names.flatMap((name) => [name, `${name}, fastest`, `${name}, processor`]),
      ],
      rows: takers.map((contender) => [
        contender,
        ...names.flatMap((name) => {
          const found = cold.find((each) => each.case === name && each.contender === contender);
          return [found?.ms, found?.bestMs, found?.cpuMs].map((ms) => digits(ms ?? NaN));
        }),
      ]),
      notes: [
        'beyond a worker that does nothing; onnxruntime-web does not start in a worker by itself: its address is written into it, and its WebAssembly module handed over',
        ...cold.flatMap(({ case: name, contender, reason }) =>
          reason === undefined ? [] : [`${contender} is out of ${name}: ${reason}`],
        ),
      ],
    });
  }
  return sheets;
}

/** What batching and the cache change. */
function ratios(loads: readonly EdgeLoad[]): string[] {
  return loads.flatMap((each) => {
    const [, plain, what] = /^(.+), (batched|cached)$/.exec(each.variant) ?? [];
    const other = loads.find(({ model, variant }) => model === each.model && variant === plain);
    if (other === undefined) return [];
    const factor = each.report.perSecond / other.report.perSecond;
    return [`${each.model}, ${plain}: ${what} answers ${factor.toFixed(2)} times as many a second`];
  });
}
