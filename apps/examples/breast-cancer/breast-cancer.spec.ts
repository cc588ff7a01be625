import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readModelFile } from '@hebb/onnx/node';
import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { breastCancer } from './breast-cancer.ts';
import { count, thresholdFor } from './model.ts';

it('chooses the highest threshold that finds enough', () => {
  const malignant = [1, 1, 1, 1, 0, 0, 0, 0];
  const probabilities = [0.9, 0.8, 0.6, 0.2, 0.7, 0.3, 0.1, 0.05];
  expect(thresholdFor(malignant, probabilities, 0.5)).toBe(0.8);
  expect(thresholdFor(malignant, probabilities, 0.75)).toBe(0.6);
  expect(thresholdFor(malignant, probabilities, 0.99)).toBe(0.2);
  expect(count(malignant, probabilities, () => 0.6)).toEqual({
    found: 3,
    missed: 1,
    alarms: 1,
    cleared: 3,
  });
});

// The table lies in the data folder beside the repository.
(hasData('datasets/tabular/breast-cancer-wisconsin.csv') ? it : it.skip)(
  'finds what it was told to find, says what it is not, and keeps both in the file',
  () =>
    quickRun(breastCancer, ['--no-worker'], async ({ result, value, printed, out }) => {
      expect(result.failures).toEqual([]);
      expect(value(/ROC/)).toBeGreaterThan(0.98);
      expect(value(/calibration error/)).toBeLessThan(0.05);
      expect(printed.match(/NO MEDICAL DEVICE/g)).toHaveLength(2);
      expect(await readFile(join(out, 'calibration.svg'), 'utf8')).toContain('probability');
      const { metadataProps } = await readModelFile(join(out, 'breast-cancer.onnx'));
      const metadata = new Map(metadataProps.map(({ key, value: text }) => [key, text]));
      expect(Number(metadata.get('threshold'))).toBeGreaterThan(0);
      expect(metadata.get('warning')).toMatch(/NO MEDICAL DEVICE/);
    }),
);
