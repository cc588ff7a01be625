/** Many requests at once to workers on local workerd: right answers, latency, throughput, memory; and cold starts. */
import { init } from '@hebb/core';
import { wasm } from '@hebb/backend-wasm';
import { load, memoryBelow, startWorker, withBareWorker } from '@hebb/edge/node';
import type { LoadReport } from '@hebb/edge/node';
import type { Sequential } from '@hebb/nn';
import { measureEdgeCold } from './cold.ts';
import type { EdgeCold } from './cold.ts';
import { askClassifier, askDecoder } from './loads.ts';
import type { Asking } from './loads.ts';
import { decoder, leNet, wide, writeClassifier, writeDecoder } from './project.ts';

export interface EdgeLoad {
  readonly model: string;
  /** How it was asked. */
  readonly variant: string;
  readonly report: LoadReport;
  /** Bytes that the worker's process held beyond one that does nothing, before and after; not through wrangler. */
  readonly held?: readonly [before: number, after: number];
  /** Most bytes of its objects and array buffers, before and after, with garbage still among them. */
  readonly heap?: readonly [before: number, after: number];
}

export interface EdgeResult {
  readonly requests: number;
  readonly concurrency: number;
  readonly loads: readonly EdgeLoad[];
  readonly cold: readonly EdgeCold[];
}

export interface EdgeOptions {
  readonly requests: number;
  readonly concurrency: number;
  /** Process starts of each cold start. */
  readonly rounds: number;
  readonly wanted?: string | undefined;
  readonly progress?: (message: string) => void;
}

const conditions = ['@hebb/source'];

interface Variant {
  readonly name: string;
  readonly asking: Asking;
}

export async function measureEdge(options: EdgeOptions): Promise<EdgeResult> {
  await init(wasm({ threads: 1 }));
  const { requests, concurrency, rounds, wanted, progress = () => undefined } = options;
  const wants = (name: string): boolean => wanted === undefined || wanted === name;
  const loads: EdgeLoad[] = [];
  // What wrangler puts between takes longer than the model: enough to compare, not to wait for.
  const fewer = { ...options, requests: Math.ceil(requests / 5) };
  /** A classifier on bare workerd in each form given, and behind wrangler with and without its cache. */
  const classify = async (
    name: string,
    net: Sequential,
    shape: readonly number[],
    { forms, on }: { forms: readonly ('json' | 'binary')[]; on: typeof options },
  ): Promise<void> => {
    const directory = await writeClassifier(name, net, shape);
    const ask = await askClassifier(net, shape);
    const variants = forms.flatMap((form) => {
      const said = form === 'json' ? 'JSON' : form;
      return [
        { name: said, asking: ask('plain', form) },
        { name: `${said}, batched`, asking: ask('batched', form) },
      ];
    });
    loads.push(...(await onBareWorkerd(name, directory, variants, on)));
    // The Cache API of local workerd is wrangler's.
    const cached = [
      { name: 'binary, by wrangler', asking: ask('plain', 'binary') },
      { name: 'binary, by wrangler, cached', asking: ask('cached', 'binary') },
    ];
    loads.push(...(await onWrangler(name, directory, cached, fewer)));
  };
  if (wants('lenet')) {
    await classify('lenet', leNet(), [1, 28, 28], { forms: ['json', 'binary'], on: options });
  }
  if (wants('wide')) await classify('wide', wide(), [784], { forms: ['binary'], on: fewer });
  if (wants('decoder')) {
    const model = decoder();
    const directory = await writeDecoder(model);
    const variants = [{ name: 'streams of 8 tokens', asking: await askDecoder(model) }];
    loads.push(...(await onBareWorkerd('decoder', directory, variants, options)));
  }
  const cold = wants('cold') ? await measureEdgeCold({ rounds, progress }) : [];
  return { requests, concurrency, loads, cold };
}

/** Requests before those that count: code is compiled and heaps grow to their size. */
const warming = (requests: number): number => Math.ceil(requests / 10);

async function onBareWorkerd(
  model: string,
  directory: string,
  variants: readonly Variant[],
  { requests, concurrency, progress = () => undefined }: EdgeOptions,
): Promise<EdgeLoad[]> {
  const loads: EdgeLoad[] = [];
  for (const { name, asking } of variants) {
    progress(`edge ${model}: ${name}`);
    // A process of its own: no variant inherits another's heap.
    await withBareWorker({ directory, conditions, inspect: true }, async ({ worker, empty }) => {
      const memory = async (): Promise<number> =>
        (await worker.memory()).resident - (await empty.memory()).resident;
      const heap = async (): Promise<number> => {
        const { objects, buffers } = await worker.heap();
        return objects + buffers;
      };
      const common = { url: worker.url, concurrency, ...asking };
      await load({ ...common, requests: warming(requests) });
      const before = [await memory(), await heap()] as const;
      const report = await load({ ...common, requests, memory });
      const after = [await memory(), await heap()] as const;
      loads.push({
        ...{ model, variant: name, report },
        held: [before[0], after[0]],
        heap: [before[1], after[1]],
      });
    });
  }
  return loads;
}

async function onWrangler(
  model: string,
  directory: string,
  variants: readonly Variant[],
  { requests, concurrency, progress = () => undefined }: EdgeOptions,
): Promise<EdgeLoad[]> {
  const loads: EdgeLoad[] = [];
  for (const { name, asking } of variants) {
    progress(`edge ${model}: ${name}`);
    const worker = await startWorker({ directory, conditions });
    try {
      const common = { url: worker.url, concurrency, ...asking };
      await load({ ...common, requests: warming(requests) });
      const memory = () => memoryBelow(worker.pid, 'workerd');
      loads.push({ model, variant: name, report: await load({ ...common, requests, memory }) });
    } finally {
      await worker.stop();
    }
  }
  return loads;
}
