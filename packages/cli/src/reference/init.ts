/** Family `init`: initialisers. Draws are compared by their statistics. */
import { Generator, compile, concat, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Computed, attrs as read } from '@hebb/conformance/reference';
import type {
  CaseAttrs,
  CaseContext,
  CaseFunction,
  CaseTable,
  ReferenceCase,
} from '@hebb/conformance/reference';
import { init } from '@hebb/nn';
import { layerFrom } from './layer-text.ts';

interface DrawHow extends CaseContext {
  readonly generator: Generator;
}

const { num, text, ints } = read;
const modes = ['fan_in', 'fan_out'] as const;
const nonlinearities = [
  'linear',
  'conv1d',
  'conv2d',
  'conv3d',
  'conv_transpose1d',
  'conv_transpose2d',
  'conv_transpose3d',
  'sigmoid',
  'tanh',
  'relu',
  'leaky_relu',
  'selu',
] as const satisfies readonly init.Nonlinearity[];

const kaiming = ({ a, mode, nonlinearity }: CaseAttrs) => ({
  a: num(a ?? 0),
  mode: read.word(mode, modes),
  nonlinearity: read.word(nonlinearity, nonlinearities),
});

/** How one tensor is drawn. */
const draws = {
  uniform: ({ shape, a, b }, how) =>
    init.uniform(ints(shape), { low: num(a), high: num(b), ...how }),
  normal: ({ shape, mean, std }, how) =>
    init.normal(ints(shape), { mean: num(mean), std: num(std), ...how }),
  trunc_normal: ({ shape, mean, std, a, b }, how) =>
    init.truncNormal(ints(shape), { mean: num(mean), std: num(std), a: num(a), b: num(b), ...how }),
  xavier_uniform: ({ shape, gain }, how) =>
    init.xavierUniform(ints(shape), { gain: num(gain ?? 1), ...how }),
  xavier_normal: ({ shape, gain }, how) =>
    init.xavierNormal(ints(shape), { gain: num(gain ?? 1), ...how }),
  kaiming_uniform: ({ shape, ...rest }, how) =>
    init.kaimingUniform(ints(shape), { ...kaiming(rest), ...how }),
  kaiming_normal: ({ shape, ...rest }, how) =>
    init.kaimingNormal(ints(shape), { ...kaiming(rest), ...how }),
} satisfies Record<string, (attrs: CaseAttrs, how: DrawHow) => Tensor>;

const manyNumbers = 20_000;
const tensorsAtOnce = 64;

/** Mean, spread and largest distance from the expected mean of many draws. */
async function statistics(
  draw: () => Tensor,
  { outputs }: ReferenceCase,
  { dtype, compiled }: CaseContext & { readonly compiled: boolean },
): Promise<Computed> {
  const once = (): Tensor =>
    concat(
      Array.from({ length: tensorsAtOnce }, () => draw().flatten(0)),
      0,
    );
  const next: () => Tensor | Promise<Tensor> = compiled ? compile(once) : once;
  const wanted = (name: string): number => Number(outputs[name]?.data[0] ?? Number.NaN);
  const centre = wanted('mean');
  const total = { count: 0, sum: 0, squares: 0, largest: 0 };
  while (total.count < manyNumbers) {
    const values = (await (await next()).data()) as Float32Array | Float64Array;
    // Without globals in the loop: looking them up is slow in contexts such as a test runner's.
    for (let i = 0; i < values.length; i++) {
      const off = values[i]! - centre;
      const size = off < 0 ? -off : off;
      total.sum += off;
      total.squares += off * off;
      if (!(size <= total.largest)) total.largest = size;
    }
    total.count += values.length;
  }
  const shift = total.sum / total.count;
  const std = Math.sqrt(total.squares / total.count - shift * shift);
  const bound = wanted('bound');
  if (total.largest > bound * (1 + 1e-6)) {
    throw new RangeError(`a value lies ${total.largest} from the mean, beyond ${bound}`);
  }
  const scalar = (value: number): Tensor => tensor(value, { dtype });
  // Five standard errors of a mean, and of a spread (at most that of a normal distribution).
  const error = 5 / Math.sqrt(total.count);
  return new Computed(
    { mean: scalar(centre + shift), std: scalar(std), bound: scalar(total.largest) },
    {
      tolerances: {
        mean: { rtol: 0, atol: error * wanted('std') },
        std: { rtol: error, atol: 0 },
        bound: { rtol: 2e-3, atol: 0 },
      },
    },
  );
}

const drawn =
  (draw: (attrs: CaseAttrs, how: DrawHow) => Tensor): CaseFunction =>
  (_, attrs, given, { dtype }) => {
    const generator = new Generator(11);
    return statistics(() => draw(attrs, { dtype, generator }), given, { dtype, compiled: true });
  };

/** Rows or columns, whichever are fewer, times each other. */
function gram(matrix: Tensor): Tensor {
  const [rows = 0, columns = 0] = matrix.shape;
  return rows <= columns
    ? matrix.matmul(matrix, { transposeB: true })
    : matrix.matmul(matrix, { transposeA: true });
}

export const initialisers: CaseTable = {
  ...Object.fromEntries(Object.entries(draws).map(([name, draw]) => [name, drawn(draw)])),
  default_init: (_, { layer, parameter }, given, { dtype }) => {
    const make = layerFrom(text(layer), { dtype, generator: new Generator(11) });
    const one = (): Tensor => {
      const found = make().namedParameters().get(text(parameter));
      if (found === undefined) throw new TypeError(`${text(layer)} has no ${text(parameter)}`);
      return found.value;
    };
    // Layers are not made inside compiled functions.
    return statistics(one, given, { dtype, compiled: false });
  },
  calculate_gain: (_, { nonlinearity, param }, given, { dtype }) => {
    const gain = init.calculateGain(
      read.word(nonlinearity, nonlinearities),
      read.maybeNum(param) ?? undefined,
    );
    return { gain: tensor([gain], { dtype }).reshape([...given.outputs['gain']!.shape]) };
  },
  eye: (_, { shape }, given, { dtype }) => init.eye(ints(shape), { dtype }),
  dirac: (_, { shape, groups }, given, { dtype }) =>
    init.dirac(ints(shape), { groups: num(groups ?? 1), dtype }),
  orthogonal: ({ gaussian }, { gain }) => {
    const output = init.orthonormalize(gaussian!.flatten(1)).mul(num(gain ?? 1));
    return { output: output.reshape(gaussian!.shape), gram: gram(output) };
  },
};
