/** Single operations. */
import type { ForwardCase } from './case.ts';

export const matmul = (n: number): ForwardCase => ({
  family: 'kernels',
  name: `matmul-${n}`,
  inputs: { a: { shape: [n, n] }, b: { shape: [n, n] } },
  tolerance: 1e-5,
  forward: (l, [a, b]) => l.matmul(a!, b!),
});

export const kernels: readonly ForwardCase[] = [
  ...[64, 128, 256, 384, 512, 768, 1024, 1536].map(matmul),
  {
    family: 'kernels',
    name: 'conv-3x3',
    inputs: { x: { shape: [1, 64, 56, 56] } },
    // Winograd's transforms cost some digits.
    tolerance: 1e-4,
    forward: (l, [x]) => l.conv(x!, 'conv', { out: 64, kernel: 3, padding: 1 }),
  },
  {
    family: 'kernels',
    name: 'depthwise-3x3',
    inputs: { x: { shape: [1, 32, 112, 112] } },
    tolerance: 1e-5,
    forward: (l, [x]) => l.conv(x!, 'conv', { out: 32, kernel: 3, padding: 1, groups: 32 }),
  },
  {
    family: 'kernels',
    name: 'softmax',
    inputs: { x: { shape: [512, 1024] } },
    tolerance: 1e-5,
    forward: (l, [x]) => l.softmax(l.scale(x!, 4)),
  },
  {
    family: 'kernels',
    name: 'layer-norm',
    inputs: { x: { shape: [512, 1024] } },
    tolerance: 1e-5,
    forward: (l, [x]) => l.layerNorm(x!, 'norm'),
  },
  {
    family: 'kernels',
    name: 'gelu-chain',
    inputs: { x: { shape: [512, 1024] }, y: { shape: [512, 1024] } },
    tolerance: 1e-5,
    forward: (l, [x, y]) => l.add(l.mul(l.activation(l.add(x!, y!), 'gelu'), y!), l.scale(x!, 0.5)),
  },
];
