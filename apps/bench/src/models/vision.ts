/** The image models. */
import type { ConvOptions, Layers } from './layers.ts';

/** 784-512-256-10. */
export function mlp<T>(l: Layers<T>, x: T): T {
  let y = l.linear(x, 'fc1', { out: 512, activation: 'relu' });
  y = l.linear(y, 'fc2', { out: 256, activation: 'relu' });
  return l.linear(y, 'fc3', { out: 10 });
}

/** After LeCun et al. 1998, with rectifiers and maximum pooling. Shape: [N, 1, 28, 28] -> [N, 10]. */
export function leNet<T>(l: Layers<T>, x: T): T {
  const pool = { kernel: 2, stride: 2 };
  let y = l.conv(x, 'conv1', { out: 6, kernel: 5, padding: 2, activation: 'relu' });
  y = l.conv(l.maxPool(y, pool), 'conv2', { out: 16, kernel: 5, activation: 'relu' });
  y = l.flatten(l.maxPool(y, pool));
  y = l.linear(y, 'fc1', { out: 120, activation: 'relu' });
  y = l.linear(y, 'fc2', { out: 84, activation: 'relu' });
  return l.linear(y, 'fc3', { out: 10 });
}

/** He et al. 2015, arXiv:1512.03385, as in torchvision. Shape: [N, 3, 224, 224] -> [N, 1000]. */
export function resNet18<T>(l: Layers<T>, x: T): T {
  let y = l.convNorm(x, 'stem', { out: 64, kernel: 7, stride: 2, padding: 3, activation: 'relu' });
  y = l.maxPool(y, { kernel: 3, stride: 2, padding: 1 });
  let channels = 64;
  [64, 128, 256, 512].forEach((out, stage) => {
    for (let block = 0; block < 2; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const name = `layer${stage + 1}.${block}`;
      let z = l.convNorm(y, `${name}.a`, {
        out,
        kernel: 3,
        stride,
        padding: 1,
        activation: 'relu',
      });
      z = l.convNorm(z, `${name}.b`, { out, kernel: 3, padding: 1 });
      const straight = stride === 1 && channels === out;
      const skip = straight ? y : l.convNorm(y, `${name}.skip`, { out, kernel: 1, stride });
      y = l.activation(l.add(z, skip), 'relu');
      channels = out;
    }
  });
  return l.linear(l.globalAvgPool(y), 'fc', { out: 1000 });
}

/**
 * He et al. 2015, section 4.2, with one block a stage and normalisation by the batch.
 * Shape: [N, 3, 32, 32] -> [N, 10].
 */
export function resNet8<T>(l: Layers<T>, x: T): T {
  const norm = (y: T, name: string, options: ConvOptions): T =>
    l.batchNorm(l.conv(y, `${name}.conv`, { ...options, bias: false }), `${name}.norm`);
  let y = l.activation(norm(x, 'stem', { out: 16, kernel: 3, padding: 1 }), 'relu');
  [16, 32, 64].forEach((out, stage) => {
    const stride = stage > 0 ? 2 : 1;
    const name = `stage${stage}`;
    let z = norm(y, `${name}.a`, { out, kernel: 3, stride, padding: 1 });
    z = norm(l.activation(z, 'relu'), `${name}.b`, { out, kernel: 3, padding: 1 });
    const skip = stride === 1 ? y : norm(y, `${name}.skip`, { out, kernel: 1, stride });
    y = l.activation(l.add(z, skip), 'relu');
  });
  return l.linear(l.globalAvgPool(y), 'fc', { out: 10 });
}

