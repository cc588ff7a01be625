import { cpu } from '@hebb/backend-cpu';
import { testOp } from '@hebb/conformance';
import { operators } from '../src/index.ts';

it('names every record once', () => {
  const names = operators.map((op) => op.name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(70);
  for (const op of operators) expect(op.kind).toBe('composite');
});

for (const op of operators) testOp(op, { backend: () => cpu() });
