/** Whether the gradient through a model is right: against differences along random directions. */
import { HebbError, gradients, isFloat, placeholder, random, tensor } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { OnnxImportError, isTensor } from '@hebb/onnx';
import type { OnnxModel, OnnxValue, TensorData } from '@hebb/onnx';

/**
 * - `right`: agrees with differences
 * - `wrong`: does not
 * - `none`: no real input reaches a real output
 * - `data`: the graph depends on numbers, so no one graph can be differentiated
 */
export type GradientStatus = 'right' | 'wrong' | 'none' | 'data';

const steps = [1e-2, 1e-3, 1e-4];
const tolerance = 0.03;
const large = 1000;

/** Each real input of 32 or 64 bits is varied alone; those that decide shapes are left out. */
export async function gradientStatus(
  model: OnnxModel,
  inputs: Readonly<Record<string, OnnxValue>>,
): Promise<GradientStatus> {
  const given: Tensor[] = [];
  for (const { name } of model.inputs) {
    const value = inputs[name];
    if (value === undefined || !isTensor(value) || !computable.test(value.dtype)) return 'none';
    // A step is lost in the rounding of numbers that large.
    if (value.dtype === 'float32' && value.data.some((v) => Math.abs(v) > large)) return 'none';
    given.push(asTensor(value));
  }
  const found = new Set<GradientStatus>();
  for (const [i, x] of given.entries()) {
    if ((x.dtype === 'float32' || x.dtype === 'float64') && x.size > 0) {
      // Down or up a little: examples may lie at the end of what a function takes.
      const down = await alongInput(model, given, i, 0.9);
      found.add(down === 'none' ? await alongInput(model, given, i, 1.1) : down);
    }
  }
  return (['wrong', 'right', 'data'] as const).find((status) => found.has(status)) ?? 'none';
}

const computable = /^(float(16|32|64)|bfloat16|u?int(8|16|32|64)|bool)$/;

async function alongInput(
  model: OnnxModel,
  given: readonly Tensor[],
  i: number,
  scale: number,
): Promise<GradientStatus> {
  const x = given[i]!;
  const noise = (seed: number, by: number): Tensor =>
    random.normal(random.key(seed), x.shape).mul(by).to(x.dtype);
  const at = (value: Tensor): Tensor[] => given.map((own, k) => (k === i ? value : own));
  // Examples often lie on corners: at whole numbers, with equal elements. Probabilities stay in range.
  const point = x.mul(scale).add(noise(5, 0.03));
  try {
    // Scales and depths whose numbers the graph is built with: nothing to differentiate.
    model.forward(...at(placeholder({ shape: x.shape, dtype: x.dtype })));
    const own = point.detach();
    const y = total(model, at(own));
    if (y === undefined) return 'none';
    const [slope] = gradients(y.sum, [own], { unused: 'zeros' });
    const direction = noise(7, 1);
    const [wanted, norm] = await numbers(slope!.mul(direction).sum(), y.squares.sqrt());
    const differences: number[] = [];
    for (const step of steps) {
      const moved = (by: number): Tensor => total(model, at(point.add(direction.mul(by))))!.sum;
      const [high, low] = await numbers(moved(step), moved(-step));
      const difference = (high! - low!) / (2 * step);
      differences.push(difference);
      // What rounding of the outputs alone makes of the difference.
      const rounding = (2e-7 * norm!) / step;
      const size = Math.max(Math.abs(wanted!), Math.abs(difference), 1e-2);
      if (Math.abs(difference - wanted!) <= tolerance * size + rounding) return 'right';
    }
    // Rows without any key, logarithms of negative numbers: nothing can be said.
    if (![wanted, ...differences].every(Number.isFinite)) return 'none';
    // Neither at a jump, where the difference grows as the step shrinks.
    const jumps = Math.abs(differences.at(-1)!) > 3 * Math.abs(differences[0]!);
    return jumps ? 'none' : 'wrong';
  } catch (error) {
    if (error instanceof OnnxImportError && error.kind === 'unsupported') return 'data';
    // Other numbers are other shapes, or none that fit.
    if (error instanceof HebbError) return 'data';
    throw error;
  }
}

const numbers = (...values: readonly Tensor[]): Promise<number[]> =>
  Promise.all(values.map(async (value) => Number((await value.data())[0])));

/** The outputs weighted and added, in float64; undefined where none is real. */
function total(
  model: OnnxModel,
  values: readonly Tensor[],
): { readonly sum: Tensor; readonly squares: Tensor } | undefined {
  const made = model.forward(...values);
  const parts = (Array.isArray(made) ? made : [made]).flatMap((y, i) => {
    if (!isFloat(y.dtype) || y.size === 0) return [];
    const weight = random.uniform(random.key(90 + i), y.shape, { low: 0.5, high: 1.5 });
    const weighted = y.to('float64').mul(weight.to('float64'));
    return [{ sum: weighted.sum(), squares: weighted.mul(weighted).sum() }];
  });
  const [first, ...rest] = parts;
  return rest.reduce(
    (all, part) => all && { sum: all.sum.add(part.sum), squares: all.squares.add(part.squares) },
    first,
  );
}

const asTensor = ({ dtype, shape, data }: TensorData): Tensor =>
  tensor(data as Float32Array, { dtype: dtype as DType, shape });
