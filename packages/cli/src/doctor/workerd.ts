/** The same figures from local workerd, which enforces none of the limits: the doctor holds them against its own. */
import { coldStart, load, withBareWorker, withBundle } from '@hebb/edge/node';
import type { BareWorker, Bundle, LoadReport, LoadRequest } from '@hebb/edge/node';
import type { PlanFunction, Signature } from '@hebb/runtime';
import { bytes } from '../format.ts';
import type { CompiledFolder } from './folder.ts';
import { bundleConditions } from './project.ts';
import { verdictOf, worst } from './report.ts';
import type { Row } from './report.ts';
import { sampleBinary, sampleBody, sampleInputs } from './sample.ts';

/** What is measured: all of it, or memory alone, which takes seconds. */
export type Measuring = 'all' | 'memory';

/**
 * The rows with what was measured. Memory under load is judged by that alone, since what is foretold of it is a bound
 * from above; for the rest the worse of both figures makes the verdict.
 */
export async function measureOnWorkerd(
  folder: CompiledFolder,
  directory: string,
  rows: readonly Row[],
  concurrency: number,
  what: Measuring,
): Promise<Row[]> {
  return withBundle({ directory, conditions: bundleConditions }, (bundle) =>
    measureBundle(folder, { directory, bundle }, rows, concurrency, what),
  );
}

async function measureBundle(
  folder: CompiledFolder,
  options: Bundled,
  rows: readonly Row[],
  concurrency: number,
  what: Measuring,
): Promise<Row[]> {
  const found = new Map<string, number>();
  const said = new Map<string, string>();
  if (what === 'all') {
    const { startupMs } = await coldStart({ ...options, path: '/health', runs: 3 });
    found.set('startup', startupMs);
    for (const { fn, signature } of signaturesOf(folder)) {
      const { json } = formsOf(folder, fn, signature);
      const name = rows.find(
        (row) => row.name.startsWith(`cpu ${fn.name} `) && !found.has(row.name),
      );
      if (name !== undefined) found.set(name.name, await cpuOf(options, json));
    }
  }
  await memoryInto(found, said, folder, options, concurrency);
  return rows.map((row) => {
    const measured = found.get(row.name);
    if (measured === undefined) return row;
    const own = verdictOf(measured, row.limit, row.unit);
    const forms = said.get(row.name);
    // A form that was refused has taken nothing.
    const judges = forms !== undefined && !forms.includes('answered');
    return {
      ...row,
      measured,
      verdict: judges ? own : worst([row.verdict, own]),
      ...(forms === undefined ? {} : { how: forms }),
    };
  });
}

const signaturesOf = ({ plan }: CompiledFolder) =>
  plan.functions.flatMap((fn) => fn.signatures.map((signature) => ({ fn, signature })));

interface Bundled {
  readonly directory: string;
  readonly bundle: Bundle;
}

type Forms = Readonly<Record<'json' | 'binary', LoadRequest>>;

/** A request of these shapes in each form. */
function formsOf({ plan }: CompiledFolder, fn: PlanFunction, signature: Signature): Forms {
  const inputs = sampleInputs(fn, signature);
  const only = plan.functions.length === 1;
  const name = only ? plan.name : fn.name;
  return {
    json: {
      path: only ? '/predict' : `/models/${fn.name}/predict`,
      headers: { 'content-type': 'application/json' },
      body: sampleBody(inputs),
    },
    binary: { path: `/v2/models/${encodeURIComponent(name)}/infer`, ...sampleBinary(inputs) },
  };
}

const ask = (
  worker: BareWorker,
  request: LoadRequest,
  requests: number,
  concurrency = 1,
): Promise<LoadReport> =>
  load({
    ...{ url: worker.url, requests, concurrency, timeout: 120_000 },
    request: () => request,
  });

/** Milliseconds of a warm request, less what workerd takes for one that does nothing. */
async function cpuOf(options: Bundled, request: LoadRequest): Promise<number> {
  return withBareWorker(options, async ({ worker, empty }) => {
    const took = async (one: BareWorker): Promise<number> => {
      const began = performance.now();
      await ask(one, request, 5);
      const each = (performance.now() - began) / 5;
      const requests = Math.max(5, Math.min(400, Math.round(800 / each)));
      await ask(one, request, requests);
      const before = await one.cpuMs();
      await ask(one, request, requests);
      return ((await one.cpuMs()) - before) / requests;
    };
    return Math.max(0, (await took(worker)) - (await took(empty)));
  });
}

/** Requests of one form at one concurrency: as many as fit into the time, and enough for V8 to collect behind them. */
const budgetMs = 1500;
const fewest = 8;

/**
 * The most that V8 counts while requests of the largest shapes come, and the WebAssembly memory that it does not
 * count. Each form has a process of its own.
 */
async function memoryInto(
  found: Map<string, number>,
  said: Map<string, string>,
  folder: CompiledFolder,
  options: Bundled,
  concurrency: number,
): Promise<void> {
  const largest = signaturesOf(folder)
    .map(({ fn, signature }) => formsOf(folder, fn, signature))
    .reduce((a, b) => (b.json.body!.length > a.json.body!.length ? b : a));
  const memory = Math.ceil(folder.plan.memory / 65536) * 65536;
  const texts = new Map<string, string[]>();
  for (const form of ['json', 'binary'] as const) {
    await withBareWorker({ ...options, inspect: true }, async ({ worker }) => {
      const held = async (): Promise<number> => {
        const { objects, buffers } = await worker.heap();
        return objects + buffers + memory;
      };
      const keep = (name: string, bytes: number): void => {
        found.set(name, Math.max(bytes, found.get(name) ?? 0));
      };
      keep('memory at rest', await held());
      for (const n of new Set([1, concurrency])) {
        const name = `memory at ${n} request${n === 1 ? '' : 's'}`;
        const peak = await peakUnder(worker, held, largest[form], n);
        const shown = form === 'json' ? 'JSON' : form;
        const list = texts.get(name) ?? [];
        if (typeof peak === 'number') {
          keep(name, peak);
          list.push(`${bytes(peak)} for ${shown}`);
        } else list.push(`${shown} ${peak}`);
        texts.set(name, list);
      }
    });
  }
  for (const [name, list] of texts) said.set(name, list.join(', '));
}

/** Bytes at most, or why there is no figure. */
async function peakUnder(
  worker: BareWorker,
  held: () => Promise<number>,
  request: LoadRequest,
  concurrency: number,
): Promise<number | string> {
  let peak = 0;
  let busy = true;
  const sampled = (async () => {
    while (busy) {
      peak = Math.max(peak, await held());
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  })();
  const began = performance.now();
  const first = await ask(worker, request, concurrency, concurrency);
  const each = (performance.now() - began) / concurrency;
  const requests = Math.max(fewest, Math.min(2000, Math.round(budgetMs / each)));
  const more = await ask(worker, request, requests, concurrency);
  busy = false;
  await sampled;
  const wrong = [first, more]
    .flatMap(({ statuses }) => Object.keys(statuses))
    .find((status) => status !== '200');
  if (wrong !== undefined) return `is answered ${wrong}`;
  return first.failed + more.failed > 0 ? 'is not answered' : peak;
}
