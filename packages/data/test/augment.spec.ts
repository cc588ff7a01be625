import { readFileSync } from 'node:fs';
import {
  ArrayDataset,
  ConcatDataset,
  Philox,
  Subset,
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  augment,
  autocontrast,
  colorJitter,
  compose,
  cutmix,
  cutout,
  equalize,
  fetchBatch,
  hflip,
  mapBatches,
  mixup,
  ndarray,
  normalizeColumn,
  posterize,
  randAugment,
  randomAffine,
  randomApply,
  randomCrop,
  randomErasing,
  randomGrayscale,
  randomHorizontalFlip,
  randomResizedCrop,
  randomRotation,
  randomVerticalFlip,
  resizePicture,
  solarize,
  vflip,
} from '../src/index.ts';
import type { ImageTransform, Picture } from '../src/index.ts';
import { cropPicture, inverseMatrix, warp } from '../src/augment/geometry.ts';
import type { AffineMap, Interpolation, PaddingMode } from '../src/augment/geometry.ts';
import { beta } from '../src/augment/mix.ts';
import { randAugmentOperations } from '../src/augment/rand-augment.ts';

/** What torchvision 0.14.1 makes of two small pictures; hues as its later versions, which round less. */
const fixture = JSON.parse(
  readFileSync(new URL('fixtures/torchvision.json', import.meta.url), 'utf8'),
) as Record<string, { shape: [number, number, number]; data: string }>;

function wanted(name: string): Picture {
  const { shape, data } = fixture[name]!;
  const [channels, height, width] = shape;
  return { data: new Uint8Array(Buffer.from(data, 'base64')), channels, height, width };
}

/** Sizes agree and no pixel is off by more than `within`; returns how many are off at all. */
function differing(got: Picture, want: Picture, within = 0): number {
  expect([got.channels, got.height, got.width]).toEqual([want.channels, want.height, want.width]);
  const off = Array.from(got.data, (value, i) => Math.abs(value - want.data[i]!));
  expect(Math.max(...off)).toBeLessThanOrEqual(within);
  return off.filter((difference) => difference > 0).length;
}

const input = wanted('input');
const still: AffineMap = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0] };
const turned = (map: Partial<AffineMap>, how: Interpolation, fill: number[] = [0, 0, 0]) =>
  warp(input, inverseMatrix({ ...still, ...map }), how, (c) => fill[c]!);

describe('operations agree with torchvision', () => {
  const exact: [string, () => Picture][] = [
    ['hflip', () => hflip(input)],
    ['vflip', () => vflip(input)],
    ...(['constant', 'edge', 'reflect', 'symmetric'] as PaddingMode[]).map(
      (mode): [string, () => Picture] => [
        `pad ${mode}`,
        () => cropPicture(input, [-3, -2, 12, 17], mode, () => 0),
      ],
    ),
    ['rotate 25 nearest', () => turned({ angle: -25 }, 'nearest', [7, 7, 7])],
    ['rotate 40 center nearest', () => turned({ angle: -40, center: [-3.5, -1] }, 'nearest')],
    [
      'affine nearest',
      () =>
        turned(
          { angle: 15, translate: [2, -1], scale: 1.2, shear: [10, -5] },
          'nearest',
          [9, 8, 7],
        ),
    ],
    ['posterize 3', () => posterize(input, 3)],
    ['solarize 0.5', () => solarize(input, 0.5)],
    ['equalize', () => equalize(wanted('big'))],
    ['grayscale', () => randomGrayscale(1)(input, new Philox(0))],
    ...(
      [
        ['ShearX', 0.27],
        ['ShearY', -0.23],
        ['TranslateX', 3.6],
        ['TranslateY', -2.7],
        ['Rotate', 21],
      ] as const
    ).map(([name, level]): [string, () => Picture] => [
      `ra ${name}`,
      () => randAugmentOperations[name]!.apply(input, level, (_, map) => turned(map, 'nearest')),
    ]),
  ];
  it.each(exact)('%s, bit for bit', (name, run) => {
    expect(differing(run(), wanted(name))).toBe(0);
  });

  // torchvision computes in float32, this in float64: a value on the edge of two bytes may fall to either.
  const close: [string, () => Picture][] = [
    ['rotate 25 bilinear', () => turned({ angle: -25 }, 'bilinear', [7, 7, 7])],
    ['rotate 40 center bilinear', () => turned({ angle: -40, center: [-3.5, -1] }, 'bilinear')],
    [
      'affine bilinear',
      () =>
        turned(
          { angle: 15, translate: [2, -1], scale: 1.2, shear: [10, -5] },
          'bilinear',
          [9, 8, 7],
        ),
    ],
    ['brightness 1.4', () => adjustBrightness(input, 1.4)],
    ['contrast 0.6', () => adjustContrast(input, 0.6)],
    ['saturation 1.7', () => adjustSaturation(input, 1.7)],
    ['hue 0.3', () => adjustHue(input, 0.3)],
    ['hue -0.2', () => adjustHue(input, -0.2)],
    ['sharpness 1.8', () => adjustSharpness(input, 1.8)],
    ['sharpness 0.2', () => adjustSharpness(input, 0.2)],
    [
      'autocontrast',
      () => autocontrast({ ...input, data: (input.data as Uint8Array).map((v) => (v >> 1) + 30) }),
    ],
    ['resize down', () => resizePicture(input, 5, 4)],
    ['resize up', () => resizePicture(input, 13, 20)],
  ];
  it.each(close)('%s, within rounding', (name, run) => {
    const want = wanted(name);
    expect(differing(run(), want, 1)).toBeLessThan(0.05 * want.data.length);
  });

  it('does to floats what it does to bytes', () => {
    const floats = { ...input, data: Float32Array.from(input.data, (value) => value / 255) };
    for (const change of [
      (p: Picture) => adjustContrast(p, 0.6),
      (p: Picture) => adjustHue(p, 0.3),
      (p: Picture) => posterize(p, 3),
      (p: Picture) => solarize(p, 0.4),
      (p: Picture) => adjustSharpness(p, 1.8),
      equalize,
      autocontrast,
    ]) {
      const [a, b] = [change(input), change(floats)];
      a.data.forEach((value, i) => expect(Math.abs(b.data[i]! * 255 - value)).toBeLessThan(1.5));
    }
  });
});

