import { cpu } from '@hebb/backend-cpu';
import { testLayer } from '@hebb/conformance';
import * as nn from '../src/index.ts';
import { catalogue } from './catalogue.ts';

for (const [name, { make, ...options }] of Object.entries(catalogue)) {
  testLayer(name, make, { ...options, backend: () => cpu() });
}

it('every layer that this package exports is tried', () => {
  const tried = new Set(Object.values(catalogue).flatMap(({ make }) => make().modules()));
  const kinds = new Set([...tried].map((module) => module.constructor));
  const held = [nn.ModuleList, nn.ModuleDict, nn.Module, nn.Parametrization];
  const missing = Object.entries(nn).filter(
    ([, value]) =>
      typeof value === 'function' &&
      value.prototype instanceof nn.Module &&
      !kinds.has(value) &&
      !held.includes(value as typeof nn.Module),
  );
  expect(missing.map(([name]) => name)).toEqual([]);
});
