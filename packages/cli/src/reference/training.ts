/** Family `training`: whole runs, followed from the first batch to the last. */
import { compile, realize, stack } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { Computed, SkipCase, attrs as read } from '@hebb/conformance/reference';
import type { CaseTable, ReferenceCase, Tensors } from '@hebb/conformance/reference';
import { BatchNorm2d, Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import {
  GELU,
  Linear,
  Module,
  ReLU,
  Sequential,
  SiLU,
  Sigmoid,
  Tanh,
  crossEntropy,
  relu,
  withMode,
} from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { clipGradNorm } from '@hebb/train';
import { gptName, gptOf } from './attention.ts';
import { dcgan } from './dcgan.ts';
import { RnnClassifier } from './rnn-classifier.ts';
import { finalState, load, optimizerOf } from './run-state.ts';

const { num, text, ints } = read;

const activations = {
  relu: () => new ReLU(),
  tanh: () => new Tanh(),
  sigmoid: () => new Sigmoid(),
  gelu: () => new GELU(),
  silu: () => new SiLU(),
} satisfies Record<string, () => Layer>;
const kinds = ['relu', 'tanh', 'sigmoid', 'gelu', 'silu'] as const;

function mlp({ attrs }: ReferenceCase, dtype: DType): Layer {
  const sizes = ints(attrs['sizes']);
  const layers: [string, Layer][] = [];
  for (let i = 0; i + 1 < sizes.length; i++) {
    if (i > 0) {
      const kind = read.word(attrs['activation'] ?? 'relu', kinds);
      layers.push([`act${i}`, activations[kind]()]);
    }
    layers.push([`fc${i}`, new Linear(sizes[i]!, sizes[i + 1]!, { dtype })]);
  }
  return new Sequential(Object.fromEntries(layers));
}

class Cnn extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly pool = new MaxPool2d(2);
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly fc: Linear;

  constructor({ params, attrs }: ReferenceCase, dtype: DType) {
    super();
    const [a, input] = params['conv1.weight']!.shape as [number, number];
    const b = params['conv2.weight']!.shape[0]!;
    const norm = {
      momentum: num(attrs['momentum_bn'] ?? 0.1),
      eps: num(attrs['eps_bn'] ?? 1e-5),
      dtype,
    };
    const how = { padding: 1, bias: false, dtype };
    this.conv1 = new Conv2d(input, a, 3, how);
    this.bn1 = new BatchNorm2d(a, norm);
    this.conv2 = new Conv2d(a, b, 3, { ...how, groups: num(attrs['conv2_groups'] ?? 1) });
    this.bn2 = new BatchNorm2d(b, norm);
    this.fc = new Linear(b, params['fc.weight']!.shape[0]!, { dtype });
  }
  forward(x: Tensor): Tensor {
    const y = this.pool.forward(relu(this.bn1.forward(this.conv1.forward(x))));
    const z = relu(this.bn2.forward(this.conv2.forward(y)));
    return this.fc.forward(z.mean([2, 3]));
  }
}

const models: Readonly<Record<string, (given: ReferenceCase, dtype: DType) => Layer>> = {
  mlp,
  cnn: (given, dtype) => new Cnn(given, dtype),
  gpt: gptOf,
  rnn_classifier: (given, dtype) => new RnnClassifier(given, dtype),
};

/** The model's names of the case's parameters, where they differ. */
const renames: Readonly<Record<string, (name: string) => string>> = { gpt: gptName };

const ofTheCase = [
  'optimizer',
  'model',
  'architecture',
  'batches',
  'epochs',
  'clip_grad_norm',
  'loss',
  'label_smoothing',
  'running',
  'momentum_bn',
  'eps_bn',
  'conv2_groups',
  'sizes',
  'activation',
  'cell',
  'vocab',
  'embedding',
  'hidden',
  'layers',
  'bidirectional',
  'd_model',
  'heads',
  'd_ff',
  'tied_head',
  'qkv_bias',
  'gelu',
  'ignore_index',
];

/** A model and an optimizer on batches that repeat. */
async function supervised(model: Layer, tensors: Tensors, given: ReferenceCase): Promise<Computed> {
  const { attrs } = given;
  const rename = renames[text(attrs['model'])] ?? ((name: string) => name);
  load(model, tensors, given, { rename });
  const optimizer = optimizerOf(attrs, ofTheCase).attach(model.parameters());
  const limit = read.maybeNum(attrs['clip_grad_norm']);
  const labelSmoothing = num(attrs['label_smoothing'] ?? 0);
  const step = compile((x: Tensor, y: Tensor) => {
    const logits = model.forward(x);
    const rows = logits.reshape([-1, logits.shape.at(-1)!]);
    const loss = crossEntropy(rows, y.reshape([-1]), { labelSmoothing });
    const grads = optimizer.gradients(loss);
    optimizer.step(limit === undefined ? grads : clipGradNorm(grads, limit).grads);
    return { loss, grads };
  });
  const batches = num(attrs['batches']);
  const losses: Tensor[] = [];
  let first: readonly Tensor[] = [];
  for (let k = 0; k < batches * num(attrs['epochs'] ?? 1); k++) {
    const { loss, grads } = await step(
      tensors['x']!.index(k % batches),
      tensors['y']!.index(k % batches),
    );
    losses.push(loss);
    if (k === 0) first = grads;
  }
  step.dispose();
  const evaluated = withMode(model, false, () => model.forward(tensors['x']!.index(0)));
  await realize(evaluated);
  const caseNames = new Map(Object.keys(given.params).map((name) => [rename(name), name]));
  const names = [...model.namedParameters().keys()].map((name) => caseNames.get(name)!);
  const final = await finalState(model, { rename: (name) => caseNames.get(name) ?? name });
  return new Computed(
    { loss: stack(losses, 0), eval_output: evaluated, ...final },
    { grads: Object.fromEntries(names.map((name, i) => [name, first[i]!])) },
  );
}

export const training: CaseTable = {
  training: (tensors, attrs, given, { dtype }) => {
    const name = text(attrs['model']);
    if (name === 'dcgan') return dcgan(tensors, given, dtype);
    const make = models[name];
    if (make === undefined) throw new SkipCase(`model ${name} is not in the table of training`);
    return supervised(make(given, dtype), tensors, given);
  },
};
