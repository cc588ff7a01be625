import {
  MNIST_NORMALIZATION,
  digits,
  encodePng,
  imageToTensorArray,
  invert,
  normalizeImages,
  pngToTensorArray,
  removeAlpha,
  resize,
  toGrayscale,
  toRgb,
  type Image,
} from '../src/index.ts';

const grey = (width: number, height: number, ...data: number[]): Image => ({
  data: Uint8Array.from(data),
  width,
  height,
  channels: 1,
});

describe('colours', () => {
  it('weighs colours by the luma of BT.601', () => {
    const rgb: Image = {
      data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 200, 30),
      width: 5,
      height: 1,
      channels: 3,
    };
    // round(0.299 R + 0.587 G + 0.114 B)
    expect([...toGrayscale(rgb).data]).toEqual([76, 150, 29, 255, 124]);
    expect([...toRgb(grey(2, 1, 7, 9)).data]).toEqual([7, 7, 7, 9, 9, 9]);
  });

  it('lays transparency on white, or on what is asked for', () => {
    const image: Image = {
      data: Uint8Array.of(0, 255, 0, 0, 100, 128),
      width: 3,
      height: 1,
      channels: 2,
    };
    expect([...removeAlpha(image).data]).toEqual([0, 255, 177]);
    expect([...toGrayscale(image, 0).data]).toEqual([0, 0, 50]);
    const rgba: Image = { data: Uint8Array.of(10, 20, 30, 0), width: 1, height: 1, channels: 4 };
    expect([...toRgb(rgba, 9).data]).toEqual([9, 9, 9]);
  });

  it('inverts colours and leaves alpha', () => {
    const image: Image = { data: Uint8Array.of(0, 7, 200, 9), width: 2, height: 1, channels: 2 };
    expect([...invert(image).data]).toEqual([255, 7, 55, 9]);
    expect([...image.data]).toEqual([0, 7, 200, 9]);
  });
});

describe('resize', () => {
  it('averages by area, also at fractions of a pixel', () => {
    expect([...resize(grey(4, 2, 0, 4, 8, 12, 4, 8, 12, 16), 2, 1, 'area').data]).toEqual([4, 12]);
    // 3 to 2: pixel 0 is (30 + 60/2) / 1.5, pixel 1 (60/2 + 90) / 1.5.
    expect([...resize(grey(3, 1, 30, 60, 90), 2, 1).data]).toEqual([40, 80]);
  });

  it('interpolates with half-pixel centres and repeated edges', () => {
    // The values of PyTorch's interpolate(mode="bilinear", align_corners=False).
    expect([...resize(grey(2, 1, 0, 100), 4, 1).data]).toEqual([0, 25, 75, 100]);
    expect([...resize(grey(1, 1, 42), 3, 2).data]).toEqual([42, 42, 42, 42, 42, 42]);
  });

  it('copies the nearest pixel, keeps constants, and keeps channels apart', () => {
    expect([...resize(grey(2, 1, 1, 9), 4, 1, 'nearest').data]).toEqual([1, 1, 9, 9]);
    const flat: Image = {
      data: new Uint8Array(5 * 7 * 3).map((_, i) => [10, 128, 255][i % 3] as number),
      width: 5,
      height: 7,
      channels: 3,
    };
    for (const method of ['area', 'bilinear', 'nearest', undefined] as const) {
      for (const [w, h] of [
        [2, 3],
        [11, 13],
        [5, 1],
        [1, 20],
      ] as const) {
        const out = resize(flat, w, h, method);
        expect([...out.data]).toEqual(Array.from({ length: w * h }, () => [10, 128, 255]).flat());
      }
    }
  });

  it('refuses sizes and methods it does not know', () => {
    for (const size of [0, -1, 1.5, 40000]) {
      expect(() => resize(grey(1, 1, 0), size, 2)).toThrow('from 1 to 32768');
    }
    const unknown = 'cubic' as 'area';
    expect(() => resize(grey(1, 1, 0), 2, 2, unknown)).toThrow('got cubic, wanted bilinear, area');
  });
});

describe('imageToTensorArray', () => {
  it('normalises into [1, C, H, W]', () => {
    const image: Image = {
      data: Uint8Array.of(0, 51, 255, 102, 0, 0),
      width: 2,
      height: 1,
      channels: 3,
    };
    const out = imageToTensorArray(image, { channels: 3, mean: [0, 0.2, 0], std: [1, 1, 2] });
    expect(out.shape).toEqual([1, 3, 1, 2]);
    const want = Float32Array.of(0, 0.4, 0.2 - 0.2, -0.2, 0.5, 0);
    expect([...out.data]).toEqual([...want]);
  });

  it('gives the numbers that training saw: the same bits from a PNG as from the data set', () => {
    const images = digits({ count: 20, seed: 5 });
    for (let i = 0; i < images.length; i++) {
      const { image } = images.get(i);
      const pixels = image.data as Uint8Array;
      const png = encodePng({ data: pixels, width: 28, height: 28, channels: 1 });
      const served = pngToTensorArray(png, { size: 28, ...MNIST_NORMALIZATION });
      expect(served.shape).toEqual([1, 1, 28, 28]);
      expect(served.dtype).toBe('float32');
      expect(served.data).toEqual(normalizeImages(image, MNIST_NORMALIZATION).data);
    }
  });

  it('inverts on request, or when the paper is light', () => {
    const ink = grey(3, 3, 255, 255, 255, 255, 0, 255, 255, 255, 255);
    const dark = imageToTensorArray(invert(ink));
    expect([...imageToTensorArray(ink, { invert: true }).data]).toEqual([...dark.data]);
    expect([...imageToTensorArray(ink, { invert: 'auto' }).data]).toEqual([...dark.data]);
    expect([...imageToTensorArray(invert(ink), { invert: 'auto' }).data]).toEqual([...dark.data]);
    expect(dark.data[4]).toBe(1);
  });

  it('resizes to height and width', () => {
    const out = imageToTensorArray(grey(4, 2, 0, 0, 255, 255, 0, 0, 255, 255), { size: [1, 2] });
    expect(out.shape).toEqual([1, 1, 1, 2]);
    expect([...out.data]).toEqual([0, 1]);
  });

  it('refuses options it cannot use', () => {
    const image = grey(1, 1, 0);
    expect(() => imageToTensorArray(image, { channels: 2 as 1 })).toThrow('neither 1 nor 3');
    expect(() => imageToTensorArray(image, { std: 0 })).toThrow('std is not usable');
    expect(() => imageToTensorArray(image, { mean: [0, 0, 0] })).toThrow('got 3 values, wanted 1');
    expect(() => imageToTensorArray(image, { size: 0 })).toThrow('from 1 to 32768');
    expect(() => imageToTensorArray(image, { invert: 'yes' as 'auto' })).toThrow('invert');
  });
});