/** Ten thousand draws of a transform on a picture, by what `look` tells of the result. */
function shares<T extends string | number>(
  transform: ImageTransform,
  picture: Picture,
  look: (result: Picture) => T,
  draws = 4000,
): Map<T, number> {
  const counts = new Map<T, number>();
  for (let i = 0; i < draws; i++) {
    const seen = look(transform(picture, new Philox(5, i)));
    counts.set(seen, (counts.get(seen) ?? 0) + 1 / draws);
  }
  return counts;
}
const ramp: Picture = {
  data: Uint8Array.from({ length: 16 }, (_, i) => 10 * i + 1),
  channels: 1,
  height: 4,
  width: 4,
};

describe('transforms', () => {
  it('flip as often as they are told', () => {
    const flips = shares(randomHorizontalFlip(0.3), ramp, ({ data }) => (data[0] === 31 ? 1 : 0));
    expect(flips.get(1)).toBeCloseTo(0.3, 1);
    expect(randomVerticalFlip(1)(ramp, new Philox(0)).data[0]).toBe(121);
    expect(randomHorizontalFlip(0)(ramp, new Philox(0))).toBe(ramp);
    const twice = compose(randomHorizontalFlip(1), randomHorizontalFlip(1));
    expect(twice(ramp, new Philox(0)).data).toEqual(ramp.data);
    const applied = shares(randomApply(vflip), ramp, ({ data }) => data[0]!);
    expect(applied.get(121)).toBeCloseTo(0.5, 1);
  });

  it('crop at every place alike', () => {
    const corners = shares(randomCrop(4, { padding: 1 }), ramp, ({ data }) => data.join());
    expect(corners.size).toBe(9);
    for (const share of corners.values()) expect(Math.abs(share - 1 / 9)).toBeLessThan(0.03);
    expect(randomCrop([2, 3])(ramp, new Philox(1))).toMatchObject({ height: 2, width: 3 });
    expect(() => randomCrop(5)(ramp, new Philox(1))).toThrow(/smaller than the crop \(got 4x4/);
    expect(randomCrop(6, { padIfNeeded: true })(ramp, new Philox(1)).width).toBe(6);
    expect(() =>
      randomCrop(4, { padding: 4, paddingMode: 'reflect' })(ramp, new Philox(1)),
    ).toThrow('reflect cannot do');
    expect(() => randomCrop(2, { padding: -1 })).toThrow('padding is a whole number');
  });

  it('stay within their ranges', () => {
    for (let i = 0; i < 200; i++) {
      const out = randomResizedCrop(3)(ramp, new Philox(2, i));
      expect([out.height, out.width]).toEqual([3, 3]);
      for (const value of out.data) expect(value >= 1 && value <= 151).toBe(true);
    }
    const whole = randomResizedCrop(4, { scale: [1, 1], ratio: [1, 1] })(ramp, new Philox(2));
    expect(whole.data).toEqual(ramp.data);
    // A quarter turn counter-clockwise brings the right column to the top.
    const quarter = randomRotation([90, 90])(ramp, new Philox(0));
    expect([...quarter.data.subarray(0, 4)]).toEqual([31, 71, 111, 151]);
    const moved = shares(randomAffine(0, { translate: [0.5, 0] }), ramp, ({ data }) =>
      data[8] === 0 || data[11] === 0 ? 1 : 0,
    );
    expect(moved.get(1)).toBeGreaterThan(0.5);
    const colour = { ...input };
    const untouched = colorJitter({})(colour, new Philox(0));
    expect(untouched).toBe(colour);
    const bright = shares(
      colorJitter({ brightness: [2, 2] }),
      input,
      (result) => differing(result, adjustBrightness(input, 2)),
      5,
    );
    expect([...bright.keys()]).toEqual([0]);
    expect(() => colorJitter({ hue: 0.6 })).toThrow('hue is out of range');
    expect(() => randomAffine(0, { scale: [0, 1] })).toThrow('scale is no range');
    expect(() => randomRotation([3, 1])).toThrow('degrees is no range');
    expect(() => randomHorizontalFlip(2)).toThrow('p is a probability');
    expect(() => adjustHue({ ...ramp, channels: 4, height: 1 }, 0.1)).toThrow('1 or 3');
  });

  it('erase parts of the size asked for', () => {
    const white: Picture = {
      data: new Uint8Array(1024).fill(255),
      channels: 1,
      height: 32,
      width: 32,
    };
    const area = ({ data }: Picture) => Array.from(data).filter((value) => value === 0).length;
    const erased = shares(randomErasing(), white, (result) => (area(result) > 0 ? 1 : 0));
    expect(erased.get(1)).toBeCloseTo(0.5, 1);
    for (let i = 0; i < 100; i++) {
      const part = area(randomErasing({ p: 1 })(white, new Philox(3, i))) / 1024;
      expect(part > 0.01 && part < 0.36).toBe(true);
      const hole = area(cutout(8)(white, new Philox(3, i)));
      expect(hole >= 16 && hole <= 64).toBe(true);
    }
    const noisy = randomErasing({ p: 1, value: 'random' })(white, new Philox(3));
    expect(new Set(noisy.data).size).toBeGreaterThan(5);
    expect(white.data.every((value) => value === 255)).toBe(true);
    expect(() => cutout(0)).toThrow('length is a positive whole number');
  });

  it('RandAugment uses all operations with the magnitudes of torchvision', () => {
    const at = Object.fromEntries(
      Object.entries(randAugmentOperations).map(([name, { level }]) => [
        name,
        level(9 / 30, { ...input, height: 331, width: 200 }),
      ]),
    );
    // torchvision's own table for size 331 x 200, magnitude 9 of 31 bins.
    const table: Record<string, number> = {
      ShearX: 0.09,
      ShearY: 0.09,
      TranslateX: 27.190332,
      TranslateY: 45,
      Rotate: 9,
      Brightness: 0.27,
      Color: 0.27,
      Contrast: 0.27,
      Sharpness: 0.27,
      Posterize: 7,
      Solarize: 178.5 / 255,
    };
    for (const [name, value] of Object.entries(table)) expect(at[name]).toBeCloseTo(value, 5);
    expect(Object.keys(at)).toHaveLength(14);
    const results = shares(randAugment({ numOps: 1 }), input, ({ data }) => data.join(), 800);
    // Five moves and four colours with two signs each, three more, and the input: by identity, and by
    // equalize, which lets pictures of fewer than 255 pixels be.
    expect(results.size).toBe(22);
    expect(results.get(input.data.join())).toBeGreaterThan(0.04);
    expect(() => randAugment({ magnitude: 31 })).toThrow('magnitude is beyond the bins');
  });
});

const count = 24;
const data = new ArrayDataset({
  image: ndarray(
    Uint8Array.from({ length: count * 3 * 64 }, (_, i) => (i * 7919) % 251),
    [count, 3, 8, 8],
  ),
  label: ndarray(Uint8Array.from({ length: count }, (_, i) => i % 4)),
});
const transforms = [
  randomCrop(8, { padding: 2 }),
  randomHorizontalFlip(),
  colorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 }),
  randAugment(),
  randomErasing(),
];
const all = Array.from({ length: count }, (_, i) => i);