/** Sandler et al. 2018, arXiv:1801.04381, width 1. Shape: [N, 3, 224, 224] -> [N, 1000]. */
export function mobileNetV2<T>(l: Layers<T>, x: T): T {
  let y = l.convNorm(x, 'stem', { out: 32, kernel: 3, stride: 2, padding: 1, activation: 'relu6' });
  let channels = 32;
  const settings = [
    { expand: 1, out: 16, count: 1, stride: 1 },
    { expand: 6, out: 24, count: 2, stride: 2 },
    { expand: 6, out: 32, count: 3, stride: 2 },
    { expand: 6, out: 64, count: 4, stride: 2 },
    { expand: 6, out: 96, count: 3, stride: 1 },
    { expand: 6, out: 160, count: 3, stride: 2 },
    { expand: 6, out: 320, count: 1, stride: 1 },
  ];
  settings.forEach(({ expand, out, count, stride }, stage) => {
    for (let block = 0; block < count; block++) {
      const name = `block${stage}.${block}`;
      const step = block === 0 ? stride : 1;
      const wide = channels * expand;
      let z = y;
      if (expand > 1) {
        z = l.convNorm(z, `${name}.expand`, { out: wide, kernel: 1, activation: 'relu6' });
      }
      z = l.convNorm(z, `${name}.depthwise`, {
        out: wide,
        kernel: 3,
        stride: step,
        padding: 1,
        groups: wide,
        activation: 'relu6',
      });
      z = l.convNorm(z, `${name}.project`, { out, kernel: 1 });
      y = step === 1 && channels === out ? l.add(z, y) : z;
      channels = out;
    }
  });
  y = l.convNorm(y, 'head', { out: 1280, kernel: 1, activation: 'relu6' });
  return l.linear(l.globalAvgPool(y), 'fc', { out: 1000 });
}

/** Ronneberger et al. 2015, arXiv:1505.04597, small: 32-64-128 channels. Shape: [N, 3, 64, 64] -> [N, 1, 64, 64]. */
export function uNet<T>(l: Layers<T>, x: T): T {
  const double = (y: T, name: string, out: number): T => {
    const options: ConvOptions = { out, kernel: 3, padding: 1, activation: 'relu' };
    return l.convNorm(l.convNorm(y, `${name}.a`, options), `${name}.b`, options);
  };
  const half = (y: T): T => l.maxPool(y, { kernel: 2, stride: 2 });
  const twice = (y: T, name: string, out: number): T =>
    l.convTranspose(y, name, { out, kernel: 2, stride: 2 });

  const down1 = double(x, 'down1', 32);
  const down2 = double(half(down1), 'down2', 64);
  const middle = double(half(down2), 'middle', 128);
  const up2 = double(l.concat(twice(middle, 'grow2', 64), down2), 'up2', 64);
  const up1 = double(l.concat(twice(up2, 'grow1', 32), down1), 'up1', 32);
  return l.conv(up1, 'head', { out: 1, kernel: 1 });
}

/** Radford et al. 2015, arXiv:1511.06434, for 28 × 28. Shape: [N, 100] -> [N, 1, 28, 28]. */
export function generator<T>(l: Layers<T>, z: T): T {
  const up = { kernel: 4, stride: 2, padding: 1 };
  let y = l.image(l.linear(z, 'g.fc', { out: 128 * 49 }), [128, 7, 7]);
  y = l.activation(l.batchNorm(y, 'g.norm1'), 'relu');
  y = l.convTranspose(y, 'g.up1', { ...up, out: 64, bias: false });
  y = l.activation(l.batchNorm(y, 'g.norm2'), 'relu');
  return l.convTranspose(y, 'g.up2', { ...up, out: 1, activation: 'tanh' });
}

/** Shape: [N, 1, 28, 28] -> [N, 1] logits. */
export function discriminator<T>(l: Layers<T>, x: T): T {
  const down = { kernel: 4, stride: 2, padding: 1 };
  let y = l.conv(x, 'd.down1', { ...down, out: 64, activation: 'leakyRelu' });
  y = l.conv(y, 'd.down2', { ...down, out: 128, bias: false });
  y = l.activation(l.batchNorm(y, 'd.norm'), 'leakyRelu');
  return l.linear(l.flatten(y), 'd.fc', { out: 1 });
}
