/** `testBackend`: everything a backend must do, generated from the op records. */
import { gradients, isFloat, primitives } from '@hebb/core';
import type { Backend, DType, Op, Sample, Tensor } from '@hebb/core';
import { assertSame, toleranceOf, within } from './compare.ts';
import type { Tolerances } from './compare.ts';
import { contractTests } from './contract.ts';
import { definitions } from './definitions/backend.ts';
import { typedCases } from './dtypes.ts';
import { describeCase, draw, seededRandom, normalFrom } from './draw.ts';
import type { Case, Drawn } from './draw.ts';
import { checkGradient, checkSecondOrder } from './gradient.ts';
import { checkCasts, hardValueTests } from './hard-values.ts';
import { opOf } from './op-of.ts';
import type { OpLike } from './op-of.ts';
import { runOnce } from './program.ts';
import { globalRunner, skipping } from './runner.ts';
import type { TestRunner } from './runner.ts';
import { scanCases } from './scan-cases.ts';
import type { ScanCase } from './scan-cases.ts';
import { oddSizes } from './sizes.ts';
import { checkTraining } from './training.ts';

export interface BackendTestOptions {
  /**
   * What results are compared with: a backend as a value, `cpu` from `@hebb/backend-cpu` say. Left out:
   * the definitions of the primitives, which are slower and independent of any plugin.
   */
  readonly oracle?: () => Backend | Promise<Backend>;
  /** Composites to run as well, those that the backend claims above all. */
  readonly ops?: readonly OpLike[];
  readonly tolerances?: Tolerances;
  /**
   * Check gradients against finite differences on this backend too. Default: where no oracle is given and
   * the backend has float64; with an oracle the gradients are compared with the oracle's.
   */
  readonly finiteDifferences?: boolean;
  /** False where the device may take subnormal numbers for 0, as WebGPU may (WGSL, section 15.7). Default true. */
  readonly subnormals?: boolean;
  /** Tests to leave out, by the start of their name, with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
  /** Default 1,000. */
  readonly trainingSteps?: number;
  readonly seed?: number;
  /** Default: the globals `describe` and `it`. */
  readonly runner?: TestRunner;
  /** For each test. Default 60 s: slow only where the backend compiles shaders or the like. */
  readonly timeoutMs?: number;
}

interface Bench {
  readonly backend: Backend;
  readonly oracle: Backend;
}

/**
 * Declares the tests of a backend: each primitive (and composite given) at each sample, odd sizes and every
 * dtype that the backend stores, against an oracle; gradients; hard values; loops; and the promises of the
 * interface about memory, aliasing, donation, errors and determinism.
 *
 * ```ts
 * import { testBackend } from '@hebb/conformance';
 * testBackend('wasm', () => wasm(), { oracle: cpu, ops: [softmax, layerNorm] });
 * ```
 */
export function testBackend(
  name: string,
  makeBackend: () => Backend | Promise<Backend>,
  options: BackendTestOptions = {},
): void {
  const { oracle, ops = [], tolerances, skip = {}, trainingSteps = 1000, seed = 1 } = options;
  const { timeoutMs = 60_000 } = options;
  const runner = skipping(options.runner ?? globalRunner(), skip);
  let bench: Promise<Bench> | undefined;
  // Made by the first test that runs: a device may take long, or be absent where tests are only listed.
  const ready = (): Promise<Bench> =>
    (bench ??= Promise.all([makeBackend(), (oracle ?? definitions)()]).then(
      ([backend, judge]): Bench => ({ backend, oracle: judge }),
    ));
  const test = (title: string, body: (bench: Bench) => Promise<void>): void => {
    runner.test(title, async () => body(await ready()), timeoutMs);
  };
  const all = [...primitives, ...ops.map(opOf)].filter((op) => op.samples.length > 0);

  runner.describe(`backend ${name}`, () => {
    for (const { name: title, run } of contractTests) {
      test(`contract: ${title}`, ({ backend }) => run(backend));
    }
    for (const op of all) {
      test(`forward: ${op.name}`, (b) => forward(b, op, tolerances, seed));
    }
    for (const op of all.filter(differentiable)) {
      test(`gradient: ${op.name}`, (b) =>
        gradient(b, op, tolerances, seed, wantsDifferences(b, options)));
    }
    for (const scanCase of scanCases) {
      test(`scan: ${scanCase.name}`, (b) =>
        checkScan(b, scanCase, tolerances, seed, wantsDifferences(b, options)));
    }
    for (const { name: title, run } of hardValueTests(options.subnormals)) {
      test(`hard values: ${title}`, ({ backend, oracle: judge }) =>
        run(backend, judge, tolerances));
    }
    test('hard values: cast between all types', ({ backend, oracle: judge }) =>
      checkCasts(backend, judge, tolerances));
    test(`training: ${trainingSteps} compiled steps leave no buffer behind`, ({ backend }) =>
      checkTraining(backend, trainingSteps));
  });
}

function wantsDifferences({ backend }: Bench, options: BackendTestOptions): boolean {
  const able = backend.capabilities.dtypes.has('float64');
  return able && (options.finiteDifferences ?? options.oracle === undefined);
}

