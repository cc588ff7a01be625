/** A compiled worker against the limits of its platform. */
import { bundleSize } from '@hebb/edge/node';
import { gzipSync } from 'node:zlib';
import { UsageError } from '../errors.ts';
import { bytes, shape } from '../format.ts';
import { dearest } from './costs.ts';
import { readCompiled } from './folder.ts';
import type { CompiledFolder } from './folder.ts';
import { limits } from './limits.ts';
import type { PlanName } from './limits.ts';
import { measure } from './measure.ts';
import type { Measured, MeasuredSignature } from './measure.ts';
import { liveOf, memoryOf, peakOf, restOf } from './memory.ts';
import { bundleConditions, withProject } from './project.ts';
import { verdictOf, worst } from './report.ts';
import type { Diagnosis, Row } from './report.ts';
import { measureOnWorkerd } from './workerd.ts';
import type { Measuring } from './workerd.ts';

export interface DiagnoseOptions {
  readonly plan?: PlanName;
  /** Requests that one worker answers at once. Default 8. */
  readonly concurrency?: number;
  /**
   * True: runs it on local workerd for all that can be measured; needs wrangler, and Linux. Left out: for memory under
   * load, where wrangler is installed and the weights are bundled. False: nothing but estimates.
   */
  readonly measure?: boolean | undefined;
}

/** @throws UsageError for a folder that is no compiled worker, and for what is to be measured and cannot. */
export async function diagnose(
  folder: string,
  { plan = 'free', concurrency = 8, measure: onWorkerd }: DiagnoseOptions = {},
): Promise<Diagnosis> {
  const compiled = await readCompiled(folder);
  const measured = await measure(compiled);
  return withProject(compiled.directory, async (project) => {
    const rows: Row[] = [
      ...(await sizeRows(compiled, plan, project)),
      ...storeRows(compiled, plan),
      startupRow(compiled, measured, plan),
      ...memoryRows(compiled, measured, plan, concurrency),
      ...measured.signatures.map((each) => cpuRow(compiled, each, plan)),
    ];
    const what = measuring(compiled, project, onWorkerd);
    const all =
      what === undefined || project === undefined
        ? rows
        : await measureOnWorkerd(compiled, project, rows, concurrency, what);
    return {
      model: compiled.plan.name,
      plan,
      concurrency,
      verdict: worst(all.map(({ verdict }) => verdict)),
      rows: all.map(({ advice = [], ...rest }) =>
        rest.verdict === 'ok' || advice.length === 0 ? rest : { ...rest, advice },
      ),
    };
  });
}

function measuring(
  { store }: CompiledFolder,
  project: string | undefined,
  wanted: boolean | undefined,
): Measuring | undefined {
  if (wanted === false) return undefined;
  if (wanted === undefined) {
    return project === undefined || store !== undefined ? undefined : 'memory';
  }
  if (project === undefined) {
    throw new UsageError('--measure needs wrangler: npm install --save-dev wrangler');
  }
  if (store !== undefined) {
    throw new UsageError('--measure is for bundled weights: there is no store on bare workerd');
  }
  return 'all';
}

/** Bytes of the runtime, the handler and Hono, minified, and compressed; what bundles were in November 2026. */
const handlerScript = { size: 76_000, gzip: 29_000 };

async function sizeRows(
  { module, weights, planText }: CompiledFolder,
  name: PlanName,
  project: string | undefined,
): Promise<Row[]> {
  const advice = [
    'hebb quantize makes the weights smaller',
    'hebb compile --weights-store r2 (or kv, assets) takes them out of the script',
  ];
  const limit = limits[name];
  let script = handlerScript.size + planText;
  let data = weights?.length ?? 0;
  const parts = [module, ...(weights === undefined ? [] : [weights])];
  let compressed =
    handlerScript.gzip + parts.reduce((sum, part) => sum + gzipSync(part).length, 0) + planText / 4;
  let how: string | undefined = 'estimated: wrangler is not installed';
  if (project !== undefined) {
    const size = await bundleSize({ directory: project, conditions: bundleConditions });
    script = size.script;
    data = size.data;
    compressed = size.gzip + size.wasmGzip + size.dataGzip;
    how = undefined;
  }
  const total = script + module.length + data;
  const of = `script ${bytes(script)}, wasm ${bytes(module.length)}, weights ${bytes(data)}`;
  const isLarge = compressed > limit.compressed;
  return [
    row('size', 'bytes', total, limit.script, advice, how === undefined ? of : `${of}; ${how}`),
    {
      name: 'size compressed',
      unit: 'bytes',
      value: Math.round(compressed),
      verdict: isLarge ? 'tight' : 'ok',
      how: `no limit since 2026; it was ${bytes(limit.compressed)}`,
      ...(isLarge ? { advice } : {}),
    },
  ];
}

