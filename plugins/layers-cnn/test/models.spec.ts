/**
 * The builders against what is published: parameters, multiply-adds and the names in state dicts. Nothing
 * is computed here: start values of VGG alone would be half a gigabyte.
 */
import type { Shape } from '@hebb/core';
import { summary } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import * as cnn from '../src/index.ts';
import { layouts } from './layouts.ts';

const image = [1, 3, 224, 224];
/** Parameters, and multiply-adds in billions for one image, as torchvision's documentation lists them. */
const published: readonly (readonly [
  name: string,
  make: () => Module,
  parameters: number,
  billions: number,
  input?: Shape,
])[] = [
  ['vgg11', () => cnn.vgg11(), 132_863_336, 7.609],
  ['vgg11_bn', () => cnn.vgg11({ batchNorm: true }), 132_868_840, 7.609],
  ['vgg13', () => cnn.vgg13(), 133_047_848, 11.308],
  ['vgg13_bn', () => cnn.vgg13({ batchNorm: true }), 133_053_736, 11.308],
  ['vgg16', () => cnn.vgg16(), 138_357_544, 15.47],
  ['vgg16_bn', () => cnn.vgg16({ batchNorm: true }), 138_365_992, 15.47],
  ['vgg19', () => cnn.vgg19(), 143_667_240, 19.632],
  ['vgg19_bn', () => cnn.vgg19({ batchNorm: true }), 143_678_248, 19.632],
  ['resnet18', () => cnn.resnet18(), 11_689_512, 1.814],
  ['resnet34', () => cnn.resnet34(), 21_797_672, 3.664],
  ['resnet50', () => cnn.resnet50(), 25_557_032, 4.089],
  ['resnet101', () => cnn.resnet101(), 44_549_160, 7.801],
  ['resnet152', () => cnn.resnet152(), 60_192_808, 11.514],
  ['resnext50_32x4d', () => cnn.resnet50({ groups: 32, widthPerGroup: 4 }), 25_028_904, 4.23],
  ['wide_resnet50_2', () => cnn.resnet50({ widthPerGroup: 128 }), 68_883_240, 11.398],
  ['mobilenet_v2', () => cnn.mobilenetV2(), 3_504_872, 0.301],
  ['mobilenet_v3_small', () => cnn.mobilenetV3Small(), 2_542_856, 0.057],
  ['mobilenet_v3_large', () => cnn.mobilenetV3Large(), 5_483_032, 0.217],
  ['efficientnet_b0', () => cnn.efficientnetB0(), 5_288_548, 0.386],
  [
    'efficientnet_b1',
    () => cnn.efficientnetB0({ depthMult: 1.1 }),
    7_794_184,
    0.687,
    [1, 3, 240, 240],
  ],
];

describe('published sizes', () => {
  it.each(published.map(([name, ...rest]) => [name, rest] as const))('%s', (_, sizes) => {
    const [make, parameters, billions, input = image] = sizes;
    const found = summary(make(), input);
    expect(found.parameters).toBe(parameters);
    expect(found.layers[0]!.outputs).toEqual([[1, 1000]]);
    expect(found.multiplyAdds / 1e9).toBeCloseTo(billions, 3);
  });

  it('LeNet-5 and the small ResNets', () => {
    expect(summary(cnn.lenet(), [1, 1, 28, 28]).parameters).toBe(61_706);
    const counts = [20, 32, 44, 56, 110].map((depth) => {
      const { parameters, layers } = summary(cnn.resnetCifar({ depth }), [1, 3, 32, 32]);
      expect(layers[0]!.outputs).toEqual([[1, 10]]);
      return parameters;
    });
    expect(counts).toEqual([269_722, 464_154, 658_586, 853_018, 1_727_962]);
  });

  it('U-Net, with the shapes of the paper', () => {
    const original = summary(cnn.unet({ padding: 'valid' }), [1, 1, 572, 572]);
    expect(original.parameters).toBe(31_030_658);
    expect(original.layers[0]!.outputs).toEqual([[1, 2, 388, 388]]);
    const shapes = original.layers.filter(({ parent, path }) => parent === '' && /down/.test(path));
    expect(shapes.map(({ outputs }) => outputs[0])).toEqual([
      [1, 64, 568, 568],
      [1, 128, 280, 280],
      [1, 256, 136, 136],
      [1, 512, 64, 64],
      [1, 1024, 28, 28],
    ]);
    const common = summary(cnn.unet({ inChannels: 3, batchNorm: true }), [1, 3, 96, 64]);
    expect(common.parameters).toBe(31_037_698);
    expect(common.layers[0]!.outputs).toEqual([[1, 2, 96, 64]]);
  });
});

describe("names of torchvision's weights", () => {
  const made = new Map(published.map(([name, make]) => [name, make] as const));
  it.each(Object.entries(layouts))('%s', (name, layout) => {
    const own = [...made.get(name)!().namedState()].map(([path]) => path);
    expect([...own].sort()).toEqual([...layout].sort());
  });

  it.each([
    ['resnet18', 122],
    ['resnet50', 320],
    ['vgg16', 32],
    ['mobilenet_v2', 314],
    ['mobilenet_v3_small', 244],
    ['mobilenet_v3_large', 312],
    ['efficientnet_b0', 360],
  ])('%s: %d entries', (name, count) => {
    expect(layouts[name]).toHaveLength(count);
  });

  it('shapes of weights', () => {
    const shapes = (model: Module) =>
      new Map([...model.namedState()].map(([path, { shape }]) => [path, shape.join('x')]));
    const bottleneck = shapes(cnn.resnet50());
    expect(bottleneck.get('layer1.0.conv3.weight')).toBe('256x64x1x1');
    expect(bottleneck.get('layer2.0.downsample.0.weight')).toBe('512x256x1x1');
    expect(bottleneck.get('bn1.num_batches_tracked')).toBe('');
    const mobile = shapes(cnn.mobilenetV3Small());
    expect(mobile.get('features.4.block.2.fc1.weight')).toBe('24x96x1x1');
    expect(mobile.get('classifier.0.weight')).toBe('1024x576');
    const efficient = shapes(cnn.efficientnetB0());
    expect(efficient.get('features.2.0.block.2.fc1.weight')).toBe('4x96x1x1');
    expect(efficient.get('features.3.1.block.1.0.weight')).toBe('240x1x5x5');
  });
});

it('models say what they cannot do', () => {
  expect(() => cnn.resnet18({ groups: 2 })).toThrow('groups and widths are for bottlenecks');
  expect(() => cnn.resnetCifar({ depth: 18 })).toThrow('depth does not fit (got 18');
  expect(() => cnn.lenet({ imageSize: 30 as 28 })).toThrow('imageSize does not fit (got 30');
  expect(() => cnn.unet({ channels: [4] })).toThrow('needs at least two levels');
  expect(() => summary(cnn.unet(), [1, 1, 20, 20])).toThrow(
    'unet: level 3 halves an odd size (got [1,256,5,5] of [1,1,20,20], ' +
      'wanted height and width that halve 4 times (multiples of 16))',
  );
  expect(() => summary(cnn.resnet18(), [1, 1, 32, 32])).toThrow(
    'conv2d at conv1: input has 1 channels, weight wants 3',
  );
});
