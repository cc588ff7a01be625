import { Generator, compile, concat, init as start, manualSeed } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { Linear, init } from '../src/index.ts';
import { casesOf, eachCase, expectClose, numbers, toTensor } from './reference.ts';
import type { Case } from './reference.ts';

beforeAll(async () => {
  await start(cpu());
});

type Attrs = Readonly<Record<string, never>>;
const draws: Readonly<Record<string, (a: Attrs, generator: Generator) => Tensor>> = {
  kaiming_normal: (a, generator) =>
    init.kaimingNormal(a.shape!, {
      a: a.a!,
      mode: a.mode!,
      nonlinearity: a.nonlinearity!,
      generator,
    }),
  kaiming_uniform: (a, generator) =>
    init.kaimingUniform(a.shape!, {
      a: a.a!,
      mode: a.mode!,
      nonlinearity: a.nonlinearity!,
      generator,
    }),
  normal: (a, generator) => init.normal(a.shape!, { mean: a.mean!, std: a.std!, generator }),
  trunc_normal: (a, generator) =>
    init.truncNormal(a.shape!, { mean: a.mean!, std: a.std!, a: a.a!, b: a.b!, generator }),
  uniform: (a, generator) => init.uniform(a.shape!, { low: a.a!, high: a.b!, generator }),
  xavier_normal: (a, generator) => init.xavierNormal(a.shape!, { gain: a.gain!, generator }),
  xavier_uniform: (a, generator) => init.xavierUniform(a.shape!, { gain: a.gain!, generator }),
  default_init: ({ layer, parameter }, generator) => {
    const [, inFeatures, outFeatures] = /(?:in_features|\()=?(\d+), (?:out_features=)?(\d+)/.exec(
      layer!,
    )!;
    const made = new Linear(Number(inFeatures), Number(outFeatures), { generator });
    return parameter === 'weight' ? made.weight.value : made.bias!.value;
  },
};

/** Draws until there are 40,000 numbers and compares their mean, spread and range. */
async function compareStatistics({ op, attrs, outputs }: Case): Promise<void> {
  const generator = new Generator(11);
  const expected = (name: string) =>
    outputs[name] === undefined ? undefined : numbers(outputs[name])[0]!;
  const [mean, std, bound] = [expected('mean')!, expected('std')!, expected('bound')];
  const values: number[] = [];
  const draw = () =>
    concat(
      Array.from({ length: 20 }, () => draws[op]!(attrs as Attrs, generator).flatten(0)),
      0,
    );
  // Layers are not made inside compiled functions.
  const some = op === 'default_init' ? draw : compile(draw);
  while (values.length < 40_000)
    for (const value of await (await some()).data()) values.push(Number(value));
  const found = values.reduce((sum, x) => sum + x, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - found) ** 2, 0) / values.length);
  // Five standard errors of a mean, and of a spread (at most that of a normal distribution).
  const error = 5 / Math.sqrt(values.length);
  expect(Math.abs(found - mean)).toBeLessThan(error * std);
  expect(Math.abs(spread / std - 1)).toBeLessThan(error);
  if (bound !== undefined) {
    const largest = values.reduce((most, x) => Math.max(most, Math.abs(x - mean)), 0);
    expect(largest).toBeLessThanOrEqual(bound * (1 + 1e-6));
    expect(largest).toBeGreaterThan(bound * 0.999);
  }
}

const all = await casesOf('init');
describe('initialisers draw with the statistics of PyTorch', () => {
  eachCase(
    all.filter(
      ({ op, attrs }) =>
        op in draws && (op !== 'default_init' || String(attrs.layer).startsWith('Linear')),
    ),
    compareStatistics,
  );
});

describe('initialisers without chance give the values of PyTorch', () => {
  const exact = ['calculate_gain', 'dirac', 'eye', 'orthogonal'];
  eachCase(
    all.filter(({ op }) => exact.includes(op)),
    async ({ op, attrs, inputs, outputs, tolerance }) => {
      if (op === 'calculate_gain') {
        const { nonlinearity, param } = attrs as Attrs;
        const gain = init.calculateGain(nonlinearity!, param ?? undefined);
        expectClose([gain], numbers(outputs.gain!), tolerance);
        return;
      }
      const { shape, groups, gain } = attrs as Attrs;
      const value =
        op === 'eye'
          ? init.eye(shape!)
          : op === 'dirac'
            ? init.dirac(shape!, { groups: groups! })
            : init.orthonormalize(toTensor(inputs.gaussian!, 'float32')).mul(gain!);
      expectClose((await value.data()) as Float32Array, numbers(outputs.output!), tolerance);
    },
  );
});

describe('initialisers', () => {
  it('make orthogonal weights of any rank', async () => {
    const weight = init.orthogonal([4, 3, 2], { gain: 2, generator: new Generator(1) });
    expect(weight.shape).toEqual([4, 3, 2]);
    const flat = weight.reshape([4, 6]);
    const gram = await flat.matmul(flat, { transposeB: true }).data();
    const four = Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 4 : 0));
    expectClose(gram as Float32Array, four, { rtol: 1e-5, atol: 1e-5 });
  });

  it('draw the same for the same seed, from the default generator and from one given', async () => {
    const draw = async (seed: number) => {
      manualSeed(seed);
      return new Linear(3, 2).weight.value.data();
    };
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
    const own = () => new Linear(3, 2, { generator: new Generator(9) }).weight.value.data();
    expect(await own()).toEqual(await own());
  });

  it('take a dtype', () => {
    const layer = new Linear(2, 2, { dtype: 'float64' });
    expect([layer.weight.dtype, layer.bias!.dtype]).toEqual(['float64', 'float64']);
    expect(init.orthogonal([2, 2], { dtype: 'float64' }).dtype).toBe('float64');
    expect(init.truncNormal([2], { dtype: 'float64' }).dtype).toBe('float64');
  });

  it('refuse what they cannot do', () => {
    expect(() => init.kaimingUniform([3])).toThrow('fans need a weight of at least two axes');
    expect(() => init.calculateGain('gelu' as 'relu')).toThrow('unknown nonlinearity (got gelu');
    expect(() => init.truncNormal([3], { a: 1, b: -1 })).toThrow('needs a < b');
    expect(() => init.kaimingNormal([3, 2], { mode: 'fan' as 'fan_in' })).toThrow('unknown mode');
    expect(() => init.eye([3])).toThrow('needs two axes');
    expect(() => init.dirac([3, 2, 1], { groups: 2 })).toThrow('do not divide into groups');
  });
});