function storeRows({ store }: CompiledFolder, name: PlanName): Row[] {
  if (store === undefined || store.kind === 'r2') return [];
  const limit = store.kind === 'kv' ? limits[name].kvValue : limits[name].asset;
  const what = store.kind === 'kv' ? 'value of KV' : 'asset';
  const largest = Math.max(0, ...store.objects);
  return [
    row(`largest ${what}`, 'bytes', largest, limit, ['compile it again: weights come in pieces']),
  ];
}

/** Milliseconds to parse and run the handler's modules, and of the weights for each byte that is copied. */
const handlerStartMs = 12;

function startupRow(
  { weights, module }: CompiledFolder,
  { loadMs }: Measured,
  name: PlanName,
): Row {
  // The engine compiles a module lazily, but looks through all of it.
  const value = handlerStartMs + module.length / 50_000 + (weights === undefined ? 0 : loadMs);
  const how =
    weights === undefined
      ? 'weights are read at the first request'
      : `${loadMs.toFixed(1)} ms of it for the model`;
  return row(
    'startup',
    'ms',
    value,
    limits[name].startupMs,
    [
      'load in the first request instead of at the top level: models: { m: { load: loadModel } }',
      'hebb quantize, or fewer --shape',
    ],
    how,
  );
}

function memoryRows(
  folder: CompiledFolder,
  { signatures }: Measured,
  name: PlanName,
  concurrency: number,
): Row[] {
  const largest = signatures
    .map((measured) => memoryOf(folder, measured))
    .reduce((a, b) => (peakOf(b, concurrency) > peakOf(a, concurrency) ? b : a));
  const limit = limits[name].memory;
  const bundled = folder.weights !== undefined;
  const model = [
    ...(bundled
      ? ['hebb compile --weights-store r2 (or kv, assets): bundled weights are in memory twice']
      : []),
    'hebb quantize makes weights smaller; a smaller --shape makes working memory smaller',
  ];
  const requests = [
    'concurrency: { most: N } of serve bounds how many are in memory',
    'binary tensors (/v2) take a third of what JSON takes; a smaller batch takes less of both',
  ];
  const memory = bytes(folder.plan.memory);
  const of = bundled ? `memory ${memory} and the weights beside it` : `memory ${memory}`;
  const rest = restOf(folder);
  const rows = [row('memory at rest', 'bytes', rest, limit, model, of)];
  for (const n of new Set([1, concurrency])) {
    const live = liveOf(largest, n);
    const found = row(
      `memory at ${n} request${n === 1 ? '' : 's'}`,
      'bytes',
      peakOf(largest, n),
      limit,
      rest > limit / 2 ? [...model, ...requests] : requests,
      `at most: ${bytes(largest.request)} each, the rest waits for the collector`,
    );
    // What waits is collected where memory ends: beyond the limit is what nothing collects.
    const verdict = live > limit ? 'over' : found.verdict === 'over' ? 'tight' : found.verdict;
    rows.push({ ...found, verdict });
  }
  return rows;
}

function cpuRow(folder: CompiledFolder, each: MeasuredSignature, name: PlanName): Row {
  const { signature, fn, runMs, handlingMs, ran } = each;
  const inputs = folder.plan.functions.find((one) => one.name === fn)!.inputs;
  const shapes = inputs.map((input, i) => `${input.name} ${shape(signature.inputs[i]!.shape)}`);
  const { cpuMs, mostCpuMs } = limits[name];
  const value = runMs + handlingMs;
  const top = dearest(signature, 2).map(
    ({ name, share }) => `${name} ${Math.round(100 * share)} %`,
  );
  const batch = signature.inputs[0]?.shape[0] ?? 1;
  const advice = [
    ...(mostCpuMs > cpuMs ? ['limits: { cpu_ms } in wrangler.jsonc, up to 300,000'] : []),
    ...(batch > 1 ? ['a smaller batch: --shape'] : []),
    ...(handlingMs > runMs ? ['binary tensors (/v2/models/NAME/infer) instead of JSON'] : []),
    `a smaller model, or hebb quantize: ${top.join(', ')}`,
    ...(name === 'free' ? ['--plan paid has 30 s'] : []),
  ];
  const how = `${ran ? '' : 'by kernel costs, '}kernels ${milli(runMs)}, request ${milli(handlingMs)}`;
  return row(`cpu ${fn} ${shapes.join(' ')}`, 'ms', value, cpuMs, advice, how);
}

const milli = (ms: number): string => `${ms < 10 ? ms.toPrecision(2) : Math.round(ms)} ms`;

function row(
  name: string,
  unit: Row['unit'],
  value: number,
  limit: number,
  advice: readonly string[],
  how?: string,
): Row {
  const verdict = verdictOf(value, limit, unit);
  return {
    ...{ name, unit, value, limit, verdict },
    ...(how === undefined ? {} : { how }),
    advice,
  };
}
