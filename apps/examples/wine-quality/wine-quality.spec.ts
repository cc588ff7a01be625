import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { wineQuality } from './wine-quality.ts';

// The tables lie in the data folder beside the repository.
(hasData('datasets/tabular/winequality-red.csv', 'datasets/tabular/winequality-white.csv')
  ? it
  : it.skip)('rates better than the mean and a linear model', () =>
  quickRun(wineQuality, ['--no-worker'], ({ result, value, printed }) => {
    expect(result.failures).toEqual([]);
    // Copies are left out: 5,320 of 6,497 rows are different wines.
    expect(printed).toContain('5320 different wines');
    expect(value(/^MAE, network/)).toBeLessThan(value(/^MAE, mean/));
    expect(value(/^R², network/)).toBeGreaterThan(value(/^R², linear/));
  }),
);
