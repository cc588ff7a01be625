import { cpu } from '@hebb/backend-cpu';
import { testLayer } from '@hebb/conformance';
import { Module } from '@hebb/nn';
import * as cnn from '../src/index.ts';
import { catalogue } from './catalogue.ts';
import { models } from './small-models.ts';

for (const [name, { make, ...options }] of Object.entries(catalogue)) {
  testLayer(name, make, { ...options, backend: () => cpu() });
}

it('every layer that this package exports is tried', () => {
  const tried = [...Object.values(catalogue).map(({ make }) => make()), ...models()];
  const kinds = new Set(tried.flatMap((module) => module.modules()).map((m) => m.constructor));
  const missing = Object.entries(cnn).filter(
    ([, value]) =>
      typeof value === 'function' && value.prototype instanceof Module && !kinds.has(value),
  );
  expect(missing.map(([name]) => name)).toEqual([]);
});
