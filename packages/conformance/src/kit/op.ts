/** `testOp`: what an op's record promises, from its samples. */
import { lower } from '@hebb/core';
import type { Backend, DType, HostArray, Op, Sample, Tensor } from '@hebb/core';
import { assertSame, check, difference, toleranceOf, within } from './compare.ts';
import type { Tolerances } from './compare.ts';
import { definitions } from './definitions/backend.ts';
import { fromHost, store, toHost } from './definitions/values.ts';
import { drawIfAccepted, typedCases } from './dtypes.ts';
import { describeCase, draw } from './draw.ts';
import type { Case, Drawn } from './draw.ts';
import { checkGradient, checkSecondOrder } from './gradient.ts';
import type { GradientOptions } from './gradient.ts';
import { opOf } from './op-of.ts';
import type { OpLike } from './op-of.ts';
import { programOf, programOfGraph, runOnce } from './program.ts';
import { globalRunner, skipping } from './runner.ts';
import type { TestRunner } from './runner.ts';
import { oddSizes } from './sizes.ts';

export interface OpTestOptions {
  /** Where the op runs; it needs float64. Default: the definitions of the primitives. */
  readonly backend?: () => Backend | Promise<Backend>;
  /** Samples beyond the record's own. */
  readonly samples?: readonly Sample[];
  /** The same values by other means, to compare with: an independent formula in float64 tensors. */
  readonly expected?: (...args: never[]) => Tensor | readonly Tensor[];
  /** Float types in which the result must agree with float64's. Default float32, float16, bfloat16. */
  readonly dtypes?: readonly DType[];
  /** Default true: second-order gradients too. */
  readonly secondOrder?: boolean;
  readonly gradient?: GradientOptions;
  readonly tolerances?: Tolerances;
  /** Tests to leave out, by the start of their name, with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
  readonly seed?: number;
  /** Default: the globals `describe` and `it`. */
  readonly runner?: TestRunner;
}

/**
 * Declares the tests of one op: shapes and dtypes are inferred for every sample; the body, where there is
 * one, gives what the record infers; gradients of first and second order agree with finite differences in
 * float64; narrower float types agree with float64; odd sizes work.
 *
 * ```ts
 * testOp(silu, { backend: cpu });
 * ```
 */
export function testOp(opLike: OpLike, options: OpTestOptions = {}): void {
  const op = opOf(opLike);
  const { seed = 1, skip = {}, tolerances, secondOrder = true } = options;
  const runner = skipping(options.runner ?? globalRunner(), skip);
  let made: Promise<Backend> | undefined;
  const backend = (): Promise<Backend> =>
    (made ??= Promise.resolve((options.backend ?? definitions)()));
  const samples = [...op.samples, ...(options.samples ?? [])];
  const title = (sample: Sample, i: number): string => sample.name ?? `sample ${i}`;

  runner.describe(`op ${op.name}`, () => {
    runner.test('has samples', () => {
      check(samples.length > 0, `${op.name} has no samples: nothing about it can be checked`);
    });
    samples.forEach((sample, i) => {
      const name = title(sample, i);
      const test = (type: DType = 'float64'): Case => draw(op, sample, { seed: seed + i, type });
      runner.test(`${name}: infers what it computes`, async () => {
        await checkForward(await backend(), test(), tolerances, options.expected);
      });
      for (const dtype of options.dtypes ?? ['float32', 'float16', 'bfloat16']) {
        runner.test(`${name}: ${dtype} agrees with float64`, async () => {
          await checkNarrow(await backend(), op, sample, dtype, seed + i, tolerances);
        });
      }
      if (sample.grad === false) return;
      runner.test(`${name}: gradient`, async () => {
        const what = describeCase(test());
        const gradient = { seed: seed + i, ...options.gradient };
        await checkGradient(await backend(), { what, ...test() }, gradient);
      });
      if (!secondOrder) return;
      runner.test(`${name}: second-order gradient`, async () => {
        const what = describeCase(test());
        const gradient = { seed: seed + i, ...options.gradient };
        await checkSecondOrder(await backend(), { what, ...test() }, gradient);
      });
    });
    if (oddSizes(op).length > 0) {
      runner.test('odd sizes: forward and gradient', async () => {
        for (const sample of oddSizes(op)) {
          const odd = draw(op, sample, { seed, type: 'float64' });
          await checkForward(await backend(), odd, tolerances, options.expected);
          if (sample.grad === false) continue;
          const what = describeCase(odd);
          await checkGradient(await backend(), { what, ...odd }, { seed, ...options.gradient });
        }
      });
    }
    runner.test('integers: each type that it takes works', async () => {
      const all = (await backend()).capabilities.dtypes;
      const integers = [...all].filter((dtype) => !dtype.includes('float'));
      for (const sample of samples) {
        for (const { test } of typedCases(op, sample, integers, seed)) {
          await checkForward(await backend(), test, tolerances, undefined);
        }
      }
    });
  });
}

