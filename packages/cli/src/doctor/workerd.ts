/** The same figures from local workerd, which enforces none of the limits: the doctor holds them against its own. */
import { coldStart, load, withBareWorker, withBundle } from '@hebb/edge/node';
import type { BareWorker, Bundle } from '@hebb/edge/node';
import { UsageError } from '../errors.ts';
import type { CompiledFolder } from './folder.ts';
import { bundleConditions } from './project.ts';
import { verdictOf, worst } from './report.ts';
import type { Row } from './report.ts';
import { sampleBody, sampleInputs } from './sample.ts';

/** The rows with what was measured; the worse of both figures makes the verdict. */
export async function measureOnWorkerd(
  folder: CompiledFolder,
  directory: string | undefined,
  rows: readonly Row[],
  concurrency: number,
): Promise<Row[]> {
  if (directory === undefined) {
    throw new UsageError('--measure needs wrangler: npm install --save-dev wrangler');
  }
  if (folder.store !== undefined) {
    throw new UsageError('--measure is for bundled weights: there is no store on bare workerd');
  }
  return withBundle({ directory, conditions: bundleConditions }, (bundle) =>
    measureBundle(folder, { directory, bundle }, rows, concurrency),
  );
}

async function measureBundle(
  folder: CompiledFolder,
  options: Bundled,
  rows: readonly Row[],
  concurrency: number,
): Promise<Row[]> {
  const { startupMs } = await coldStart({ ...options, path: '/health', runs: 3 });
  const found = new Map([['startup', startupMs]]);
  for (const fn of folder.plan.functions) {
    for (const signature of fn.signatures) {
      const body = sampleBody(sampleInputs(fn, signature));
      const path = folder.plan.functions.length === 1 ? '/predict' : `/models/${fn.name}/predict`;
      const name = rows.find(
        (row) => row.name.startsWith(`cpu ${fn.name} `) && !found.has(row.name),
      );
      if (name !== undefined) found.set(name.name, await cpuOf(options, path, body));
      await memoryInto(found, folder, options, path, body, concurrency);
    }
  }
  return rows.map((row) => {
    const measured = found.get(row.name);
    if (measured === undefined) return row;
    return {
      ...row,
      measured,
      verdict: worst([row.verdict, verdictOf(measured, row.limit, row.unit)]),
    };
  });
}

interface Bundled {
  readonly directory: string;
  readonly bundle: Bundle;
}

const ask = (worker: BareWorker, path: string, body: string, requests: number, concurrency = 1) =>
  load({
    ...{ url: worker.url, requests, concurrency },
    request: () => ({ path, headers: { 'content-type': 'application/json' }, body }),
    timeout: 120_000,
  });

/** Milliseconds of a warm request, less what workerd takes for one that does nothing. */
async function cpuOf(options: Bundled, path: string, body: string): Promise<number> {
  return withBareWorker(options, async ({ worker, empty }) => {
    const took = async (one: BareWorker): Promise<number> => {
      const began = performance.now();
      await ask(one, path, body, 5);
      const each = (performance.now() - began) / 5;
      const requests = Math.max(5, Math.min(400, Math.round(800 / each)));
      await ask(one, path, body, requests);
      const before = await one.cpuMs();
      await ask(one, path, body, requests);
      return ((await one.cpuMs()) - before) / requests;
    };
    return Math.max(0, (await took(worker)) - (await took(empty)));
  });
}

/** V8's figures, and the WebAssembly memory that it does not count. */
async function memoryInto(
  found: Map<string, number>,
  { plan }: CompiledFolder,
  options: Bundled,
  path: string,
  body: string,
  concurrency: number,
): Promise<void> {
  await withBareWorker({ ...options, inspect: true }, async ({ worker }) => {
    const held = async (): Promise<number> => {
      const { objects, buffers } = await worker.heap();
      return objects + buffers + Math.ceil(plan.memory / 65536) * 65536;
    };
    const keep = (name: string, bytes: number): void => {
      found.set(name, Math.max(bytes, found.get(name) ?? 0));
    };
    keep('memory at rest', await held());
    for (const n of new Set([1, concurrency])) {
      const name = `memory at ${n} request${n === 1 ? '' : 's'}`;
      let busy = true;
      const sampled = (async () => {
        while (busy) {
          keep(name, await held());
          await new Promise((resolve) => setTimeout(resolve, 25));
        }
      })();
      await ask(worker, path, body, 1);
      await ask(worker, path, body, Math.max(40, 8 * n), n);
      busy = false;
      await sampled;
    }
  });
}
