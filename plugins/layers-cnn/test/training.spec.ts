/** Whole training runs of convolutional networks, followed step by step. */
import { compile, fullLike, init } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import {
  Linear,
  Module,
  ReLU,
  Sequential,
  Tanh,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  withMode,
} from '@hebb/nn';
import { leakyRelu, relu } from '@hebb/ops';
import { Adam, SGD } from '@hebb/train';
import { BatchNorm2d, Conv2d, ConvTranspose2d, MaxPool2d } from '../src/index.ts';
import { casesOf, eachCase, expectClose, numbers, toTensor } from './reference.ts';
import type { Case } from './reference.ts';

beforeAll(async () => {
  await init(cpu());
});

class Cnn extends Module {
  readonly conv1;
  readonly bn1;
  readonly pool = new MaxPool2d(2);
  readonly conv2;
  readonly bn2;
  readonly fc;

  constructor({ params, attrs }: Case) {
    super();
    const groups = Number(attrs.conv2_groups);
    const [a, input] = params['conv1.weight']!.shape as [number, number];
    const b = params['conv2.weight']!.shape[0]!;
    this.conv1 = new Conv2d(input, a, 3, { padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(a);
    this.conv2 = new Conv2d(a, b, 3, { padding: 1, bias: false, groups });
    this.bn2 = new BatchNorm2d(b);
    this.fc = new Linear(b, params['fc.weight']!.shape[0]!);
  }
  forward(x: Tensor): Tensor {
    const y = this.pool.forward(relu(this.bn1.forward(this.conv1.forward(x))));
    const z = relu(this.bn2.forward(this.conv2.forward(y)));
    return this.fc.forward(z.mean([2, 3]));
  }
}

function mlp({ attrs }: Case): Sequential {
  const { sizes, activation } = attrs as { sizes: number[]; activation: string };
  const layers: [string, Linear | ReLU | Tanh][] = [];
  for (let i = 0; i + 1 < sizes.length; i++) {
    if (i > 0) layers.push([`act${i}`, activation === 'tanh' ? new Tanh() : new ReLU()]);
    layers.push([`fc${i}`, new Linear(sizes[i]!, sizes[i + 1]!)]);
  }
  return new Sequential(Object.fromEntries(layers));
}

const leaky = (x: Tensor): Tensor => leakyRelu(x, { negativeSlope: 0.2 });

class Generator extends Module {
  readonly conv1;
  readonly bn1;
  readonly conv2;

  constructor({ params }: Case) {
    super();
    const [z, inner] = params['G.conv1.weight']!.shape as [number, number];
    const out = params['G.conv2.weight']!.shape[1]!;
    this.conv1 = new ConvTranspose2d(z, inner, 4, { bias: false });
    this.bn1 = new BatchNorm2d(inner);
    this.conv2 = new ConvTranspose2d(inner, out, 4, { stride: 2, padding: 1 });
  }
  forward(z: Tensor): Tensor {
    const x = z.reshape([...z.shape, 1, 1]);
    return this.conv2.forward(relu(this.bn1.forward(this.conv1.forward(x)))).tanh();
  }
}

class Discriminator extends Module {
  readonly conv1;
  readonly conv2;
  readonly bn2;
  readonly conv3;

  constructor({ params }: Case) {
    super();
    const [a, input] = params['D.conv1.weight']!.shape as [number, number];
    const b = params['D.conv2.weight']!.shape[0]!;
    this.conv1 = new Conv2d(input, a, 4, { stride: 2, padding: 1 });
    this.conv2 = new Conv2d(a, b, 4, { stride: 2, padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(b);
    this.conv3 = new Conv2d(b, 1, 2, { bias: false });
  }
  forward(x: Tensor): Tensor {
    const y = leaky(this.conv1.forward(x));
    return this.conv3.forward(leaky(this.bn2.forward(this.conv2.forward(y)))).flatten(0);
  }
}

const models = {
  cnn: (given: Case) => new Cnn(given),
  mlp: (given: Case) => mlp(given),
};

async function follow(given: Case): Promise<void> {
  const { attrs, inputs, params, outputs, grads: wanted, tolerance } = given;
  const model = models[attrs.model as keyof typeof models](given);
  model.loadStateDict(
    Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, toTensor(value, 'float32')]),
    ),
    { strict: false },
  );
  const settings = {
    lr: Number(attrs.lr),
    weightDecay: Number(attrs.weight_decay),
  };
  const optimizer =
    attrs.optimizer === 'sgd'
      ? new SGD({ ...settings, momentum: Number(attrs.momentum) })
      : new Adam({ ...settings, betas: attrs.betas as [number, number], eps: Number(attrs.eps) });
  optimizer.attach(model.parameters());
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = crossEntropy(model.forward(x), y);
    return { loss, grads: optimizer.minimize(loss) };
  });
  const [xs, ys] = [toTensor(inputs.x!, 'float32'), toTensor(inputs.y!, 'float32')];
  const losses: number[] = [];
  for (let k = 0; k < Number(attrs.batches) * Number(attrs.epochs); k++) {
    const batch = k % Number(attrs.batches);
    const { loss, grads } = await step(xs.index(batch), ys.index(batch));
    losses.push(await loss.item());
    if (k > 0) continue;
    for (const [i, name] of [...model.namedParameters().keys()].entries()) {
      const got = (await grads[i]!.data()) as Float32Array;
      expectClose(got, numbers(wanted[name]!), tolerance, `gradient of ${name}`);
    }
  }
  expectClose(losses, numbers(outputs.loss!), tolerance, 'loss');
  const state = await model.stateDict();
  for (const [name, value] of Object.entries(outputs)) {
    if (!name.startsWith('final.')) continue;
    const got = (await state[name.slice('final.'.length)]!.data()) as Float32Array;
    expectClose(got, numbers(value), tolerance, name);
  }
  const evaluated = withMode(model, false, () => model.forward(xs.index(0)));
  expectClose((await evaluated.data()) as Float32Array, numbers(outputs.eval_output!), tolerance);
}

