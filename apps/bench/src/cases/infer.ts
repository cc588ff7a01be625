/** Inference of one item. */
import { decoder, encoder, gruClassifier, lstmClassifier } from '../models/sequence.ts';
import { leNet, mlp, mobileNetV2, resNet18, uNet } from '../models/vision.ts';
import type { ForwardCase } from './case.ts';

export const infer: readonly ForwardCase[] = [
  {
    family: 'infer',
    name: 'mlp',
    inputs: { x: { shape: [1, 784] } },
    tolerance: 1e-4,
    forward: (l, [x]) => mlp(l, x!),
  },
  {
    family: 'infer',
    name: 'lenet',
    inputs: { image: { shape: [1, 1, 28, 28] } },
    tolerance: 1e-4,
    forward: (l, [x]) => leNet(l, x!),
  },
  {
    family: 'infer',
    name: 'resnet18',
    inputs: { image: { shape: [1, 3, 224, 224] } },
    tolerance: 1e-3,
    forward: (l, [x]) => resNet18(l, x!),
  },
  {
    family: 'infer',
    name: 'mobilenetv2',
    inputs: { image: { shape: [1, 3, 224, 224] } },
    tolerance: 1e-3,
    forward: (l, [x]) => mobileNetV2(l, x!),
  },
  {
    family: 'infer',
    name: 'lstm',
    inputs: { x: { shape: [1, 64, 64] } },
    tolerance: 1e-4,
    forward: (l, [x]) => lstmClassifier(l, x!),
  },
  {
    family: 'infer',
    name: 'gru',
    inputs: { x: { shape: [1, 64, 64] } },
    tolerance: 1e-4,
    forward: (l, [x]) => gruClassifier(l, x!),
  },
  {
    family: 'infer',
    name: 'encoder',
    inputs: { x: { shape: [1, 128, 256] } },
    tolerance: 1e-3,
    forward: (l, [x]) => encoder({ layers: 4, heads: 4, width: 256 })(l, x!),
  },
  {
    family: 'infer',
    name: 'decoder',
    inputs: { tokens: { shape: [1, 128], below: 65 } },
    tolerance: 1e-3,
    forward: (l, [x]) => decoder({ layers: 6, heads: 6, width: 384 }, 65)(l, x!),
  },
  {
    family: 'infer',
    name: 'unet',
    inputs: { image: { shape: [1, 3, 64, 64] } },
    tolerance: 1e-3,
    forward: (l, [x]) => uNet(l, x!),
  },
];
