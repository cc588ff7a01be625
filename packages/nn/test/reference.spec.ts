/** Values and gradients of PyTorch through the modules. */
import path from 'node:path';
import { init } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import {
  failureLine,
  listFamilies,
  readFamily,
  referenceFolder,
  runCase,
} from '@hebb/conformance/reference';
import { layerCases } from './layer-cases.ts';

beforeAll(async () => {
  await init(cpu());
});

const folder = referenceFolder(path.resolve(import.meta.dirname, '../../..'));
const present = (await listFamilies(folder)) ?? [];
const atLeast: Readonly<Record<string, number>> = {
  elementwise: 50,
  losses: 60,
  normalisation: 10,
};

describe.each(['float32', 'float64'] as const)('modules follow PyTorch in %s', (dtype) => {
  for (const [family, table] of Object.entries(layerCases)) {
    if (!present.includes(family)) {
      it.skip(`${family}: needs the reference cases in ${folder}`, () => undefined);
      continue;
    }
    it(family, async () => {
      const cases = (await readFamily(folder, family)).filter(({ op }) => op in table);
      const results = [];
      for (const given of cases) results.push(await runCase(given, { tables: layerCases, dtype }));
      expect(results.filter(({ verdict }) => verdict === 'failed').map(failureLine)).toEqual([]);
      const passed = results.filter(({ verdict }) => verdict === 'passed').length;
      expect(passed).toBeGreaterThanOrEqual(atLeast[family]!);
    });
  }
});
