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
  // Not called themselves, bases of what other packages have and try, or tried by layers-cnn.
  const others: readonly string[] = [
    ...[1, 2, 3].flatMap((n) => [`BatchNorm${n}d`, `Conv${n}d`, `ConvTranspose${n}d`]),
    'LazyModule',
    'Module',
    'ModuleDict',
    'ModuleList',
    'ParameterDict',
    'ParameterList',
    'Parametrization',
    'RNNBase',
    'RNNCellBase',
    'Stateful',
  ];
  const missing = Object.entries(nn).filter(
    ([name, value]) =>
      typeof value === 'function' &&
      value.prototype instanceof nn.Module &&
      !kinds.has(value) &&
      !others.includes(name),
  );
  expect(missing.map(([name]) => name)).toEqual([]);
});
