import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { wine } from './wine.ts';

// The table lies in the data folder beside the repository.
(hasData('datasets/tabular/wine.csv') ? it : it.skip)(
  'tells cultivars apart and draws which measurements count',
  () =>
    quickRun(wine, ['--no-worker'], async ({ result, value, out }) => {
      expect(result.failures).toEqual([]);
      expect(value(/of the network/)).toBeGreaterThan(95);
      expect(value(/of the linear model/)).toBeGreaterThan(95);
      expect(await readFile(join(out, 'wine.svg'), 'utf8')).toContain('flavanoids');
    }),
);
