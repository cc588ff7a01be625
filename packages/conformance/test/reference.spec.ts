import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import {
  evaluate,
  failureLine,
  listFamilies,
  parseCase,
  readFamily,
  referenceFamilies,
  referenceFolder,
  reportOf,
  runCase,
  summaryLines,
} from '../src/reference/index.ts';
import type { ReferenceCase } from '../src/reference/index.ts';
import { tensor } from '@hebb/core';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const folder = referenceFolder(root);
const present = await listFamilies(folder);

beforeAll(async () => {
  await init(cpu());
});

if (present === undefined) {
  console.warn(`No reference cases in ${folder}: values of PyTorch are not compared.`);
} else {
  for (const family of Object.keys(referenceFamilies).filter((name) => present.includes(name))) {
    it(`${family}: values and gradients are PyTorch's`, async () => {
      const cases = await readFamily(folder, family);
      const results = [];
      for (const given of cases)
        results.push(await runCase(given, { tables: referenceFamilies, dtype: 'float64' }));
      expect(results.filter((r) => r.verdict !== 'passed').map(failureLine)).toEqual([]);
      expect(results.length).toBeGreaterThan(0);
    });
  }
}

const base: ReferenceCase = {
  case: 'square_2',
  family: 'elementwise',
  op: 'square',
  attrs: {},
  inputs: { x: { shape: [2], dtype: 'float64', data: [1.5, -2] } },
  params: {},
  outputs: { output: { shape: [2], dtype: 'float64', data: [2.25, 4] } },
  loss: 'sum(output * cotangent)',
  loss_value: -5.75,
  cotangents: { output: { shape: [2], dtype: 'float64', data: [1, -2] } },
  grads: { x: { shape: [2], dtype: 'float64', data: [3, 8] } },
  tolerance: { rtol: 1e-5, atol: 1e-6 },
};
const run = (given: ReferenceCase) => runCase(given, { tables: referenceFamilies });
const stored = (data: (number | string)[], shape = [data.length]) => ({
  shape,
  dtype: 'float64' as const,
  data,
});

describe('the runner', () => {
  it('passes a case that agrees', async () => {
    expect(await run(base)).toMatchObject({ verdict: 'passed', case: 'square_2' });
  });
  it.each<[string, Partial<ReferenceCase>, RegExp]>([
    [
      'a wrong value',
      { outputs: { output: stored([2.25, 4.001]) } },
      /output: largest error 0\.001 at \[1\]/,
    ],
    ['a wrong gradient', { grads: { x: stored([3, 8.1]) } }, /grad x: largest error 0\.1 at \[1\]/],
    ['a wrong loss', { loss_value: -5 }, /loss: largest error 0\.75/],
    [
      'a wrong shape',
      { outputs: { output: stored([2.25, 4], [1, 2]) } },
      /shape \[2\], wanted \[1,2\]/,
    ],
    ['a number for NaN', { outputs: { output: stored([2.25, 'NaN']) } }, /wanted NaN/],
    [
      'a number for infinity',
      { outputs: { output: stored([2.25, 'Infinity']) } },
      /wanted Infinity/,
    ],
    [
      'an output that is missing',
      { outputs: { other: stored([1, 2]) } },
      /other: was not computed/,
    ],
    [
      'a float where bool is due',
      { outputs: { output: { shape: [2], dtype: 'bool' as const, data: [1, 1] } } },
      /dtype float64, wanted bool/,
    ],
    ['an op that throws', { op: 'atan2' }, /HebbError/],
  ])('fails %s and says so', async (_, change, line) => {
    const result = await run({ ...base, ...change });
    expect(result.verdict).toBe('failed');
    expect(failureLine(result)).toMatch(line);
  });
  it('skips what it does not know, by name', async () => {
    expect(await run({ ...base, op: 'cuberoot' })).toMatchObject({
      verdict: 'skipped',
      reason: 'op cuberoot has no entry in the table of elementwise',
    });
    expect(await run({ ...base, family: 'novel' })).toMatchObject({ verdict: 'skipped' });
  });
  it('reads infinities and NaN', async () => {
    const given: ReferenceCase = {
      ...base,
      op: 'exp',
      inputs: { x: stored(['Infinity', '-Infinity', 'NaN']) },
      outputs: { output: stored(['Infinity', 0, 'NaN']) },
      loss: null,
      loss_value: null,
      cotangents: {},
      grads: {},
    };
    expect(await run(given)).toMatchObject({ verdict: 'passed' });
  });
  it('counts by family and in total', async () => {
    const results = [
      await run(base),
      await run({ ...base, loss_value: 0 }),
      await run({ ...base, op: 'x' }),
    ];
    const report = reportOf(results, { backend: 'cpu', dtype: 'float64' });
    expect(report.total).toEqual({ passed: 1, failed: 1, skipped: 1 });
    expect(summaryLines(report)).toContain('elementwise  1 passed, 1 failed, 1 skipped');
  });
  it('refuses what is no case', () => {
    expect(() => parseCase('{"op": ', 'a/b.json')).toThrow(/a\/b\.json is not JSON/);
    expect(() => parseCase('[]', 'a/b.json')).toThrow(/a\/b\.json is not a case/);
  });
});

describe('expressions', () => {
  const x = tensor([1, 2, 3], { dtype: 'float64' });
  const m = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { dtype: 'float64' },
  );
  it.each([
    ['1 + 2 * x - x^2 / 2', [2.5, 3, 2.5]],
    ['-x^2', [-1, -4, -9]],
    ['2 (x + 1)', [4, 6, 8]],
    ['x[i+1] * x[i]', [2, 6]],
    ['sum(x[i+2] - x[i])', [2]],
    ['x[pick], twice the last', [3, 3]],
    ['m m^T', [5, 11, 11, 25]],
    ['square', [1, 4, 9]],
  ])('%s', async (source, expected) => {
    const y = evaluate(source, { x, m }, { pick: [2, 2] });
    expect(Array.from(await y.data(), Number)).toEqual(expected);
  });
  it.each([
    ['x +', /cannot read/],
    ['x ? 2', /cannot read/],
    ['nothing(x)', /unknown name nothing/],
    ['(x', /cannot read/],
    ['1 + 2', /plain number/],
  ])('refuses %s', (source, message) => {
    expect(() => evaluate(source, { x })).toThrow(message);
  });
});
