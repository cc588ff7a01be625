/** What graphics processors are compared with, and the same small enough for one that software imitates. */
import { decodeStep, decoder, encoder } from '../models/sequence.ts';
import type { TransformerSizes } from '../models/sequence.ts';
import { leNet, mlp, resNet18 } from '../models/vision.ts';
import { adam } from './case.ts';
import type { Case, Family, ForwardCase, TrainCase } from './case.ts';
import { infer } from './infer.ts';
import { matmul } from './kernels.ts';
import { classifier, languageModel, train } from './train.ts';

type Cases = Readonly<Record<Family, readonly Case[]>>;

/** Operands and result in 16 bits; how the sums are kept is the contender's choice. */
const halfMatmul = (n: number): ForwardCase => ({
  ...matmul(n),
  name: `matmul-f16-${n}`,
  inputs: { a: { shape: [n, n], half: true }, b: { shape: [n, n], half: true } },
  tolerance: 2e-2,
});

const vocabulary = 65;

/** One token more, after `past` others whose keys and values are kept. */
const decode = (name: string, sizes: TransformerSizes, past: number): ForwardCase => ({
  family: 'infer',
  name,
  inputs: { token: { shape: [1, 1], below: vocabulary } },
  tolerance: 1e-3,
  forward: (l, [token]) => decodeStep(sizes, vocabulary, past)(l, token!),
});

const named = <C extends Case>(list: readonly C[], ...names: string[]): C[] =>
  names.map((name) => list.find((c) => c.name === name)!);

const sides = [1024, 2048, 4096, 8192];

/** `decoder` is the prefill of `decode`: the same network over 128 tokens and over the one after 127. */
export const gpuCases: Cases = {
  kernels: [...sides.map(matmul), ...sides.map(halfMatmul)],
  infer: [
    ...named(infer, 'resnet18', 'encoder', 'decoder'),
    decode('decode', { layers: 6, heads: 6, width: 384 }, 127),
  ],
  train: named(train, 'mlp', 'lenet', 'decoder'),
};

const tiny: TransformerSizes = { layers: 2, heads: 2, width: 64 };
const smallSides = [64, 128, 256];

const smallForward: readonly ForwardCase[] = [
  {
    family: 'infer',
    name: 'resnet18-32',
    inputs: { image: { shape: [1, 3, 32, 32] } },
    tolerance: 1e-3,
    forward: (l, [x]) => resNet18(l, x!),
  },
  {
    family: 'infer',
    name: 'encoder-small',
    inputs: { x: { shape: [1, 32, 64] } },
    tolerance: 1e-3,
    forward: (l, [x]) => encoder(tiny)(l, x!),
  },
  {
    family: 'infer',
    name: 'decoder-small',
    inputs: { tokens: { shape: [1, 32], below: vocabulary } },
    tolerance: 1e-3,
    forward: (l, [x]) => decoder(tiny, vocabulary)(l, x!),
  },
  decode('decode-small', tiny, 31),
];
const smallTraining: readonly TrainCase[] = [
  classifier('mlp-small', [16, 784], mlp, adam(1e-3)),
  classifier('lenet-small', [4, 1, 28, 28], leNet, adam(1e-3)),
  languageModel('decoder-small', { batch: 2, time: 16, vocabulary }, tiny),
];

export const smallGpuCases: Cases = {
  kernels: [...smallSides.map(matmul), ...smallSides.map(halfMatmul)],
  infer: smallForward,
  train: smallTraining,
};