describe('augment', () => {
  const train = augment(data, transforms, { seed: 7 });
  const image = (indices: number[], epoch: number) => train.batch!(indices, epoch).image.data;

  it('gives a sample the same whatever the batch, and another in the next epoch', () => {
    const whole = image(all, 3);
    for (const index of [0, 5, 23]) {
      const alone = whole.slice(index * 192, (index + 1) * 192);
      expect(image([index], 3)).toEqual(alone);
      expect(image([9, index, 2], 3).slice(192, 384)).toEqual(alone);
      expect(image([index], 4)).not.toEqual(alone);
    }
    expect(train.get(5).image.data).toEqual(image([5], 0));
    expect(augment(data, transforms, { seed: 8 }).batch!(all, 3).image.data).not.toEqual(whole);
    expect(train.batch!(all, 3).label.data).toEqual(data.columns.label.data);
  });

  it('hands the epoch on through other data sets', () => {
    const later = image([4, 1], 6);
    const subset = new Subset(train, [1, 4]);
    const joined = new ConcatDataset([data, train]);
    const mapped = mapBatches(train, (batch) => batch);
    expect(subset.batch([1, 0], 6).image.data).toEqual(later);
    expect(joined.batch([count + 4, count + 1], 6).image.data).toEqual(later);
    expect(fetchBatch(mapped, [4, 1], 6).image.data).toEqual(later);
    const ready = mapBatches(train, normalizeColumn('image', { mean: 0.5, std: 0.5 }));
    expect(fetchBatch(ready, [4, 1], 6).image.dtype).toBe('float32');
  });

  it('names what does not fit', () => {
    expect(() => augment(data, [], { column: 'picture' }).get(0)).toThrow('wanted image, label');
    expect(() => augment(data, [], { column: 'label' }).get(0)).toThrow('holds no pictures');
    expect(() => train.get(count)).toThrow('no such sample');
    let calls = 0;
    const uneven = augment(data, (picture) =>
      calls++ === 0 ? picture : cropPicture(picture, [0, 0, 4, 4], 'edge', () => 0),
    );
    expect(() => uneven.batch!([0, 1])).toThrow('the picture of sample 1 has another size');
  });
});

