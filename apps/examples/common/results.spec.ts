import { format, shortfall, wanted } from './results.ts';

it('numbers with their unit and digits, zero without a sign', () => {
  expect(format({ what: 'accuracy', value: 97.254, unit: '%' })).toBe('97.25 %');
  expect(format({ what: 'R²', value: -0.0002, digits: 3 })).toBe('0.000');
  expect(format({ what: 'R²', value: -0.02, digits: 2 })).toBe('-0.02');
  expect(wanted({ what: 'error', value: 1, digits: 1, unit: 'ms', atMost: 2 })).toBe(
    'at most 2.0 ms',
  );
});

it('what falls short says by how much; NaN always does', () => {
  expect(shortfall({ what: 'accuracy', value: 70, atLeast: 70 })).toBeUndefined();
  expect(shortfall({ what: 'accuracy', value: 69.5, atLeast: 70 })).toBe(
    'accuracy is 69.50, wanted at least 70.00',
  );
  expect(shortfall({ what: 'error', value: NaN })).toBe('error is NaN, wanted a number');
});
