import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodePng } from '@hebb/data';
import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { facesOf, match } from './detector.ts';
import { faceDetection } from './face-detection.ts';
import { drawFaces } from './picture.ts';

it('keeps the surest of candidates that are the same face', () => {
  const boxes = [0, 0, 0.5, 0.5, 0.02, 0, 0.52, 0.5, 0.6, 0.6, 0.9, 0.9, 0, 0, 1, 1];
  const scores = [0.2, 0.8, 0.1, 0.9, 0.25, 0.75, 0.9, 0.1];
  const faces = facesOf(scores, boxes, { least: 0.7, overlap: 0.3 });
  expect(faces.map(({ score }) => score)).toEqual([0.9, 0.75]);
  expect(match(faces, faces)).toEqual([1, 1]);
  expect(match(faces, [])).toEqual([0, 0]);
});

it('frames a face, also one that leaves the picture', () => {
  const grey = {
    data: new Uint8Array(1200 * 900 * 3).fill(128),
    width: 1200,
    height: 900,
    channels: 3,
  } as const;
  const { data } = drawFaces(grey, [{ box: [0.5, 0.5, 1.5, 0.75], score: 1 }]);
  const at = (x: number, y: number): number[] => [...data.subarray((y * 1200 + x) * 3).slice(0, 3)];
  expect(at(600, 500)).toEqual([0, 255, 0]);
  expect(at(1199, 450)).toEqual([0, 255, 0]);
  expect(at(700, 500)).toEqual([128, 128, 128]);
});

// The model lies in the data folder beside the repository.
(hasData('models/ultraface-slim-320') ? it : it.skip)(
  'finds the faces that the reference found, also in the picture that it has drawn',
  () =>
    quickRun(faceDetection, ['--no-worker'], async ({ result, value, out }) => {
      expect(result.failures).toEqual([]);
      expect(value(/found/)).toBe(47);
      expect(value(/IoU/)).toBeGreaterThan(0.999);
      const file = join(out, 'group-faces.png');
      const { width, height } = decodePng(await readFile(file));
      expect([width, height]).toEqual([960, 720]);
      const again = ['--no-worker', '--picture', file];
      await quickRun(faceDetection, again, ({ result: second, value: its }) => {
        expect(second.failures).toEqual([]);
        expect(its(/found/)).toBeGreaterThan(40);
      });
    }),
);

it('refuses a score that is none', async () => {
  await expect(quickRun(faceDetection, ['--score', '2'], () => undefined)).rejects.toThrow(
    /--score wants a number between 0 and 1/,
  );
});
