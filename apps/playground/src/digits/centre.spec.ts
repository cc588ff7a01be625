import { digits } from '@hebb/data';
import { centred } from './centre.ts';

function bar(
  width: number,
  height: number,
  [left, top, w, h]: readonly [number, number, number, number],
) {
  const ink = new Uint8Array(width * height);
  for (let y = top; y < top + h; y++) ink.fill(255, y * width + left, y * width + left + w);
  return ink;
}

/** First and last row or column with ink. */
function extent(pixels: Float32Array, along: 'x' | 'y'): readonly [number, number] {
  const used = Array.from({ length: 28 }, (_, i) =>
    Array.from({ length: 28 }, (__, k) => pixels[along === 'x' ? k * 28 + i : i * 28 + k]!),
  ).map((line) => line.some((value) => value > 0.05));
  return [used.indexOf(true), used.lastIndexOf(true)];
}

describe('a drawing in the form of MNIST', () => {
  it.each([
    [280, 280, [20, 10, 20, 200]],
    [640, 100, [600, 5, 8, 80]],
    [28, 28, [0, 0, 3, 28]],
  ] as const)('fills 20 rows in the middle, from %s x %s', (width, height, box) => {
    const pixels = centred(bar(width, height, box), width, height)!;
    expect(extent(pixels, 'y')).toEqual([4, 23]);
    const [left, right] = extent(pixels, 'x');
    expect(Math.abs(27 - left - right)).toBeLessThanOrEqual(1);
    expect(Math.max(...pixels)).toBeCloseTo(1, 1);
  });

  it('puts the centre of mass in the middle, and stays inside', () => {
    // A T: heavy above.
    const ink = bar(100, 100, [10, 10, 80, 20]);
    bar(100, 100, [45, 10, 10, 80]).forEach((value, i) => (ink[i] = Math.max(ink[i]!, value)));
    const pixels = centred(ink, 100, 100)!;
    expect(extent(pixels, 'y')[0]).toBeGreaterThan(4);
    expect(extent(pixels, 'y')[1]).toBeLessThanOrEqual(27);
  });

  it('leaves a digit that has the form where it is, to a pixel or two', () => {
    const { image } = digits({ count: 1, seed: 3 }).get(0);
    const bytes = image.data as Uint8Array;
    const pixels = centred(Uint8Array.from(bytes), 28, 28)!;
    const before = extent(
      Float32Array.from(bytes, (v) => v / 255),
      'y',
    );
    const after = extent(pixels, 'y');
    expect(Math.abs(before[0] - after[0])).toBeLessThanOrEqual(2);
    expect(Math.abs(before[1] - after[1])).toBeLessThanOrEqual(2);
  });

  it('says that there is nothing', () => {
    expect(centred(new Uint8Array(100), 10, 10)).toBeUndefined();
    // A single dot is something.
    expect(centred(bar(10, 10, [5, 5, 1, 1]), 10, 10)).toBeDefined();
  });
});
