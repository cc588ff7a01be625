/**
 * Names in the state dicts of torchvision's published weights, written in braces: `{1-3}` counts, `{a,b}`
 * lists, `BN` stands for what a batch normalisation holds.
 */
const bn = '{weight,bias,running_mean,running_var,num_batches_tracked}';

function expand(pattern: string): string[] {
  const found = /\{([^{}]*)\}/.exec(pattern);
  if (found === null) return [pattern];
  const range = /^(\d+)-(\d+)$/.exec(found[1]!);
  const choices =
    range === null
      ? found[1]!.split(',')
      : Array.from({ length: Number(range[2]) - Number(range[1]) + 1 }, (_, i) =>
          String(Number(range[1]) + i),
        );
  return choices.flatMap((choice) => expand(pattern.replace(found[0], choice)));
}
const names = (...patterns: readonly string[]): string[] =>
  patterns.flatMap((pattern) => expand(pattern.replaceAll('BN', bn)));

/** Expansion or projection, with its normalisation. */
const conv = (path: string): string[] => [`${path}.0.weight`, `${path}.1.BN`];
const squeeze = (path: string): string => `${path}.{fc1,fc2}.{weight,bias}`;

const residual = (counts: readonly number[], convolutions: number, shortcuts: string): string[] =>
  names(
    'conv1.weight',
    'bn1.BN',
    ...counts.flatMap((count, i) => [
      `layer${i + 1}.{0-${count - 1}}.conv{1-${convolutions}}.weight`,
      `layer${i + 1}.{0-${count - 1}}.bn{1-${convolutions}}.BN`,
    ]),
    `layer${shortcuts}.0.downsample.0.weight`,
    `layer${shortcuts}.0.downsample.1.BN`,
    'fc.{weight,bias}',
  );

export const layouts: Readonly<Record<string, readonly string[]>> = {
  resnet18: residual([2, 2, 2, 2], 2, '{2-4}'),
  resnet34: residual([3, 4, 6, 3], 2, '{2-4}'),
  resnet50: residual([3, 4, 6, 3], 3, '{1-4}'),
  resnet101: residual([3, 4, 23, 3], 3, '{1-4}'),
  resnet152: residual([3, 8, 36, 3], 3, '{1-4}'),
  vgg11: names('features.{0,3,6,8,11,13,16,18}.{weight,bias}', 'classifier.{0,3,6}.{weight,bias}'),
  vgg13: names(
    'features.{0,2,5,7,10,12,15,17,20,22}.{weight,bias}',
    'classifier.{0,3,6}.{weight,bias}',
  ),
  vgg16: names(
    'features.{0,2,5,7,10,12,14,17,19,21,24,26,28}.{weight,bias}',
    'classifier.{0,3,6}.{weight,bias}',
  ),
  vgg19: names(
    'features.{0,2,5,7,10,12,14,16,19,21,23,25,28,30,32,34}.{weight,bias}',
    'classifier.{0,3,6}.{weight,bias}',
  ),
  vgg16_bn: names(
    'features.{0,3,7,10,14,17,20,24,27,30,34,37,40}.{weight,bias}',
    'features.{1,4,8,11,15,18,21,25,28,31,35,38,41}.BN',
    'classifier.{0,3,6}.{weight,bias}',
  ),
  mobilenet_v2: names(
    ...conv('features.{0,18}'),
    ...conv('features.1.conv.0'),
    'features.1.conv.1.weight',
    'features.1.conv.2.BN',
    ...conv('features.{2-17}.conv.{0,1}'),
    'features.{2-17}.conv.2.weight',
    'features.{2-17}.conv.3.BN',
    'classifier.1.{weight,bias}',
  ),
  mobilenet_v3_small: names(
    ...conv('features.{0,12}'),
    ...conv('features.1.block.{0,2}'),
    squeeze('features.1.block.1'),
    ...conv('features.{2,3}.block.{0-2}'),
    ...conv('features.{4-11}.block.{0,1,3}'),
    squeeze('features.{4-11}.block.2'),
    'classifier.{0,3}.{weight,bias}',
  ),
  mobilenet_v3_large: names(
    ...conv('features.{0,16}'),
    ...conv('features.1.block.{0,1}'),
    ...conv('features.{2,3,7,8,9,10}.block.{0-2}'),
    ...conv('features.{4,5,6,11,12,13,14,15}.block.{0,1,3}'),
    squeeze('features.{4,5,6,11,12,13,14,15}.block.2'),
    'classifier.{0,3}.{weight,bias}',
  ),
  efficientnet_b0: names(
    ...conv('features.{0,8}'),
    ...conv('features.1.0.block.{0,2}'),
    squeeze('features.1.0.block.1'),
    ...[2, 2, 3, 3, 4, 1].flatMap((count, i) => [
      ...conv(`features.${i + 2}.{0-${count - 1}}.block.{0,1,3}`),
      squeeze(`features.${i + 2}.{0-${count - 1}}.block.2`),
    ]),
    'classifier.1.{weight,bias}',
  ),
};
