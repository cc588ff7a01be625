/** `hebb compile`: a model or functions, ahead of time, as a folder that runs without this library. */
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { OnnxImportError } from '@hebb/onnx';
import { importOnnxFile } from '@hebb/onnx/node';
import type { Plan } from '@hebb/runtime';
import {
  compileFunctions,
  compileOnnx,
  storeFor,
  storeKinds,
  targets,
  writeCompiled,
} from '../ahead/index.ts';
import type { Built, CompileTarget, FunctionsSpec, Simd, WorkerStore } from '../ahead/index.ts';
import { hasOneModule } from '../ahead/wrapper.ts';
import { parseSizes } from '../ahead/shapes.ts';
import { parseValues, withValues } from '../ahead/values.ts';
import { UsageError } from '../errors.ts';
import { checkFile } from '../paths.ts';
import { bytes, count, shape, table } from '../format.ts';

export interface CompileOptions {
  readonly target: string;
  readonly out: string;
  /** One entry a signature, `NAME=N[,NAME=M...]`. */
  readonly shape?: readonly string[];
  /** `INPUT=NUMBER`. */
  readonly value?: readonly string[];
  /** `INPUT=OUTPUT`. */
  readonly state?: readonly string[];
  readonly step?: string;
  readonly simd?: string;
  readonly name?: string;
  readonly weightsStore?: string;
  readonly weightsType?: string;
  readonly encrypt?: boolean;
  /** Does not refuse what is too large for a worker: the doctor says so better. */
  readonly anySize?: boolean;
}

const gzipAsync = promisify(gzip);
/** What Cloudflare gives a worker. */
const workerMemory = 128 * 2 ** 20;
/** What a worker takes beside its model: its script, requests, and pieces of weights on their way. */
const workerOwn = 16 * 2 ** 20;
/** Where the key of encrypted weights is, so that it stands in no list of commands. */
const keyVariable = 'HEBB_WEIGHTS_KEY';

/** Compiles and writes the folder, then prints what is in it. */
export async function compile(
  file: string,
  options: CompileOptions,
  print: (line: string) => void,
): Promise<void> {
  const target = targetOf(options.target);
  const simd = instructionsOf(options.simd ?? (hasOneModule(target) ? 'relaxed' : 'both'));
  if (hasOneModule(target) && simd.length > 1) {
    throw new UsageError(`a ${target} has one module: --simd relaxed or --simd plain`);
  }
  const started = performance.now();
  const built = await compileFile(file, options, simd);
  const store = await storeOf(built, target, options);
  if (options.anySize !== true) checkMemory(built, target, store);
  const files = await writeCompiled(built, target, options.out, store);
  print(signatureTable(built.plan));
  print('');
  const rows: string[][] = [];
  for (const [name, content] of files) {
    const isObject = store?.stored.objects.has(name.slice(name.indexOf('/') + 1)) === true;
    const small = isObject ? '' : bytes((await gzipAsync(content)).length);
    rows.push([name, bytes(content.length), small]);
  }
  print(table(['file', 'size', 'gzip'], rows, [1, 2]));
  print('');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (store !== undefined && store.kind !== 'assets') {
    print(`hebb upload ${options.out} puts the weights where \`wrangler dev\` finds them,`);
    print(`hebb upload ${options.out} --remote where the deployed worker does`);
    print('');
  }
  print(`${options.out}: ${target}, memory ${bytes(built.plan.memory)}, compiled in ${seconds} s`);
}

function targetOf(name: string): CompileTarget {
  const found = targets.find((target) => target === name);
  if (found === undefined) {
    throw new UsageError(`unknown target ${JSON.stringify(name)}: there is ${targets.join(', ')}`);
  }
  return found;
}

function instructionsOf(name: string): readonly Simd[] {
  switch (name) {
    case 'relaxed':
    case 'plain':
      return [name];
    case 'both':
      return ['relaxed', 'plain'];
    default:
      throw new UsageError(
        `unknown instructions ${JSON.stringify(name)}: there is relaxed, plain, both`,
      );
  }
}

