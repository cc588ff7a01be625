/** Gradients against central finite differences in float64, first and second order. */
import { add, gradients, isFloat, mul, sizeOf, sum } from '@hebb/core';
import type { Aval, Backend, HostArray, Tensor } from '@hebb/core';
import { within } from './compare.ts';
import { seededRandom, normalFrom } from './draw.ts';
import { programOf } from './program.ts';

/** A function of float64 and other inputs, with numbers to check it at. */
export interface GradientCase {
  readonly what: string;
  readonly inputs: readonly {
    readonly aval: Aval;
    readonly data: HostArray;
    readonly name?: string;
  }[];
  readonly call: (inputs: readonly Tensor[]) => readonly Tensor[];
}

export interface GradientOptions {
  readonly seed?: number;
  /** Inputs up to this many elements are checked one by one, larger ones along random directions. */
  readonly full?: number;
  readonly relative?: number;
}

/** The step balances the error of truncation, h², with that of rounding, 1e-16/h. */
const STEP = 1e-5;
const DIRECTIONS = 2;

interface Setup {
  readonly avals: readonly Aval[];
  /** Positions of the inputs to differentiate by. */
  readonly real: readonly number[];
  readonly cotangents: readonly { readonly aval: Aval; readonly data: Float64Array }[];
  readonly random: () => number;
}

function normals(size: number, random: () => number): Float64Array {
  return Float64Array.from({ length: size }, () => normalFrom(random));
}

/** Outputs that can be differentiated. */
const realOutputs = (outputs: readonly Tensor[]): Tensor[] =>
  outputs.filter((y) => isFloat(y.dtype));

async function setUp(
  backend: Backend,
  { inputs, call, what }: GradientCase,
  seed: number,
): Promise<Setup | undefined> {
  const avals = inputs.map(({ aval }) => aval);
  const real = avals.flatMap((aval, i) => (isFloat(aval.dtype) ? [i] : []));
  for (const i of real) {
    if (avals[i]!.dtype !== 'float64') {
      throw new Error(
        `${what}: input ${i} is ${avals[i]!.dtype}, gradients are checked in float64`,
      );
    }
  }
  const random = seededRandom(seed ^ 0x5eed);
  const program = await programOf(backend, avals, (tensors) => realOutputs(call(tensors)));
  program.dispose();
  if (real.length === 0 || program.outputs.length === 0) return undefined;
  for (const { dtype } of program.outputs) {
    if (dtype !== 'float64') {
      throw new Error(`${what}: an output is ${dtype} although the inputs are float64`);
    }
  }
  const cotangents = program.outputs.map((aval) => ({
    aval,
    data: normals(sizeOf(aval.shape), random),
  }));
  return { avals, real, cotangents, random };
}

/** Σ ⟨a, b⟩, a float64 scalar. */
function inner(as: readonly Tensor[], bs: readonly Tensor[]): Tensor {
  return as.map((a, i) => sum(mul(a, bs[i]!))).reduce((x, y) => add(x, y));
}

function dot(a: HostArray, b: HostArray): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += Number(a[i]) * Number(b[i]);
  return total;
}

function magnitude(a: HostArray, b: HostArray): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += Math.abs(Number(a[i]) * Number(b[i]));
  return total;
}

/** The inputs with one of them moved by `step` along `direction`. */
function moved(
  data: readonly HostArray[],
  which: number,
  direction: Float64Array,
  step: number,
): HostArray[] {
  return data.map((x, i) =>
    i === which ? Float64Array.from(x as Float64Array, (v, k) => v + step * direction[k]!) : x,
  );
}

/**
 * Compares `gradient` of a scalar function with its central differences: along random directions and, for
 * small inputs, along each axis.
 */
