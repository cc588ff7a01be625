/** Published models beside onnxruntime-web: how long they load, what memory that takes, how fast they run. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeTensor } from '@hebb/onnx';
import type { TensorData } from '@hebb/onnx';
import { importOnnxFile } from '@hebb/onnx/node';
import { compareOutputs } from '../harness/compare.ts';
import type { Host } from '../harness/launch.ts';
import { decode } from '../harness/protocol.ts';
import { geometricMean, median } from '../harness/statistics.ts';
import { digits } from '../report/summary.ts';
import type { Sheet } from '../report/summary.ts';
import type { ZooAnswer, ZooContender, ZooTask, ZooTensor } from './protocol.ts';

export interface ZooResult {
  readonly model: string;
  readonly contender: ZooContender;
  /** Medians over the rounds; times in milliseconds. */
  readonly load?: number;
  readonly again?: number;
  readonly peakBytes?: number;
  readonly call?: number;
  readonly reason?: string;
}

export interface ZooOptions {
  readonly host: Host;
  readonly rounds: number;
  readonly milliseconds: number;
  readonly wanted: string | undefined;
  readonly progress?: (message: string) => void;
}

const contenders: readonly ZooContender[] = ['hebb', 'ort'];
/** Largest difference from the published outputs, as a fraction of their largest value. */
const tolerance = 1e-3;

export const zooFolder = (): string =>
  join(
    process.env['HEBB_DATA'] ??
      fileURLToPath(new URL('../../../../../shared/data', import.meta.url)),
    'models',
  );

export async function measureZoo(options: ZooOptions): Promise<ZooResult[]> {
  const { host, rounds, milliseconds, wanted, progress = () => undefined } = options;
  const root = zooFolder();
  if (!existsSync(root)) throw new Error(`there are no models in ${root}: set HEBB_DATA`);
  const names = (await readdir(root))
    .sort()
    .filter((name) => wanted === undefined || name === wanted);
  if (names.length === 0) throw new Error(`no model ${wanted} in ${root}`);
  const results: ZooResult[] = [];
  for (const name of names) {
    const { task, expected } = await taskOf(join(root, name), milliseconds);
    const answers = new Map<ZooContender, ZooAnswer[]>(contenders.map((each) => [each, []]));
    const failed = new Map<ZooContender, string>();
    for (let round = 0; round < rounds; round++) {
      for (const contender of contenders) {
        if (failed.has(contender)) continue;
        progress(`load ${name}: round ${round + 1} of ${rounds}, ${contender}`);
        try {
          answers.get(contender)!.push(await once(host, contender, task));
        } catch (error) {
          failed.set(contender, (error as Error).message);
        }
      }
    }
    for (const contender of contenders) {
      const head = { model: name, contender };
      const list = answers.get(contender)!;
      const why = failed.get(contender);
      if (why !== undefined) {
        results.push({ ...head, reason: why });
        continue;
      }
      const { reason } = compareOutputs(list[0]!.outputs.map(decode), expected, tolerance);
      const of = (key: 'load' | 'again' | 'peakBytes' | 'call') => median(list.map((a) => a[key]));
      results.push(
        reason === undefined
          ? {
              ...head,
              load: of('load'),
              again: of('again'),
              peakBytes: of('peakBytes'),
              call: of('call'),
            }
          : { ...head, reason: `wrong: ${reason}, against the published outputs` },
      );
    }
  }
  return results;
}

/** The model's first set of published inputs and outputs. */
async function taskOf(
  folder: string,
  milliseconds: number,
): Promise<{ task: ZooTask; expected: Float32Array[] }> {
  const path = join(folder, 'model.onnx');
  const { inputs, outputs } = await importOnnxFile(path);
  const read = async (file: string): Promise<TensorData> =>
    decodeTensor(await readFile(join(folder, 'test_data_set_0', file)));
  const given = await Promise.all(
    inputs.map(async ({ name, shape }, i): Promise<ZooTensor> => {
      const value = await read(`input_${i}.pb`);
      const { buffer, byteOffset, byteLength } = value.data as Float32Array;
      return {
        name,
        dtype: value.dtype,
        // One file gives a scalar as a list of one.
        shape: shape?.length === 0 ? [] : value.shape,
        bytes: Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
      };
    }),
  );
  const expected = await Promise.all(
    outputs.map(async (_, i) => {
      const { data } = await read(`output_${i}.pb`);
      return Float32Array.from(data as ArrayLike<number | bigint>, Number);
    }),
  );
  return {
    task: { model: path, inputs: given, outputs: outputs.map(({ name }) => name), milliseconds },
    expected,
  };
}

async function once(host: Host, contender: ZooContender, task: ZooTask): Promise<ZooAnswer> {
  const here = fileURLToPath(new URL('..', import.meta.url));
  const entry = host.sources
    ? `${here}zoo/child.ts`
    : `${here.replace(/src\/$/, 'dist/')}zoo/child.js`;
  const flags = host.sources
    ? ['--conditions=@hebb/source', '--disable-warning=ExperimentalWarning']
    : [];
  const child = spawn(host.node, [...flags, entry, contender], { stdio: ['pipe', 'pipe', 'pipe'] });
  let [text, noise] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (noise += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(task));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const answer = /^ANSWER (.*)$/m.exec(text)?.[1];
  if (answer === undefined) {
    const complaint = noise.split('\n').find((line) => line.includes('Error'));
    throw new Error(complaint ?? `ended with ${String(code)}`);
  }
  return JSON.parse(answer) as ZooAnswer;
}

export function zooSheet(results: readonly ZooResult[]): Sheet {
  const models = [...new Set(results.map(({ model }) => model))];
  const find = (model: string, contender: ZooContender) =>
    results.find((r) => r.model === model && r.contender === contender);
  const columns = [
    { name: 'load, ms', key: 'load', scale: 1 },
    { name: 'load again, ms', key: 'again', scale: 1 },
    { name: 'peak, MB', key: 'peakBytes', scale: 1e-6 },
    { name: 'call, ms', key: 'call', scale: 1 },
  ] as const;
  const ratio = (model: string, key: (typeof columns)[number]['key']): number =>
    (find(model, 'ort')?.[key] ?? NaN) / (find(model, 'hebb')?.[key] ?? NaN);
  const rows = models.map((model) => [
    model,
    ...columns.flatMap(({ key, scale }) => [
      ...contenders.map((c) => digits((find(model, c)?.[key] ?? NaN) * scale)),
      Number.isFinite(ratio(model, key)) ? `${digits(ratio(model, key))}×` : '–',
    ]),
  ]);
  const mean = (key: (typeof columns)[number]['key']): string => {
    const known = models.map((model) => ratio(model, key)).filter(Number.isFinite);
    return known.length === 0 ? '' : `${digits(geometricMean(known))}×`;
  };
  if (models.length > 1) {
    rows.push(['geometric mean', ...columns.flatMap(({ key }) => ['', '', mean(key)])]);
  }
  return {
    title: 'Published models, one thread',
    head: ['model', ...columns.flatMap(({ name }) => [`hebb: ${name}`, `ort: ${name}`, 'less'])],
    rows,
    notes: results.flatMap(({ model, contender, reason }) =>
      reason ? [`${contender} is out of ${model}: ${reason}`] : [],
    ),
  };
}
