/** Pictures for the detector: from its own test data, or any file, and rectangles drawn on them. */
import { readFile } from 'node:fs/promises';
import { resize } from '@hebb/data';
import type { Image } from '@hebb/data';
import { decodeImage, readBytes } from '@hebb/data/node';
import { decodeTensor } from '@hebb/onnx';
import type { Face } from './detector.ts';

/** A picture of any common format. */
export const readPicture = async (file: string): Promise<Image> =>
  decodeImage(await readBytes(file));

/** The pixels behind a stored network input [1, 3, H, W] of values `(pixel - 127) / 128`. */
export async function pictureOf(file: string): Promise<Image> {
  const { data, shape } = decodeTensor(await readFile(file));
  const [, , height, width] = shape as [number, number, number, number];
  const plane = height * width;
  const pixels = Uint8Array.from({ length: 3 * plane }, (_, i) =>
    Math.round(Number(data[(i % 3) * plane + Math.floor(i / 3)]) * 128 + 127),
  );
  return { data: pixels, width, height, channels: 3 };
}

/** The picture, enlarged where it is small, with a frame around each face: greener where surer. */
export function drawFaces(image: Image, faces: readonly Face[]): Image {
  const scale = Math.max(1, Math.ceil(960 / image.width));
  const [width, height] = [image.width * scale, image.height * scale];
  const drawn = resize(image, width, height);
  const { channels } = drawn;
  const data = Uint8Array.from(drawn.data);
  const clamp = (v: number, high: number): number => Math.min(Math.max(Math.round(v), 0), high - 1);
  for (const { box, score } of faces) {
    const colour = [Math.round(255 * (1 - score)), 255, 0];
    const paint = (x: number, y: number): void => {
      for (let c = 0; c < 3; c++) data[(y * width + x) * channels + c] = colour[c]!;
    };
    for (let inset = 0; inset < 2; inset++) {
      const [x1, x2] = [clamp(box[0] * width + inset, width), clamp(box[2] * width - inset, width)];
      const [y1, y2] = [
        clamp(box[1] * height + inset, height),
        clamp(box[3] * height - inset, height),
      ];
      for (let x = x1; x <= x2; x++) [y1, y2].forEach((y) => paint(x, y));
      for (let y = y1; y <= y2; y++) [x1, x2].forEach((x) => paint(x, y));
    }
  }
  return { data, width, height, channels };
}