/** The op as one node, its body written out, and an independent formula give the same. */
function checkForward(
  backend: Backend,
  test: Case,
  tolerances: Tolerances | undefined,
  expected: OpTestOptions['expected'],
): Promise<void> {
  const what = describeCase(test);
  return within(what, () => checkValues(backend, what, test, tolerances, expected));
}

async function checkValues(
  backend: Backend,
  what: string,
  test: Case,
  tolerances: Tolerances | undefined,
  expected: OpTestOptions['expected'],
): Promise<void> {
  const inputs = test.inputs.map(({ data }) => data);
  const avals = test.inputs.map(({ aval }) => aval);
  const program = await programOf(backend, avals, test.call);
  const got = await program.run(inputs);
  const options = { tolerance: { relative: 0, absolute: 0 } };
  program.outputs.forEach((aval, i) => {
    // Comparing with itself finds what has another size or class than was inferred.
    const problem = difference(got[i]!, got[i]!, aval, options);
    check(problem === undefined, `${what}, output ${i}: ${problem}`);
  });
  if (test.op.kind === 'composite') {
    const expanded = await programOfGraph(backend, lower(program.graph));
    expanded.outputs.forEach((aval, i) => {
      const declared = program.outputs[i]!;
      check(
        aval.dtype === declared.dtype && String(aval.shape) === String(declared.shape),
        `${what}: the body gives ${aval.dtype}[${String(aval.shape)}], the record says ${declared.dtype}[${String(declared.shape)}]`,
      );
    });
    assertSame(
      `${what}, against its body`,
      got,
      await expanded.run(inputs),
      program.outputs,
      ({ dtype }) => ({ tolerance: toleranceOf(dtype, tolerances) }),
    );
    expanded.dispose();
  }
  if (expected !== undefined) {
    const formula = expected as (...args: unknown[]) => Tensor | readonly Tensor[];
    const judge = await runOnce(backend, test.inputs, (tensors) => {
      const result = formula(...argumentsOf(test, tensors));
      return Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];
    });
    assertSame(`${what}, against the formula`, got, judge.values, program.outputs, ({ dtype }) => ({
      tolerance: toleranceOf(dtype, tolerances),
    }));
  }
  program.dispose();
}

/** Arguments as the op's function takes them: tensors, lists, then settings. */
function argumentsOf({ sample, attrs }: Case, tensors: readonly Tensor[]): unknown[] {
  let next = 0;
  const args = sample.in.map((input) =>
    input === null
      ? undefined
      : 'list' in input
        ? input.list.filter((item) => item !== null).map(() => tensors[next++])
        : tensors[next++],
  );
  return Object.keys(attrs).length === 0 ? args : [...args, attrs];
}

/** Narrow floats hold their values exactly in float64, so that only the op's own rounding is compared. */
async function checkNarrow(
  backend: Backend,
  op: Op,
  sample: Sample,
  dtype: DType,
  seed: number,
  tolerances: Tolerances | undefined,
): Promise<void> {
  const narrow = drawIfAccepted(op, sample, { seed, type: dtype });
  if (narrow === undefined || !backend.capabilities.dtypes.has(dtype)) return;
  const wide = draw(op, sample, { seed, type: 'float64' });
  const widened = narrow.inputs.map((input, i): Drawn => {
    const aval = wide.inputs[i]!.aval;
    const { data } = fromHost(input.data, input.aval);
    return {
      aval,
      data: toHost({ dtype: aval.dtype, data: data.map((x) => store(x, aval.dtype)) }),
    };
  });
  const got = await runOnce(backend, narrow.inputs, narrow.call);
  const expected = await runOnce(backend, widened, wide.call);
  const rounded = got.avals.map(({ dtype: type }, i): HostArray => {
    const { data } = fromHost(expected.values[i]!, expected.avals[i]!);
    return toHost({ dtype: type, data: data.map((x) => store(x, type)) });
  });
  assertSame(
    `${describeCase(narrow)}, against float64`,
    got.values,
    rounded,
    got.avals,
    // Several roundings on the way, where a backend rounds after each primitive.
    ({ dtype: type }) => {
      const { relative, absolute } = toleranceOf(type, tolerances);
      return { tolerance: { relative: 4 * relative, absolute: 4 * absolute } };
    },
  );
}
