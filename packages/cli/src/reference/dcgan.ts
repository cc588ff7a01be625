/** The training run of a generator and a discriminator against each other. */
import { compile, fullLike, realize, stack } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { Computed, attrs as read } from '@hebb/conformance/reference';
import type { ReferenceCase, Tensors } from '@hebb/conformance/reference';
import { BatchNorm2d, Conv2d, ConvTranspose2d } from '@hebb/layers-cnn';
import { Module, binaryCrossEntropyWithLogits, leakyRelu, relu } from '@hebb/nn';
import { finalState, load, optimizerOf } from './run-state.ts';

const { num } = read;
const normOf = ({ attrs }: ReferenceCase, dtype: DType) => ({
  momentum: num(attrs['momentum_bn'] ?? 0.1),
  eps: num(attrs['eps_bn'] ?? 1e-5),
  dtype,
});

class Generator extends Module {
  readonly conv1: ConvTranspose2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: ConvTranspose2d;

  constructor(given: ReferenceCase, dtype: DType) {
    super();
    const [z, inner] = given.params['G.conv1.weight']!.shape as [number, number];
    const out = given.params['G.conv2.weight']!.shape[1]!;
    this.conv1 = new ConvTranspose2d(z, inner, 4, { bias: false, dtype });
    this.bn1 = new BatchNorm2d(inner, normOf(given, dtype));
    this.conv2 = new ConvTranspose2d(inner, out, 4, { stride: 2, padding: 1, dtype });
  }
  forward(z: Tensor): Tensor {
    const x = z.reshape([...z.shape, 1, 1]);
    return this.conv2.forward(relu(this.bn1.forward(this.conv1.forward(x)))).tanh();
  }
}

class Discriminator extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly negativeSlope: number;

  constructor(given: ReferenceCase, dtype: DType) {
    super();
    const [a, input] = given.params['D.conv1.weight']!.shape as [number, number];
    const b = given.params['D.conv2.weight']!.shape[0]!;
    const halve = { stride: 2, padding: 1, dtype };
    this.negativeSlope = num(given.attrs['negative_slope'] ?? 0.2);
    this.conv1 = new Conv2d(input, a, 4, halve);
    this.conv2 = new Conv2d(a, b, 4, { ...halve, bias: false });
    this.bn2 = new BatchNorm2d(b, normOf(given, dtype));
    this.conv3 = new Conv2d(b, 1, 2, { bias: false, dtype });
  }
  forward(x: Tensor): Tensor {
    const leaky = (y: Tensor): Tensor => leakyRelu(y, { negativeSlope: this.negativeSlope });
    const y = leaky(this.conv1.forward(x));
    return this.conv3.forward(leaky(this.bn2.forward(this.conv2.forward(y)))).flatten(0);
  }
}

const ofTheCase = [
  'model',
  'optimizer',
  'lr_d',
  'lr_g',
  'batches',
  'real_label',
  'loss',
  'momentum_bn',
  'eps_bn',
  'negative_slope',
  'generator',
  'discriminator',
];

/** Two optimizers in one compiled step: the discriminator's, then the generator's through the updated one. */
export async function dcgan(
  tensors: Tensors,
  given: ReferenceCase,
  dtype: DType,
): Promise<Computed> {
  const { attrs } = given;
  const [g, d] = [new Generator(given, dtype), new Discriminator(given, dtype)];
  load(g, tensors, given, { prefix: 'G.' });
  load(d, tensors, given, { prefix: 'D.' });
  const optimizerD = optimizerOf(attrs, ofTheCase, 'lr_d').attach(d.parameters());
  const optimizerG = optimizerOf(attrs, ofTheCase, 'lr_g').attach(g.parameters());
  const bce = (score: Tensor, label: number): Tensor =>
    binaryCrossEntropyWithLogits(score, fullLike(score, label));
  const real = num(attrs['real_label'] ?? 1);
  const step = compile((z: Tensor, images: Tensor) => {
    const fake = g.forward(z);
    const lossD = bce(d.forward(images), real).add(bce(d.forward(fake.detach()), 0));
    const gradsD = optimizerD.minimize(lossD);
    const lossG = bce(d.forward(fake), 1);
    return { lossD, lossG, gradsD, gradsG: optimizerG.minimize(lossG) };
  });
  const losses: { readonly d: Tensor[]; readonly g: Tensor[] } = { d: [], g: [] };
  const grads: Record<string, Tensor> = {};
  for (let k = 0; k < num(attrs['batches']); k++) {
    const { lossD, lossG, gradsD, gradsG } = await step(
      tensors['z']!.index(k),
      tensors['real']!.index(k),
    );
    losses.d.push(lossD);
    losses.g.push(lossG);
    if (k > 0) continue;
    [...d.namedParameters().keys()].forEach((name, i) => (grads[`D.${name}`] = gradsD[i]!));
    [...g.namedParameters().keys()].forEach((name, i) => (grads[`G.${name}`] = gradsG[i]!));
  }
  step.dispose();
  const sample = g.eval().forward(tensors['z']!.index(0));
  const score = d.eval().forward(sample);
  await realize(sample, score);
  return new Computed(
    {
      loss_d: stack(losses.d, 0),
      loss_g: stack(losses.g, 0),
      sample,
      score,
      ...(await finalState(g, { prefix: 'G.' })),
      ...(await finalState(d, { prefix: 'D.' })),
    },
    { grads },
  );
}