/** Generator and discriminator against each other: two optimizers in one compiled step. */
async function followGan(given: Case): Promise<void> {
  const { attrs, inputs, params, outputs, grads: wanted, tolerance } = given;
  const [g, d] = [new Generator(given), new Discriminator(given)];
  for (const [prefix, model] of [
    ['G.', g],
    ['D.', d],
  ] as const) {
    const own = Object.entries(params).filter(([name]) => name.startsWith(prefix));
    model.loadStateDict(
      Object.fromEntries(
        own.map(([name, value]) => [name.slice(prefix.length), toTensor(value, 'float32')]),
      ),
      { strict: false },
    );
  }
  const make = (lr: number) =>
    attrs.optimizer === 'sgd'
      ? new SGD({ lr, momentum: Number(attrs.momentum) })
      : new Adam({ lr, betas: attrs.betas as [number, number], eps: Number(attrs.eps) });
  const optimizerD = make(Number(attrs.lr_d)).attach(d.parameters());
  const optimizerG = make(Number(attrs.lr_g)).attach(g.parameters());
  const bce = (score: Tensor, label: number): Tensor =>
    binaryCrossEntropyWithLogits(score, fullLike(score, label));
  const step = compile((z: Tensor, real: Tensor) => {
    const fake = g.forward(z);
    const lossD = bce(d.forward(real), Number(attrs.real_label)).add(
      bce(d.forward(fake.detach()), 0),
    );
    const gradsD = optimizerD.minimize(lossD);
    const lossG = bce(d.forward(fake), 1);
    return { lossD, lossG, gradsD, gradsG: optimizerG.minimize(lossG) };
  });
  const [zs, reals] = [toTensor(inputs.z!, 'float32'), toTensor(inputs.real!, 'float32')];
  const losses: { d: number[]; g: number[] } = { d: [], g: [] };
  for (let k = 0; k < Number(attrs.batches); k++) {
    const { lossD, lossG, gradsD, gradsG } = await step(zs.index(k), reals.index(k));
    losses.d.push(await lossD.item());
    losses.g.push(await lossG.item());
    if (k > 0) continue;
    const named = [
      ...[...d.namedParameters().keys()].map((name, i) => [`D.${name}`, gradsD[i]!] as const),
      ...[...g.namedParameters().keys()].map((name, i) => [`G.${name}`, gradsG[i]!] as const),
    ];
    for (const [name, grad] of named) {
      const got = (await grad.data()) as Float32Array;
      expectClose(got, numbers(wanted[name]!), tolerance, `gradient of ${name}`);
    }
  }
  expectClose(losses.d, numbers(outputs.loss_d!), tolerance, 'loss of D');
  expectClose(losses.g, numbers(outputs.loss_g!), tolerance, 'loss of G');
  const state: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(await g.stateDict())) state[`G.${name}`] = value;
  for (const [name, value] of Object.entries(await d.stateDict())) state[`D.${name}`] = value;
  for (const [name, value] of Object.entries(outputs)) {
    if (!name.startsWith('final.')) continue;
    const got = (await state[name.slice('final.'.length)]!.data()) as Float32Array;
    expectClose(got, numbers(value), tolerance, name);
  }
  const sample = g.eval().forward(zs.index(0));
  const score = d.eval().forward(sample);
  expectClose((await sample.data()) as Float32Array, numbers(outputs.sample!), tolerance, 'sample');
  expectClose((await score.data()) as Float32Array, numbers(outputs.score!), tolerance, 'score');
}

const runs = await casesOf('training');
describe('training runs follow PyTorch', () => {
  eachCase(
    runs.filter(({ attrs }) => attrs.model === 'dcgan'),
    followGan,
  );
  eachCase(
    runs.filter(({ attrs }) => String(attrs.model) in models),
    follow,
  );
});
