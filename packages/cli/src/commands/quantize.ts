/** `hebb quantize`: a smaller model, and what the trade costs. */
import { assess, encodeModel, importOnnx, quantizeModes, quantizeOnnx } from '@hebb/onnx';
import type { Assessment, Example, ModelProto, QuantizeMode } from '@hebb/onnx';
import { readModelFile, writeModelFile } from '@hebb/onnx/node';
import { writeBytes } from '@hebb/data/node';
import { useBackend } from '../backends.ts';
import { computer, computerNames } from '../computers.ts';
import { UsageError } from '../errors.ts';
import { loadExamples } from '../examples.ts';
import { bytes, milliseconds, table } from '../format.ts';
import { checkFile } from '../paths.ts';

export interface QuantizeOptions {
  readonly mode: string;
  readonly out?: string;
  /** Judged on this: `.npz` or a folder with test_data_set_*. */
  readonly data?: string;
  /** Ranges are found on this; on the data where it is left out. */
  readonly calibrate?: string;
  readonly labels?: string;
  readonly samples?: number;
  /** Most that the trade may cost. */
  readonly limit?: number;
  readonly target?: string;
  readonly percentile?: boolean;
  readonly perTensor?: boolean;
  readonly block?: number;
  readonly exclude?: readonly string[];
  readonly json?: string;
}

const names = {
  accuracy: 'accuracy lost',
  class: 'rows that changed class',
  error: 'relative error',
};

/** Prints size, answers and speed; writes the model and returns true unless it costs more than allowed. */
export async function quantize(
  file: string,
  options: QuantizeOptions,
  print: (line: string) => void,
): Promise<boolean> {
  const mode = quantizeModes.find((known) => known === options.mode);
  if (mode === undefined) {
    throw new UsageError(
      `unknown mode ${JSON.stringify(options.mode)}: there is ${quantizeModes.join(', ')}`,
    );
  }
  if (options.limit !== undefined && options.data === undefined) {
    throw new UsageError('--limit needs --data to judge by');
  }
  const target = options.target ?? 'wasm';
  if (!computerNames.includes(target)) {
    const known = computerNames.join(', ');
    throw new UsageError(`unknown target ${JSON.stringify(target)}: there is ${known}`);
  }
  await checkFile(file, 'an .onnx file');
  const source = await readModelFile(file);
  checkNodes(source, options.exclude ?? []);
  await useBackend(target === 'onnxruntime-web' ? 'wasm' : target);
  const model = importOnnx(source);
  const load = async (path: string | undefined): Promise<Example[]> =>
    path === undefined ? [] : loadExamples(model, path, { ...pick(options) });
  const data = await load(options.data);
  const calibration = options.calibrate === undefined ? data : await load(options.calibrate);
  if (mode === 'static' && calibration.length === 0) {
    throw new UsageError(
      'static quantisation finds ranges on examples: give --calibrate or --data',
    );
  }
  const started = performance.now();
  const { model: made, changed } = await quantizeOnnx(source, {
    mode,
    examples: calibration.map(({ inputs }) => inputs),
    perChannel: options.perTensor !== true,
    method: options.percentile === true ? 'percentile' : 'minmax',
    ...(options.block === undefined ? {} : { block: options.block }),
    ...(options.exclude === undefined ? {} : { exclude: options.exclude }),
  });
  const took = performance.now() - started;
  const sizes = { before: encodeModel(source).byteLength, after: encodeModel(made).byteLength };
  const found =
    data.length === 0 ? undefined : await assess(await computer(target), source, made, data);
  print(table(['', 'before', 'after'], rowsOf(sizes, target, found)));
  print(
    `${mode}: ${changed} ${mode === 'float16' ? 'tensors' : 'nodes'} changed in ${milliseconds(took)}`,
  );
  const { limit } = options;
  const refused = limit !== undefined && found !== undefined && !(found.loss <= limit);
  if (found !== undefined) {
    const what = `${names[found.lossOf]}: ${found.loss.toPrecision(3)} on ${found.samples} samples`;
    print(refused ? `REFUSED: ${what}, the limit is ${limit}` : what);
  }
  const out = options.out ?? `${file.replace(/\.onnx$/, '')}.${mode}.onnx`;
  if (!refused) {
    await writeModelFile(out, made);
    print(`written to ${out}`);
  }
  if (options.json !== undefined) {
    const report = { mode, changed, bytes: sizes, target, refused, ...found };
    await writeBytes(
      options.json,
      new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`),
    );
  }
  return !refused;
}

/** @throws UsageError for a node that is not there. */
function checkNodes({ graph }: ModelProto, names: readonly string[]): void {
  const known = new Set(graph?.node.map(({ name }) => name));
  const unknown = names.find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new UsageError(`the model has no node ${JSON.stringify(unknown)} to exclude`);
}

function pick({ labels, samples }: QuantizeOptions): { labels?: string; limit?: number } {
  return {
    ...(labels === undefined ? {} : { labels }),
    ...(samples === undefined ? {} : { limit: samples }),
  };
}

function rowsOf(
  sizes: { readonly before: number; readonly after: number },
  target: string,
  found: Assessment | undefined,
): string[][] {
  const ratio = (before: number, after: number): string => `(${(after / before).toFixed(2)} of it)`;
  const rows = [
    ['size', bytes(sizes.before), `${bytes(sizes.after)} ${ratio(sizes.before, sizes.after)}`],
  ];
  if (found === undefined) return rows;
  const { accuracy, sameClass, relativeError, milliseconds: ms } = found;
  const percent = (x: number): string => `${(100 * x).toFixed(2)} %`;
  if (accuracy !== undefined)
    rows.push(['accuracy', percent(accuracy.before), percent(accuracy.after)]);
  if (sameClass !== undefined) rows.push(['same class', '', percent(sameClass)]);
  rows.push(['relative error', '', relativeError.toPrecision(3)]);
  const speed = `${milliseconds(ms.after)} ${ratio(ms.before, ms.after)}`;
  rows.push([`one example on ${target}`, milliseconds(ms.before), speed]);
  return rows;
}

export const modeNames: readonly QuantizeMode[] = quantizeModes;
