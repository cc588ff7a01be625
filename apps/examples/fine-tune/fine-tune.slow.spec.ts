/** The quick form, as a user runs it; and that the pictures show what is heard. */
import { cpu } from '@hebb/backend-cpu';
import { init, tensor } from '@hebb/core';
import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { sampleRate } from '../common/speech.ts';
import { fineTune } from './fine-tune.ts';
import { picturesOf } from './pictures.ts';

(hasData('models/mnist-12', 'datasets/fsdd') ? it : it.skip)(
  'hears spoken digits after a short training, and so does the exported model',
  async () => {
    await quickRun(fineTune, ['--no-worker'], ({ result, value }) => {
      expect(result.failures).toEqual([]);
      expect(value(/all layers/)).toBeGreaterThan(80);
      const said = result.notes.find(([what]) => what.startsWith('onnxruntime'))![1];
      expect(said).toMatch(/^agrees/);
    });
  },
);

it('paints a rising tone as a line that rises', async () => {
  await init(cpu());
  const samples = Float32Array.from({ length: 3996 }, (_, i) => {
    const t = i / sampleRate;
    return Math.sin(2 * Math.PI * (300 * t + 2400 * t * t));
  });
  const picture = await picturesOf(tensor(samples, { shape: [1, 3996] })).data();
  const rowOfMost = (column: number): number => {
    const levels = Array.from({ length: 28 }, (_, row) => Number(picture[row * 28 + column]));
    expect(Math.max(...levels)).toBeLessThanOrEqual(255);
    return levels.indexOf(Math.max(...levels));
  };
  const rows = [2, 10, 18, 25].map(rowOfMost);
  expect(rows).toEqual([...rows].sort((a, b) => b - a));
  expect(rows[0]! - rows[3]!).toBeGreaterThan(8);
});
