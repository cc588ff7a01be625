import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { cifar10 } from './cifar10.ts';

// The pictures lie in the data folder beside the repository.
(hasData('datasets/cifar10') ? it : it.skip)(
  'learns something in a few steps, waits for no batch, and draws its curves',
  () =>
    quickRun(cifar10, ['--no-worker'], async ({ result, value, printed, out }) => {
      expect(result.failures).toEqual([]);
      expect(value(/^test accuracy/)).toBeGreaterThan(25);
      expect(value(/waited/)).toBeLessThan(10);
      expect(printed).toMatch(/8000 pictures to train on; .* so 2000 others/);
      expect(await readFile(join(out, 'curves.svg'), 'utf8')).toContain('test pictures');
    }),
);