const differentiable = (op: Op): boolean => op.samples.some(({ grad }) => grad !== false);

/** Samples in every dtype, odd sizes in the two that matter most. */
async function forward(
  { backend, oracle }: Bench,
  op: Op,
  tolerances: Tolerances | undefined,
  seed: number,
): Promise<void> {
  const run = async (sample: Sample, dtypes: Iterable<DType>): Promise<void> => {
    for (const { test } of typedCases(op, sample, dtypes, seed)) {
      if (!stores(backend, test)) continue;
      await compareCase(backend, oracle, describeCase(test), test.inputs, test.call, tolerances);
    }
  };
  for (const sample of op.samples) await run(sample, backend.capabilities.dtypes);
  for (const sample of oddSizes(op)) await run(sample, ['float32', 'int32']);
}

function stores(backend: Backend, { inputs }: Case): boolean {
  return inputs.every(({ aval }) => backend.capabilities.dtypes.has(aval.dtype));
}

async function compareCase(
  backend: Backend,
  oracle: Backend,
  what: string,
  inputs: readonly Drawn[],
  call: (inputs: readonly Tensor[]) => readonly Tensor[],
  tolerances: Tolerances | undefined,
): Promise<void> {
  const got = await within(what, () => runOnce(backend, inputs, call));
  const expected = await runOnce(oracle, inputs, call);
  assertSame(what, got.values, expected.values, got.avals, ({ dtype }) => ({
    tolerance: toleranceOf(dtype, tolerances),
  }));
}

/** The gradient's graph against the oracle in the widest float type, or against finite differences. */
async function gradient(
  { backend, oracle }: Bench,
  op: Op,
  tolerances: Tolerances | undefined,
  seed: number,
  differences: boolean,
): Promise<void> {
  const type = widest(backend);
  for (const sample of [...op.samples, ...oddSizes(op)]) {
    if (sample.grad === false) continue;
    const test = draw(op, sample, { seed, type });
    const what = describeCase(test);
    if (differences) {
      await checkGradient(backend, { what, ...test }, { seed });
      if (op.samples.includes(sample)) await checkSecondOrder(backend, { what, ...test }, { seed });
    } else {
      await compareGradients(backend, oracle, what, test.inputs, test.call, tolerances, seed);
    }
  }
}

const widest = (backend: Backend): DType =>
  backend.capabilities.dtypes.has('float64') ? 'float64' : 'float32';

async function compareGradients(
  backend: Backend,
  oracle: Backend,
  what: string,
  inputs: readonly Drawn[],
  call: (inputs: readonly Tensor[]) => readonly Tensor[],
  tolerances: Tolerances | undefined,
  seed: number,
): Promise<void> {
  const real = inputs.flatMap(({ aval }, i) => (isFloat(aval.dtype) ? [i] : []));
  if (real.length === 0) return;
  const random = seededRandom(seed ^ 0xc0);
  const { avals } = await runOnce(oracle, inputs, call);
  const outputs = avals.flatMap((aval, i) => (isFloat(aval.dtype) ? [i] : []));
  if (outputs.length === 0) return;
  const cotangents = outputs.map((i): Drawn => {
    const { shape, dtype } = avals[i]!;
    const size = shape.reduce((n, d) => n * d, 1);
    const data = Array.from({ length: size }, () => normalFrom(random));
    return {
      aval: avals[i]!,
      data: dtype === 'float64' ? Float64Array.from(data) : Float32Array.from(data),
    };
  });
  await compareCase(
    backend,
    oracle,
    `gradient of ${what}`,
    [...inputs, ...cotangents],
    (all) => {
      const given = all.slice(0, inputs.length);
      const results = call(given);
      return gradients(
        outputs.map((i) => results[i]!),
        real.map((i) => given[i]!),
        { cotangents: all.slice(inputs.length) },
      );
    },
    tolerances,
  );
}

async function checkScan(
  { backend, oracle }: Bench,
  scanCase: ScanCase,
  tolerances: Tolerances | undefined,
  seed: number,
  differences: boolean,
): Promise<void> {
  const what = `scan, ${scanCase.name}`;
  const drawn = (type: DType): readonly Drawn[] =>
    draw(placeholderOp, { in: scanCase.inputs }, { seed, type }).inputs;
  for (const type of ['float32', 'float64', 'float16'] as const) {
    if (!backend.capabilities.dtypes.has(type)) continue;
    const title = `${what}, ${type}`;
    await compareCase(backend, oracle, title, drawn(type), scanCase.call, tolerances);
  }
  const type = widest(backend);
  const { call } = scanCase;
  if (differences) {
    await checkGradient(backend, { what, inputs: drawn(type), call }, { seed });
    await checkSecondOrder(backend, { what, inputs: drawn(type), call }, { seed });
  } else {
    await compareGradients(backend, oracle, what, drawn(type), call, tolerances, seed);
  }
}

/** Only to draw inputs by the rules of samples. */
const placeholderOp: Op = primitives[0]!;