describe('mixup and cutmix', () => {
  it('mix pictures and labels by the same share', () => {
    const mixed = mixup(data, { classes: 4, alpha: 0.4, seed: 1 });
    const { image, label } = mixed.batch!(all, 2) as Record<string, ReturnType<typeof ndarray>>;
    expect([image!.dtype, label!.shape, label!.dtype]).toEqual(['float32', [count, 4], 'float32']);
    let blended = 0;
    for (const row of all) {
      const shares = (label!.data as Float32Array).subarray(4 * row, 4 * row + 4);
      expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      const own = shares[row % 4]!;
      // With the share known, the partner is a picture of the set or the row is of one class.
      if (own > 0.999) continue;
      const values = (image!.data as Float32Array).subarray(192 * row, 192 * row + 192);
      const partner = all.find((k) =>
        values.every((value, i) => {
          const [a, b] = [
            data.columns.image.data[192 * row + i],
            data.columns.image.data[192 * k + i],
          ];
          return Math.abs(own * Number(a) + (1 - own) * Number(b) - value) < 1e-3;
        }),
      );
      expect(partner).toBeDefined();
      expect(shares[partner! % 4]).toBeCloseTo(1 - own, 5);
      blended += 1;
    }
    expect(blended).toBeGreaterThan(10);
    const alone = fetchBatch(mixed, [5], 2)['image']!.data;
    expect(alone).toEqual(image!.data.slice(5 * 192, 6 * 192));
  });

  it('cut and label by area', () => {
    const cut = cutmix(data, { classes: 4, seed: 1 });
    const { image, label } = cut.batch!(all, 0) as Record<string, ReturnType<typeof ndarray>>;
    expect(image!.dtype).toBe('uint8');
    for (const row of all) {
      const own = Number(label!.data[4 * row + (row % 4)]);
      const same = Array.from({ length: 64 }, (_, i) => i).filter(
        (i) => image!.data[192 * row + i] === data.columns.image.data[192 * row + i],
      ).length;
      expect(same / 64).toBeGreaterThanOrEqual(Math.min(own, 1) - 1e-6 - (own > 0.99 ? 1 : 0));
      expect((own * 64) % 1).toBeCloseTo(0, 4);
    }
    // Both of them, one after the other.
    const both = mixup(cut, { classes: 4 }).batch!([3, 4], 1)['label']!;
    expect(both.shape).toEqual([2, 4]);
    expect(mixup(data, { classes: 4, p: 0 }).get(2)['label']!.data).toEqual(
      Float32Array.of(0, 0, 1, 0),
    );
    expect(() => mixup(data, { classes: 3 }).batch!(all)).toThrow('holds no class (got 3');
    expect(() => cutmix(data, { classes: 4, alpha: 0 })).toThrow('alpha is above 0');
  });

  it('draws shares from the Beta distribution', () => {
    for (const alpha of [0.2, 1, 2.5]) {
      const draws = Array.from({ length: 5000 }, (_, i) => beta(alpha, new Philox(9, i)));
      const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
      const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length;
      expect(mean).toBeCloseTo(0.5, 1);
      // The variance of Beta(a, a) is 1 / (4 (2a + 1)).
      expect(variance * 4 * (2 * alpha + 1)).toBeCloseTo(1, 1);
    }
  });
});
