import { Philox, imageToTensorArray, tensorArrayToImage } from '../src/index.ts';

describe('tensorArrayToImage', () => {
  it('is the way back of imageToTensorArray', () => {
    const data = Uint8Array.from({ length: 24 }, (_, i) => (i * 11) % 256);
    const image = { data, width: 4, height: 2, channels: 3 } as const;
    const mean = [0.5, 0.5, 0.5];
    const tensor = imageToTensorArray(image, { channels: 3, mean, std: mean });
    expect(tensorArrayToImage(tensor, { low: -1 })).toEqual(image);
  });
  it('cuts off what is beyond black and white', () => {
    const { data } = tensorArrayToImage({ shape: [1, 1, 4], data: [-3, 0, 0.5, 9] });
    expect([...data]).toEqual([0, 0, 128, 255]);
  });
  it('refuses what is no image', () => {
    expect(() => tensorArrayToImage({ shape: [2, 1, 1, 1], data: [0, 0] })).toThrow(
      'not one image',
    );
    expect(() => tensorArrayToImage({ shape: [2, 1, 1], data: [0, 0] })).toThrow('not one image');
    expect(() => tensorArrayToImage({ shape: [1, 1, 1], data: [NaN] })).toThrow('no number');
    expect(() => tensorArrayToImage({ shape: [1, 1, 1], data: [0] }, { low: 1 })).toThrow('black');
  });
});

it('bells are the same numbers, one by one or together, of mean 0 and deviation 1', () => {
  const [one, together] = [new Philox(7, 3), new Philox(7, 3).bells(4000)];
  expect([...together.slice(0, 50)]).toEqual(
    Array.from({ length: 50 }, () => Math.fround(one.bell())),
  );
  const mean = together.reduce((sum, x) => sum + x / 4000, 0);
  const deviation = Math.sqrt(together.reduce((sum, x) => sum + (x - mean) ** 2 / 4000, 0));
  expect(Math.abs(mean)).toBeLessThan(0.06);
  expect(Math.abs(deviation - 1)).toBeLessThan(0.05);
});
