/** Whole training runs of recurrent classifiers, followed step by step as PyTorch made them. */
import { cpu } from '@hebb/backend-cpu';
import { compile, init } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Embedding, Linear, Module, crossEntropy, withMode } from '@hebb/nn';
import { Adam, SGD } from '@hebb/train';
import { LSTM } from '../src/index.ts';
import { casesOf, eachCase, expectClose, numbers, toTensor } from './reference.ts';
import type { Case } from './reference.ts';

class Classifier extends Module {
  readonly emb;
  readonly rnn;
  readonly fc;

  constructor({ attrs, params }: Case) {
    super();
    const [embedding, hidden] = [Number(attrs.embedding), Number(attrs.hidden)];
    const bidirectional = attrs.bidirectional === true;
    this.emb = new Embedding(Number(attrs.vocab), embedding);
    this.rnn = new LSTM(embedding, hidden, {
      numLayers: Number(attrs.layers),
      bidirectional,
      batchFirst: true,
    });
    const [classes, width] = params['fc.weight']!.shape as [number, number];
    this.fc = new Linear(width, classes);
  }
  forward(x: Tensor): Tensor {
    const [, [h]] = this.rnn.forward(this.emb.forward(x));
    const { directions } = this.rnn;
    const last = h.narrow(0, h.shape[0]! - directions, directions);
    return this.fc.forward(last.permute([1, 0, 2]).reshape([x.shape[0]!, -1]));
  }
}

async function follow(given: Case): Promise<void> {
  const { attrs, inputs, params, outputs, grads: wanted, tolerance } = given;
  const model = new Classifier(given);
  model.loadStateDict(
    Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, toTensor(value, 'float32')]),
    ),
  );
  const settings = { lr: Number(attrs.lr), weightDecay: Number(attrs.weight_decay) };
  const optimizer =
    attrs.optimizer === 'sgd'
      ? new SGD({ ...settings, momentum: Number(attrs.momentum) })
      : new Adam({ ...settings, betas: attrs.betas as [number, number], eps: Number(attrs.eps) });
  optimizer.attach(model.parameters());
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = crossEntropy(model.forward(x), y);
    return { loss, grads: optimizer.minimize(loss) };
  });
  const [xs, ys] = [toTensor(inputs.x!), toTensor(inputs.y!)];
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

const runs = (await casesOf('training')).filter(
  ({ attrs }) => attrs.model === 'rnn_classifier' && attrs.cell === 'lstm',
);
describe('training runs follow PyTorch', () => {
  beforeAll(async () => {
    await init(cpu());
  });
  eachCase(runs, follow);
});
