/** PyTorch's values for what needs modules, optimizers and layer plugins; the rest is checked in conformance. */
import path from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import {
  failureLine,
  listFamilies,
  readFamily,
  referenceFamilies,
  referenceFolder,
  runCase,
} from '@hebb/conformance/reference';
import type { ReferenceCase } from '@hebb/conformance/reference';
import { init } from '@hebb/core';
import { reference } from '../src/reference.ts';
import { families } from '../src/reference/index.ts';
import { layerFrom } from '../src/reference/layer-text.ts';

const folder = referenceFolder(path.resolve(import.meta.dirname, '../../..'));
// The command looks from where it is started, which is not here.
process.env['HEBB_REFERENCE'] = folder;
const present = (await listFamilies(folder)) ?? [];
const own = Object.keys(families).filter((name) => !(name in referenceFamilies));

beforeAll(async () => {
  await init(cpu());
});

describe.each(['float64', 'float32'] as const)('values of PyTorch in %s', (dtype) => {
  for (const family of own) {
    if (!present.includes(family)) {
      it.skip(`${family}: needs the reference cases in ${folder}`, () => undefined);
      continue;
    }
    it(`${family}`, async () => {
      const cases = await readFamily(folder, family);
      const results = [];
      for (const given of cases) results.push(await runCase(given, { tables: families, dtype }));
      const wrong = results.filter(({ verdict }) => verdict !== 'passed');
      expect(wrong.map(failureLine)).toEqual([]);
      expect(results.filter(({ verdict }) => verdict === 'passed').length).toBeGreaterThan(5);
    });
  }
});

const stored = (data: readonly number[], shape: readonly number[] = []) => ({
  shape,
  dtype: 'float64' as const,
  data,
});
const blank: ReferenceCase = {
  case: 'made up',
  family: 'init',
  op: 'normal',
  attrs: { shape: [10, 10], mean: 0, std: 2 },
  inputs: {},
  params: {},
  outputs: { mean: stored([0]), std: stored([2]) },
  loss: null,
  loss_value: null,
  cotangents: {},
  grads: {},
  tolerance: { rtol: 1e-6, atol: 1e-9 },
};
const run = async (change: Partial<ReferenceCase>): Promise<string> => {
  const result = await runCase({ ...blank, ...change }, { tables: families });
  return result.verdict === 'failed' ? failureLine(result) : result.verdict;
};

describe('the tables notice', () => {
  it('draws of another mean, spread or bound', async () => {
    expect(await run({})).toBe('passed');
    expect(await run({ outputs: { mean: stored([0.1]), std: stored([2]) } })).toMatch(
      /mean: largest/,
    );
    expect(await run({ outputs: { mean: stored([0]), std: stored([2.1]) } })).toMatch(
      /std: largest/,
    );
    const uniform = { op: 'uniform', attrs: { shape: [10, 10], a: -1, b: 1 } };
    const outputs = { mean: stored([0]), std: stored([Math.sqrt(1 / 3)]) };
    expect(await run({ ...uniform, outputs: { ...outputs, bound: stored([1]) } })).toBe('passed');
    expect(await run({ ...uniform, outputs: { ...outputs, bound: stored([0.99]) } })).toMatch(
      /a value lies 0\.99\d+ from the mean, beyond 0\.99/,
    );
    expect(await run({ ...uniform, outputs: { ...outputs, bound: stored([1.01]) } })).toMatch(
      /bound/,
    );
  });

  it('a wrong parameter, gradient or loss of a step', async () => {
    const sgd: Partial<ReferenceCase> = {
      family: 'optimisers',
      op: 'sgd',
      attrs: { lr: 0.5, steps: 1, problem: 'mean((X w + b - Y)^2)' },
      inputs: { X: stored([1], [1, 1]), Y: stored([3], [1, 1]) },
      params: { w: stored([1], [1, 1]), b: stored([0], [1]) },
      outputs: { loss: stored([4], [1]), w: stored([3], [1, 1, 1]), b: stored([2], [1, 1]) },
      grads: { w: stored([-4], [1, 1, 1]), b: stored([-4], [1, 1]) },
    };
    expect(await run(sgd)).toBe('passed');
    expect(await run({ ...sgd, outputs: { w: stored([2], [1, 1, 1]) } })).toMatch(
      /w: largest error 1/,
    );
    expect(await run({ ...sgd, grads: { b: stored([4], [1, 1]) } })).toMatch(
      /grad b: largest error 8/,
    );
    expect(await run({ ...sgd, grads: { c: stored([4], [1, 1]) } })).toMatch(
      /grad c: was not computed/,
    );
  });

  it('and skip, with the reason, what they do not have', async () => {
    const result = await runCase(
      { ...blank, op: 'default_init', attrs: { layer: 'Mamba(3, 4)', parameter: 'weight' } },
      { tables: families },
    );
    expect(result).toMatchObject({
      verdict: 'skipped',
      reason: 'layer Mamba is not in the table of init',
    });
  });
});

it('reads layers as PyTorch prints them', () => {
  const how = { dtype: 'float32' as const, generator: undefined as never };
  const shape = (text: string) =>
    Object.fromEntries(
      [...layerFrom(text, how)().namedParameters()].map(([name, value]) => [name, value.shape]),
    );
  expect(shape('Linear(in_features=6, out_features=9, bias=False)')).toEqual({ weight: [9, 6] });
  expect(shape('ConvTranspose2d(4, 6, kernel_size=(3, 2), stride=(1, 1), groups=2)')).toEqual({
    weight: [4, 3, 3, 2],
    bias: [6],
  });
  expect(shape('Embedding(9, 5, padding_idx=0)')).toEqual({ weight: [9, 5] });
  expect(shape('Bilinear(in1_features=2, in2_features=3, out_features=4, bias=True)')).toEqual({
    weight: [4, 2, 3],
    bias: [4],
  });
});

if (present.length > 0) {
  it('the command counts them', async () => {
    const lines: string[] = [];
    const args = ['--backend', 'cpu', '--family', 'optimisers,init', '--case', 'sgd|eye'];
    expect(await reference(args, (line) => lines.push(line))).toBe(0);
    expect(lines.at(-1)).toMatch(/^total +\d+ passed, 0 failed, 0 skipped$/);
  });
}
