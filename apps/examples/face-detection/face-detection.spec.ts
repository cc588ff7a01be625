import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodePng, encodePng } from '@hebb/data';
import { writeBytes } from '@hebb/data/node';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
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
  'finds the faces that the reference found, and takes a file of its own',
  async () => {
    const out = await mkdtemp(join(tmpdir(), 'hebb-faces-'));
    try {
      const run = (...args: string[]) =>
        execute(
          faceDetection,
          parseOptions(['--quick', '--no-worker', ...args], faceDetection.options)!,
          () => undefined,
          out,
        );
      const result = await run();
      expect(result.failures).toEqual([]);
      const value = (what: RegExp): number =>
        result.measures.find((measure) => what.test(measure.what))!.value;
      expect(value(/found/)).toBe(47);
      expect(value(/IoU/)).toBeGreaterThan(0.999);
      const drawn = decodePng(await readFile(join(out, 'group-faces.png')));
      expect([drawn.width, drawn.height]).toEqual([960, 720]);

      // The drawn picture is a picture too: larger, with frames around the faces.
      const file = join(out, 'again.png');
      await writeBytes(file, encodePng(drawn));
      expect((await run('--picture', file)).failures).toEqual([]);
      await expect(run('--score', '2')).rejects.toThrow(/--score wants a number between 0 and 1/);
    } finally {
      await rm(out, { recursive: true });
    }
  },
  60_000,
);