async function compileFile(
  file: string,
  options: CompileOptions,
  simd: readonly Simd[],
): Promise<Built> {
  const isStep = options.step !== undefined;
  await checkFile(file, isStep ? 'a module that describes functions' : 'an .onnx file');
  const shapes = options.shape?.map(parseSizes);
  const name = options.name === undefined ? {} : { name: options.name };
  if (options.step !== undefined) {
    if (options.state !== undefined) {
      throw new UsageError('--state is for models; functions say what stays between calls');
    }
    if (extname(file) === '.onnx') {
      throw new UsageError(`${file} is a model: --step is for modules that describe functions`);
    }
    const spec = await importSpec(file, options.step);
    return compileFunctions({ ...spec, ...name, ...(shapes && { shapes }) }, { simd });
  }
  if (['.js', '.mjs', '.ts', '.mts'].includes(extname(file))) {
    throw new UsageError(
      `${file} is no model: name the export that describes functions with --step`,
    );
  }
  const state = options.state === undefined ? {} : { state: parseState(options.state) };
  const model = withValues(await importOnnxFile(file), parseValues(options.value ?? []));
  try {
    return await compileOnnx(model, { ...name, ...state, ...(shapes && { shapes }) }, { simd });
  } catch (error) {
    if (!(error instanceof OnnxImportError) || error.kind !== 'unsupported') throw error;
    throw new UsageError(
      `${error.message}; an input that is the same at every call can be fixed: --value INPUT=NUMBER`,
    );
  }
}

function parseState(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((entry) => {
      const at = entry.indexOf('=');
      if (at < 1 || at === entry.length - 1) {
        throw new UsageError(`--state wants INPUT=OUTPUT, got ${JSON.stringify(entry)}`);
      }
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

async function importSpec(file: string, name: string): Promise<FunctionsSpec> {
  const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  if (!Object.hasOwn(module, name)) {
    const known = Object.keys(module).join(', ');
    throw new UsageError(
      `${file} has no export ${JSON.stringify(name)}: it has ${known || 'none'}`,
    );
  }
  const exported = module[name];
  const value: unknown = await (typeof exported === 'function' ? exported() : exported);
  if (typeof value !== 'object' || value === null || !('functions' in value)) {
    throw new UsageError(
      `export ${name} of ${file} does not describe functions: { functions: { NAME: { run, input } } } is wanted`,
    );
  }
  return value as FunctionsSpec;
}

const encodings = ['float32', 'float16', 'int8'] as const;

async function storeOf(
  built: Built,
  target: CompileTarget,
  { weightsStore, weightsType = 'float32', encrypt = false }: CompileOptions,
): Promise<WorkerStore | undefined> {
  const encoding = encodings.find((name) => name === weightsType);
  if (encoding === undefined) {
    throw new UsageError(
      `unknown type of weights ${JSON.stringify(weightsType)}: there is ${encodings.join(', ')}`,
    );
  }
  if (weightsStore === undefined) {
    if (encrypt || encoding !== 'float32') {
      throw new UsageError(
        '--weights-type and --encrypt are for weights in a store: --weights-store',
      );
    }
    return undefined;
  }
  const kind = storeKinds.find((name) => name === weightsStore);
  if (kind === undefined || target !== 'worker') {
    const known = storeKinds.join(', ');
    throw new UsageError(
      kind === undefined
        ? `unknown store ${JSON.stringify(weightsStore)}: there is ${known}`
        : '--weights-store is for --target worker',
    );
  }
  const key = encrypt ? process.env[keyVariable] : undefined;
  if (encrypt && (key === undefined || Buffer.from(key, 'base64').length !== 32)) {
    throw new UsageError(
      `--encrypt takes the key from ${keyVariable}, 32 bytes in base64: openssl rand -base64 32`,
    );
  }
  return storeFor(built, kind, {
    encoding: encoding === 'float32' ? 'raw' : encoding,
    ...(key === undefined ? {} : { key }),
  });
}

function checkMemory(
  { plan, weights }: Built,
  target: CompileTarget,
  store: WorkerStore | undefined,
): void {
  if (target !== 'worker') return;
  if (store !== undefined) {
    if (plan.memory + workerOwn <= workerMemory) return;
    throw new UsageError(
      `the model needs ${bytes(plan.memory)} of memory, a worker has ${bytes(workerMemory)} and takes up to ` +
        `${bytes(workerOwn)} itself: use a smaller model or --shape, or another --target`,
    );
  }
  // The bundled weights stay in memory beside their copy.
  const needed = plan.memory + weights.length;
  if (needed > workerMemory) {
    throw new UsageError(
      `the model needs ${bytes(needed)} (${bytes(plan.memory)} of memory and ${bytes(weights.length)} of ` +
        `weights), a worker has ${bytes(workerMemory)}: use a smaller model or --shape, --weights-store, or another --target`,
    );
  }
}

function signatureTable({ functions }: Plan): string {
  const rows = functions.flatMap((fn) =>
    fn.signatures.map(({ inputs, outputs, kernels }) => [
      fn.name,
      fn.inputs.map(({ name }, i) => `${name} ${shape(inputs[i]!.shape)}`).join(' '),
      fn.outputs.map(({ name }, i) => `${name} ${shape(outputs[i]!.shape)}`).join(' '),
      String(kernels.length),
      count(kernels.reduce((sum, { flops }) => sum + flops, 0)),
    ]),
  );
  return table(['function', 'inputs', 'outputs', 'kernels', 'flops'], rows, [3, 4]);
}
