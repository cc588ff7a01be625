import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { iris } from './iris.ts';

// The table lies in the data folder beside the repository.
(hasData('datasets/tabular/iris.csv') ? it : it.skip)(
  'tells the kinds apart, and marks the mistakes in a chart',
  () =>
    quickRun(iris, ['--no-worker'], async ({ result, value, printed, out }) => {
      expect(result.failures).toEqual([]);
      expect(value(/^accuracy, 3-fold/)).toBeGreaterThan(93);
      expect(printed).toMatch(/Iris-setosa +(49|50) +[01] +0\n/);
      expect(result.notes.find(([what]) => what.startsWith('onnxruntime'))![1]).toMatch(/^agrees/);
      const svg = await readFile(join(out, 'iris.svg'), 'utf8');
      expect(svg.match(/<circle|<path/g)!.length).toBeGreaterThan(150);
    }),
);
