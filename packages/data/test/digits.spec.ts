import { createHash } from 'node:crypto';
import { digits } from '../src/index.ts';

const pixels = (options: Parameters<typeof digits>[0]) =>
  digits(options).columns.image.data as Uint8Array;

describe('digits', () => {
  it('draws the same pixels for the same seed in every engine', () => {
    const { image, label } = digits({ count: 200, seed: 7 }).columns;
    expect(image.shape).toEqual([200, 1, 28, 28]);
    expect(image.dtype).toBe('uint8');
    const hash = createHash('sha256');
    hash.update(image.data).update(label.data);
    // Pinned: published accuracies refer to these very images.
    expect(hash.digest('hex')).toBe(
      'a8ebdea66a09343b2f91dc6f74e7d03a4cd70025d7068c675c3be8e82e366ebf',
    );
  });

  it('begins a larger set with the images of a smaller one, and differs between seeds', () => {
    const small = pixels({ count: 30, seed: 1 });
    expect(pixels({ count: 55, seed: 1 }).subarray(0, small.length)).toEqual(small);
    expect(pixels({ count: 30, seed: 2 })).not.toEqual(small);
  });

  it('has as many of each digit as of any other, in no fixed order', () => {
    const labels = digits({ count: 1000 }).columns.label.data as Uint8Array;
    const counts = new Array<number>(10).fill(0);
    for (const label of labels) counts[label]! += 1;
    expect(counts).toEqual(new Array(10).fill(100));
    expect([...labels.subarray(0, 10)]).not.toEqual([...labels.subarray(10, 20)]);
  });

  it('draws in the form of MNIST: light ink in the middle of a black field', () => {
    const count = 500;
    const all = pixels({ count, seed: 3 });
    let inked = 0;
    for (let i = 0; i < count; i++) {
      const image = all.subarray(i * 784, (i + 1) * 784);
      let mass = 0;
      let x = 0;
      let y = 0;
      image.forEach((v, at) => {
        mass += v;
        x += v * (at % 28);
        y += v * Math.floor(at / 28);
        if (v > 0) inked++;
      });
      expect(Math.max(...image)).toBeGreaterThan(180);
      expect(Math.abs(x / mass - 13.5)).toBeLessThan(3);
      expect(Math.abs(y / mass - 13.5)).toBeLessThan(3);
      // Corners stay black but for rare specks.
      const corner = [0, 1, 28, 29, 754, 755, 782, 783].filter((at) => (image[at] as number) > 100);
      expect(corner).toEqual([]);
    }
    // MNIST: 19 % of the pixels.
    expect(inked / all.length).toBeGreaterThan(0.14);
    expect(inked / all.length).toBeLessThan(0.24);
  });

  it('makes images that differ from all others, and classes that nearest neighbours tell apart', () => {
    const [known, asked] = [digits({ count: 1000, seed: 1 }), digits({ count: 100, seed: 2 })];
    const k = known.columns.image.data as Uint8Array;
    const a = asked.columns.image.data as Uint8Array;
    const seen = new Set(
      Array.from({ length: 1000 }, (_, i) =>
        Buffer.from(k.subarray(i * 784, (i + 1) * 784)).toString('latin1'),
      ),
    );
    expect(seen.size).toBe(1000);
    let right = 0;
    for (let i = 0; i < asked.length; i++) {
      let best = Infinity;
      let nearest = -1;
      for (let j = 0; j < known.length; j++) {
        let distance = 0;
        for (let p = 0; p < 784 && distance < best; p++) {
          const d = (a[i * 784 + p] as number) - (k[j * 784 + p] as number);
          distance += d * d;
        }
        if (distance < best) [best, nearest] = [distance, j];
      }
      if (known.columns.label.data[nearest] === asked.columns.label.data[i]) right++;
    }
    // Hard enough that pixels alone do not give all of it away, easy enough to be digits.
    expect(right / asked.length).toBeGreaterThan(0.9);
  });

  it('draws other sizes, and refuses options out of range', () => {
    expect(digits({ count: 3, size: 64 }).get(0).image.shape).toEqual([1, 64, 64]);
    expect(digits({ count: 0 }).length).toBe(0);
    expect(() => digits({ count: -1 })).toThrow('digits: the count');
    expect(() => digits({ size: 7 })).toThrow('digits: the size');
    expect(() => digits({ seed: 0.5 })).toThrow('digits: the seed');
  });
});
