/** Recurrent layers on the backend that computes fast: PyTorch's values and the ONNX suite's cases. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { wasm } from '@hebb/backend-wasm';
import {
  failureLine,
  listFamilies,
  readFamily,
  referenceFamilies,
  referenceFolder,
  runCase,
} from '@hebb/conformance/reference';
import { init } from '@hebb/core';
import { checkFolders } from '@hebb/onnx/node';
import { families } from '../src/reference/index.ts';

const root = resolve(import.meta.dirname, '../../..');
const folder = referenceFolder(root);
const present = (await listFamilies(folder)) ?? [];

beforeAll(async () => {
  await init(wasm());
});

const reference = present.includes('recurrent') ? it.each : it.skip.each;
reference(['float64', 'float32'] as const)(
  'values and gradients of PyTorch in %s',
  async (dtype) => {
    const results = [];
    for (const given of await readFamily(folder, 'recurrent')) {
      results.push(await runCase(given, { tables: referenceFamilies, dtype }));
    }
    expect(results.filter(({ verdict }) => verdict !== 'passed').map(failureLine)).toEqual([]);
    expect(results.length).toBeGreaterThan(20);
  },
);

const runs = present.includes('training') ? it : it.skip;
runs('whole training runs of PyTorch', async () => {
  const given = (await readFamily(folder, 'training')).filter(({ case: name, attrs }) =>
    /lstm|gru|rnn/i.test(`${name} ${JSON.stringify(attrs)}`),
  );
  const results = [];
  for (const each of given) {
    results.push(await runCase(each, { tables: families, dtype: 'float32' }));
  }
  expect(results.filter(({ verdict }) => verdict !== 'passed').map(failureLine)).toEqual([]);
  expect(results.length).toBeGreaterThan(0);
});

const suite = join(process.env['HEBB_DATA'] ?? resolve(root, '../shared/data'), 'onnx-node-tests');
const cases = existsSync(suite)
  ? readdirSync(suite).filter((name) => /^test_(gru|lstm|(simple_)?rnn|scan|loop)/.test(name))
  : [];
(cases.length > 0 ? it : it.skip)("the ONNX suite's recurrent operators and loops", async () => {
  const { results } = await checkFolders(cases.map((name) => join(suite, name)));
  expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(results).toHaveLength(cases.length);
  expect(results.length).toBeGreaterThan(7);
});
