/** A detector from another framework finds the faces in a picture. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { encodePng, imageToTensorArray } from '@hebb/data';
import { decodeTensor } from '@hebb/onnx';
import { importOnnxFile } from '@hebb/onnx/node';
import { dataPath } from '../common/data.ts';
import type { Example, Run } from '../common/example.ts';
import { between } from '../common/options.ts';
import { ship } from '../common/ship.ts';
import { facesOf, match } from './detector.ts';
import type { DetectOptions, Face } from './detector.ts';
import { drawFaces, pictureOf, readPicture } from './picture.ts';

const source = 'https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB';

const numbers = async (file: string): Promise<number[]> =>
  Array.from(decodeTensor(await readFile(file)).data as ArrayLike<number>);

async function find(run: Run): Promise<void> {
  const { score, overlap, picture: own } = run.options.own;
  const options: DetectOptions = {
    least: between('score', score, 0, 1),
    overlap: between('overlap', overlap, 0, 1),
  };
  const file = dataPath('models/ultraface-slim-320/model.onnx', source);
  const stored = join(dirname(file), 'test_data_set_0');
  const image =
    typeof own === 'string' ? await readPicture(own) : await pictureOf(join(stored, 'input_0.pb'));

  const model = await importOnnxFile<Tensor>(file);
  // As the network was trained: (pixel - 127) / 128 of a picture of 320 x 240.
  const input = imageToTensorArray(image, {
    size: [240, 320],
    channels: 3,
    mean: [127 / 255, 127 / 255, 127 / 255],
    std: [128 / 255, 128 / 255, 128 / 255],
  });
  const x = tensor(input.data, { shape: input.shape });
  const detect = async (): Promise<Face[]> => {
    const { scores, boxes } = await model.run({ input: x });
    return facesOf(
      (await scores!.data()) as Float32Array,
      (await boxes!.data()) as Float32Array,
      options,
    );
  };
  const faces = await detect();
  const times: number[] = [];
  for (let i = 0; i < (run.options.quick ? 5 : 50); i++) {
    const started = performance.now();
    await detect();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  run.say(`${image.width} x ${image.height} pixels, ${model.producer}: ${faces.length} faces`);
  run.table(
    ['surest faces', 'score', 'left', 'top', 'width', 'height'],
    faces.slice(0, 8).map(({ box: [x1, y1, x2, y2], score }, i) => {
      const [w, h] = [image.width, image.height];
      const pixels = [x1 * w, y1 * h, (x2 - x1) * w, (y2 - y1) * h].map((v) => Math.round(v));
      return [String(i + 1), score.toFixed(3), ...pixels];
    }),
  );
  const name = typeof own === 'string' ? basename(own).replace(/\.\w+$/, '') : 'group';
  await run.write(`${name}-faces.png`, encodePng(drawFaces(image, faces)));
  run.measure({ what: 'faces found', value: faces.length, digits: 0, atLeast: 1 });
  run.measure({
    what: 'time for a picture, median',
    value: times[times.length >> 1]!,
    unit: 'ms',
    digits: 1,
  });

  if (own === undefined) {
    const wanted = facesOf(
      await numbers(join(stored, 'output_0.pb')),
      await numbers(join(stored, 'output_1.pb')),
      options,
    );
    const overlaps = match(wanted, faces);
    run.measure({
      what: 'overlap with the reference boxes (IoU), mean',
      value: overlaps.reduce((sum, v) => sum + v, 0) / wanted.length,
      digits: 4,
      atLeast: 0.99,
    });
    run.measure({
      what: 'faces more or fewer than in the reference',
      value: Math.abs(faces.length - wanted.length),
      digits: 0,
      atMost: 0,
    });
  }
  await ship(run, {
    name: 'faces',
    model,
    input: { input: [1, 3, 240, 320] },
    output: ['scores', 'boxes'],
    cases: [{ input: x }],
  });
}

export const faceDetection: Example = {
  name: 'face-detection',
  summary: 'Finds faces with an imported detector and draws them',
  options: {
    picture: { type: 'string', help: 'PNG, JPEG, WebP, TIFF or BMP file (default a test picture)' },
    score: { type: 'string', default: '0.7', help: 'least score of a face (default 0.7)' },
    overlap: { type: 'string', default: '0.3', help: 'same face from this IoU on (default 0.3)' },
  },
  run: find,
};
