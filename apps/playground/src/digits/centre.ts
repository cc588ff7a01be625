/** Brings a drawing into MNIST's form: the digit in a box of 20 × 20, its centre of mass in the middle of 28 × 28. */
import { resize } from '@hebb/data';

const side = 28;
const box = 20;
/** Fainter is paper. */
const faintest = 24;

/**
 * @param ink coverage of each pixel, 0 to 255, row after row.
 * @returns 28 × 28 values from 0 to 1; `undefined` where there is no ink.
 */
export function centred(
  ink: Uint8Array,
  width: number,
  height: number,
): Float32Array<ArrayBuffer> | undefined {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[y * width + x]! < faintest) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  if (right < 0) return undefined;
  const [w, h] = [right - left + 1, bottom - top + 1];
  const crop = new Uint8Array(w * h);
  for (let y = 0; y < h; y++) {
    crop.set(ink.subarray((top + y) * width + left, (top + y) * width + right + 1), y * w);
  }
  const scale = box / Math.max(w, h);
  const small = resize(
    { data: crop, width: w, height: h, channels: 1 },
    Math.max(1, Math.round(w * scale)),
    Math.max(1, Math.round(h * scale)),
  );
  let [mass, massX, massY] = [0, 0, 0];
  small.data.forEach((value, i) => {
    mass += value;
    massX += value * ((i % small.width) + 0.5);
    massY += value * (Math.floor(i / small.width) + 0.5);
  });
  // A shape may be heavy at one end: it still stays inside.
  const place = (sum: number, size: number): number =>
    Math.min(side - size, Math.max(0, Math.round(side / 2 - (mass === 0 ? size / 2 : sum / mass))));
  const x0 = place(massX, small.width);
  const y0 = place(massY, small.height);
  const out = new Float32Array(side * side);
  small.data.forEach((value, i) => {
    const at = (y0 + Math.floor(i / small.width)) * side + x0 + (i % small.width);
    out[at] = value / 255;
  });
  return out;
}