async function compareSlopes(
  what: string,
  setup: Setup,
  data: readonly HostArray[],
  names: readonly string[],
  value: (inputs: readonly HostArray[]) => Promise<number>,
  gradient: readonly HostArray[],
  { full = 24, relative = 2e-6 }: GradientOptions,
): Promise<void> {
  for (const [k, position] of setup.real.entries()) {
    const size = sizeOf(setup.avals[position]!.shape);
    const found = gradient[k]!;
    if (found.length !== size) {
      throw new Error(
        `${what}: gradient of ${names[position]} has ${found.length} elements, not ${size}`,
      );
    }
    if (size === 0) continue;
    const directions: { axis?: number; direction: Float64Array }[] = [];
    for (let n = 0; n < DIRECTIONS; n++)
      directions.push({ direction: normals(size, setup.random) });
    if (size <= full) {
      for (let axis = 0; axis < size; axis++) {
        const direction = new Float64Array(size);
        direction[axis] = 1;
        directions.push({ axis, direction });
      }
    }
    for (const { axis, direction } of directions) {
      const high = await value(moved(data, position, direction, STEP));
      const low = await value(moved(data, position, direction, -STEP));
      const expected = (high - low) / (2 * STEP);
      const got = dot(found, direction);
      // Rounding of the two values, and cancellation between the elements of the gradient.
      const noise = (1e-14 * (Math.abs(high) + Math.abs(low))) / STEP;
      const scale = Math.max(Math.abs(expected), 1e-2 * magnitude(found, direction), 1e-3);
      const error = Math.abs(got - expected);
      if (!(error <= relative * scale + noise)) {
        const where = axis === undefined ? 'along a random direction' : `at element ${axis}`;
        throw new Error(
          `${what}: gradient of ${names[position]} ${where} is ${got}, finite differences give ${expected} (error ${error.toPrecision(3)})`,
        );
      }
    }
  }
}

/** Checks first-order gradients. Does nothing where no input or no output is real. */
export async function checkGradient(
  backend: Backend,
  test: GradientCase,
  options: GradientOptions = {},
): Promise<void> {
  await within(test.what, () => check(backend, test, options, false));
}

/** Checks gradients of gradients, in the direction of random vectors. */
export async function checkSecondOrder(
  backend: Backend,
  test: GradientCase,
  options: GradientOptions = {},
): Promise<void> {
  await within(test.what, () => check(backend, test, options, true));
}

async function check(
  backend: Backend,
  test: GradientCase,
  options: GradientOptions,
  second: boolean,
): Promise<void> {
  const setup = await setUp(backend, test, options.seed ?? 0);
  if (setup === undefined) return;
  const { avals, real, cotangents, random } = setup;
  const data = test.inputs.map((input) => input.data);
  const names = test.inputs.map(({ name }, i) => name ?? `input ${i}`);
  // With a second order, each gradient gets a random weight and the weighted sum is differentiated again.
  const weights = second
    ? real.map((i) => ({ aval: avals[i]!, data: normals(sizeOf(avals[i]!.shape), random) }))
    : [];
  const extra = [...cotangents, ...weights];
  const first = (inputs: readonly Tensor[]): Tensor[] =>
    gradients(
      realOutputs(test.call(inputs.slice(0, avals.length))),
      real.map((i) => inputs[i]!),
      { cotangents: inputs.slice(avals.length, avals.length + cotangents.length) },
    );
  const scalarOf = (inputs: readonly Tensor[]): Tensor =>
    second
      ? inner(first(inputs), inputs.slice(avals.length + cotangents.length))
      : inner(
          realOutputs(test.call(inputs.slice(0, avals.length))),
          inputs.slice(avals.length, avals.length + cotangents.length),
        );
  const allAvals = [...avals, ...extra.map(({ aval }) => aval)];
  const extraData = extra.map((x) => x.data);
  const value = await programOf(backend, allAvals, (inputs) => [scalarOf(inputs)]);
  const slope = await programOf(backend, allAvals, (inputs) =>
    second
      ? gradients(
          scalarOf(inputs),
          real.map((i) => inputs[i]!),
        )
      : first(inputs),
  );
  const found = await slope.run([...data, ...extraData]);
  await compareSlopes(
    `${test.what}, ${second ? 'second order' : 'first order'}`,
    setup,
    data,
    names,
    async (inputs) => Number((await value.run([...inputs, ...extraData]))[0]![0]),
    found,
    options,
  );
  value.dispose();
  slope.dispose();
}
