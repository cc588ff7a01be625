import { Generator, init as start, manualSeed } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { Linear, init } from '../src/index.ts';

beforeAll(async () => {
  await start(cpu());
});

function expectClose(got: Float32Array, want: readonly number[]): void {
  expect(Array.from(got, Number)).toEqual(want.map((value) => expect.closeTo(value, 4)));
}

describe('initialisers', () => {
  it('make orthogonal weights of any rank', async () => {
    const weight = init.orthogonal([4, 3, 2], { gain: 2, generator: new Generator(1) });
    expect(weight.shape).toEqual([4, 3, 2]);
    const flat = weight.reshape([4, 6]);
    const gram = await flat.matmul(flat, { transposeB: true }).data();
    const four = Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 4 : 0));
    expectClose(gram as Float32Array, four);
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

  it('draw with the mean, spread and range asked for', async () => {
    const generator = new Generator(5);
    const of = async (values: Promise<ArrayLike<number | bigint>>) => {
      const list = Array.from(await values, Number);
      const mean = list.reduce((a, b) => a + b, 0) / list.length;
      const std = Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length);
      return { mean, std, most: Math.max(...list), least: Math.min(...list) };
    };
    const shape = [200, 100];
    const uniform = await of(init.uniform(shape, { low: -1, high: 3, generator }).data());
    expect(uniform.mean).toBeCloseTo(1, 1);
    expect(uniform.std).toBeCloseTo(4 / Math.sqrt(12), 1);
    expect([uniform.least >= -1, uniform.most < 3]).toEqual([true, true]);
    const cut = await of(init.truncNormal(shape, { std: 2, a: -2, b: 2, generator }).data());
    expect([cut.least >= -2, cut.most <= 2]).toEqual([true, true]);
    expect(cut.std).toBeCloseTo(1.0791, 1);
    const kaiming = await of(init.kaimingNormal(shape, { nonlinearity: 'relu', generator }).data());
    expect(kaiming.std).toBeCloseTo(Math.sqrt(2 / 100), 2);
    const xavier = await of(init.xavierUniform(shape, { gain: 2, generator }).data());
    expect(xavier.most).toBeCloseTo(2 * Math.sqrt(6 / 300), 2);
  });

  it('make sparse matrices: the same share of each column is zero', async () => {
    const values = (await init.sparse([10, 4], 0.25, { std: 1 }).toArray()) as number[][];
    for (let column = 0; column < 4; column++) {
      expect(values.filter((row) => row[column] === 0)).toHaveLength(3);
    }
    expect(() => init.sparse([3], 0.5)).toThrow('needs two axes');
    expect(() => init.sparse([3, 2], 2)).toThrow('sparsity is a share (got 2, wanted 0 to 1)');
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
