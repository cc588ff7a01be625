/**
 * The second half of every example: the trained model as an ONNX file, held against ONNX Runtime, compiled
 * ahead of time, and asked on a local edge worker.
 */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { compileOnnx, writeCompiled } from '@hebb/cli';
import type { Sizes } from '@hebb/cli';
import type { Tensor } from '@hebb/core';
import { startWorker } from '@hebb/edge/node';
import type { LocalWorker } from '@hebb/edge/node';
import { exportOnnx, importOnnxFile, verifyOnnx } from '@hebb/onnx/node';
import type { ExportOptions, Exportable } from '@hebb/onnx';
import type { Run } from './example.ts';

export interface ShipOptions {
  /** File and worker name. */
  readonly name: string;
  /** One of several of the example: notes carry its name, and its worker has a folder of its own. */
  readonly several?: boolean;
  readonly model: Exportable;
  readonly input: ExportOptions['input'];
  readonly output: readonly string[];
  /** Inputs by name, one record a case: what ONNX Runtime and the worker are asked. */
  readonly cases: readonly Readonly<Record<string, Tensor>>[];
  /** What the open axes are compiled for; the worker is asked the cases that fit one. Default none. */
  readonly shapes?: readonly Sizes[];
  /** Inputs that each call takes from an output of the one before, in the compiled model. */
  readonly state?: Readonly<Record<string, string>>;
  readonly opset?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly rtol?: number;
  readonly atol?: number;
}

export interface Shipped {
  /** The ONNX file. */
  readonly file: string;
  /** The compiled folder: a worker by itself. */
  readonly folder: string;
}

export interface Answer {
  readonly outputs: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>
  >;
}

const size = (bytes: number): string =>
  bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const exponent = (x: number): string => x.toExponential(1);

/** Where `startWorker` bundles from: the sources of this repository. */
export const conditions = ['@hebb/source'];

/** How what `ship` finds is named in the closing table. */
const noter =
  (run: Run, { name, several = false }: ShipOptions) =>
  (what: string, said: string): void =>
    run.note(several ? `${name}: ${what}` : what, said);

/** The first half of `ship`: the ONNX file, and what ONNX Runtime says about it. Returns the file's path. */
export async function exportChecked(run: Run, options: ShipOptions): Promise<string> {
  const { name, model, cases, opset, metadata, rtol = 1e-3, atol = 1e-5 } = options;
  const note = noter(run, options);
  const file = join(run.out, `${name}.onnx`);
  const { bytes } = await exportOnnx(model, file, {
    name,
    input: options.input,
    output: options.output,
    ...(opset === undefined ? {} : { opset }),
    ...(metadata === undefined ? {} : { metadata }),
  });
  const verified = await verifyOnnx(file, model, { cases, rtol, atol });
  note('ONNX file', `${relative(process.cwd(), file)}, ${size(bytes)}`);
  note(
    verified.runtime,
    `${verified.ok ? 'agrees' : 'DISAGREES'} on ${cases.length} ${cases.length === 1 ? 'case' : 'cases'}, largest difference ${exponent(verified.maxError)}`,
  );
  run.check(verified.ok, `${name}: ${verified.runtime} disagrees by ${verified.maxError}`);
  return file;
}

/**
 * Exports, checks, compiles and asks. What it finds is noted in `run`; disagreement is a failure of the
 * example. With a `state` the worker is not asked case by case: it would remember.
 */
export async function ship(run: Run, options: ShipOptions): Promise<Shipped> {
  const { name, cases, shapes, state, several = false, rtol = 1e-3, atol = 1e-5 } = options;
  const note = noter(run, options);
  const file = await exportChecked(run, options);
  const imported = await importOnnxFile(file);
  const built = await compileOnnx(
    imported,
    {
      name,
      ...(shapes === undefined ? {} : { shapes }),
      ...(state === undefined ? {} : { state }),
    },
    { simd: ['relaxed'] },
  );
  const folder = join(run.out, several ? `${name}-worker` : 'worker');
  await mkdir(run.out, { recursive: true });
  const files = await writeCompiled(built, 'worker', folder);
  note(
    'compiled',
    `${relative(process.cwd(), folder)}: code ${size(files.get('model.wasm')!.byteLength)}, weights ${size(files.get('weights.bin')!.byteLength)}`,
  );
  if (!run.options.worker || state !== undefined) return { file, folder };

  const fitting = cases.filter((inputs) => fits(options, inputs));
  if (fitting.length === 0) throw new Error(`${name}: no case fits the shapes compiled for`);
  await withWorker(folder, async (worker) => {
    let largest = 0;
    let agree = 0;
    const times: number[] = [];
    for (const inputs of fitting) {
      const wantedOutputs = await imported.run(inputs);
      const asked = performance.now();
      const answer = await askWorker(worker, inputs);
      times.push(performance.now() - asked);
      let good = true;
      for (const [key, value] of Object.entries(wantedOutputs)) {
        const here = await (value as Tensor).data();
        const there = answer.outputs[key]?.data;
        if (there === undefined || there.length !== here.length) {
          throw new Error(`the worker's output ${key} has ${there?.length ?? 'no'} numbers`);
        }
        there.forEach((x, i) => {
          const difference = Math.abs(x - Number(here[i]));
          // Not `>`: NaN must not pass.
          if (!(difference <= atol + rtol * Math.abs(Number(here[i])))) good = false;
          largest = Math.max(largest, difference);
        });
      }
      if (good) agree += 1;
    }
    const [first, ...rest] = times;
    rest.sort((a, b) => a - b);
    const median = rest[Math.floor(rest.length / 2)];
    note(
      'edge worker',
      `${agree} of ${fitting.length} answers agree with Node (largest difference ${exponent(largest)}), ` +
        `first after ${first!.toFixed(0)} ms${median === undefined ? '' : `, then ${median.toFixed(1)} ms`}`,
    );
    run.check(agree === fitting.length, `${name}: the worker and Node disagree`);
  });
  return { file, folder };
}

/** Whether one of the compiled shape combinations takes these inputs. */
function fits(
  { input, shapes = [{}] }: ShipOptions,
  inputs: Readonly<Record<string, Tensor>>,
): boolean {
  return shapes.some((sizes) =>
    Object.entries(input).every(([key, spec]) => {
      const axes = 'shape' in spec ? spec.shape : spec;
      const { shape } = inputs[key]!;
      return axes.every((axis, i) => shape[i] === (typeof axis === 'string' ? sizes[axis] : axis));
    }),
  );
}

/** Runs a worker project (a compiled folder, or any with a wrangler configuration) for as long as `use` takes. */
export async function withWorker<T>(
  directory: string,
  use: (worker: LocalWorker) => Promise<T>,
): Promise<T> {
  const worker = await startWorker({ directory, conditions });
  try {
    return await use(worker);
  } finally {
    await worker.stop();
  }
}

/** One prediction over HTTP. @throws Error with the worker's words when it refuses. */
export async function askWorker(
  worker: LocalWorker,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Answer> {
  const body: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(inputs)) {
    body[key] = { shape: value.shape, data: Array.from(await value.data(), Number) };
  }
  return post(worker, JSON.stringify({ inputs: body }), 'application/json');
}

/** Any body that the worker takes, such as a picture. @throws Error as `askWorker`. */
export async function post<T = Answer>(
  worker: LocalWorker,
  body: string | Uint8Array<ArrayBuffer>,
  type: string,
): Promise<T> {
  const response = await fetch(`${worker.url}/predict`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) {
    throw new Error(`the worker answered ${response.status}: ${await response.text()}`);
  }
  return (await response.json()) as T;
}
