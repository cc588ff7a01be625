import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { transfer } from './transfer.ts';

// Pictures and detector lie in the data folder beside the repository.
(hasData('datasets/cifar10', 'models/ultraface-slim-320-simplified') ? it : it.skip)(
  'learns more from few labels on an imported trunk than from nothing, and can be exported',
  () =>
    quickRun(transfer, ['--no-worker'], async ({ result, value, out }) => {
      expect(result.failures).toEqual([]);
      expect(value(/^from scratch, 20/)).toBeGreaterThan(15);
      expect(value(/^trunk trained on, 20/)).toBeGreaterThan(30);
      expect(value(/^gained/)).toBeGreaterThan(0);
      expect(result.notes.find(([what]) => what.startsWith('onnxruntime'))![1]).toMatch(/^agrees/);
      expect(await readFile(join(out, 'transfer.svg'), 'utf8')).toContain('trunk as it is');
    }),
);
