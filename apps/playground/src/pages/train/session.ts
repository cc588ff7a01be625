/** One network in training: steps, tests, what it looks like inside, and its state to go on from. */
import { compile, manualSeed, scope, stack, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { permutation } from '@hebb/data';
import { Softmax, Sequential, crossEntropy } from '@hebb/nn';
import { AdamW, Muon, SGD, decodeTensors, encodeTensors } from '@hebb/train';
import type { Optimizer, OptimizerOptions } from '@hebb/train';
import type { DigitSet, DigitSets } from '../../digits/data.ts';
import type { Architecture } from '../../digits/names.ts';
import { DigitNet } from '../../digits/net.ts';
import { mapsOf, softmax, weightMaps } from '../../digits/views.ts';
import type { Maps } from '../../digits/views.ts';

export const optimizers = ['adamw', 'momentum', 'sgd', 'muon'] as const;
export type OptimizerName = (typeof optimizers)[number];

export interface Settings {
  readonly architecture: Architecture;
  readonly optimizer: OptimizerName;
  readonly lr: number;
  readonly batchSize: number;
  readonly seed: number;
}

/** Everything to go on from; made now and then, and kept by the page. */
export interface Snapshot {
  readonly settings: Settings;
  readonly step: number;
  readonly weights: Uint8Array;
  readonly optimizer: Uint8Array;
}

export interface Burst {
  readonly step: number;
  /** Passes over the training images so far. */
  readonly epochs: number;
  /** Means over the steps of the burst. */
  readonly loss: number;
  readonly accuracy: number;
}

export interface TestResult {
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number;
}

export interface View {
  readonly weights: Maps;
  readonly layers: readonly Maps[];
  /** Images not trained on, with what the network says about them. */
  readonly samples: Maps;
  readonly wanted: readonly number[];
  readonly given: readonly number[];
  readonly confidence: readonly number[];
}

/** Test images in one call, and how many of them are looked at. */
const testBatch = 250;
const mostTests = 1000;
const sampleCount = 24;

const optimizerOf: Readonly<Record<OptimizerName, (lr: number) => Optimizer<OptimizerOptions>>> = {
  adamw: (lr) => new AdamW({ lr }),
  momentum: (lr) => new SGD({ lr, momentum: 0.9 }),
  sgd: (lr) => new SGD({ lr }),
  muon: (lr) => new Muon({ lr }),
};

/** Loss and share of right answers, [2]. */
function judge(net: DigitNet, x: Tensor, y: Tensor): { loss: Tensor; both: Tensor } {
  const output = net.forward(x);
  const loss = crossEntropy(output, y);
  const hits = output.argmax(1).to('int32').eq(y).to('float32').mean();
  return { loss, both: stack([loss, hits], 0) };
}

export class Session {
  readonly net: DigitNet;
  readonly settings: Settings;
  readonly #data: DigitSets;
  readonly #optimizer: Optimizer<OptimizerOptions>;
  readonly #step: (x: Tensor, y: Tensor) => Tensor | Promise<Tensor>;
  readonly #test: (x: Tensor, y: Tensor) => Tensor | Promise<Tensor>;
  readonly #look: (x: Tensor) => Tensor[] | Promise<Tensor[]>;
  readonly #read: (x: Tensor) => Tensor | Promise<Tensor>;
  #steps = 0;
  #order: Uint32Array | undefined;
  #orderOf = -1;

  constructor(settings: Settings, data: DigitSets) {
    manualSeed(settings.seed);
    this.settings = settings;
    this.#data = data;
    const net = (this.net = new DigitNet(settings.architecture));
    const optimizer = (this.#optimizer = optimizerOf[settings.optimizer](settings.lr));
    optimizer.attach(net.parameters());
    this.#step = compile(
      (x: Tensor, y: Tensor) => {
        const { loss, both } = judge(net, x, y);
        optimizer.minimize(loss);
        return both;
      },
      { name: 'train' },
    );
    this.#test = compile((x: Tensor, y: Tensor) => judge(net, x, y).both, { name: 'test' });
    this.#look = compile((x: Tensor) => net.activations(x), { name: 'look' });
    this.#read = compile((x: Tensor) => net.forward(x), { name: 'read' });
  }

  get steps(): number {
    return this.#steps;
  }

  set lr(value: number) {
    this.#optimizer.lr = value;
  }

  /** So many steps without a look in between. */
  burst(count: number): Promise<Burst> {
    return scope(async () => {
      const results: Tensor[] = [];
      for (let i = 0; i < count; i++) results.push(await this.#step(...this.#batch()));
      let loss = 0;
      let accuracy = 0;
      for (const result of results) {
        const [l = NaN, a = NaN] = await result.data();
        loss += Number(l) / count;
        accuracy += Number(a) / count;
      }
      const epochs = (this.#steps * this.settings.batchSize) / this.#data.train.count;
      return { step: this.#steps, epochs, loss, accuracy };
    });
  }

  /** The next batch: every epoch in an order of its own. */
  #batch(): [Tensor, Tensor] {
    const { train } = this.#data;
    const { batchSize, seed } = this.settings;
    const perEpoch = Math.max(1, Math.floor(train.count / batchSize));
    const epoch = Math.floor(this.#steps / perEpoch);
    if (this.#order === undefined || this.#orderOf !== epoch) {
      this.#order = permutation(train.count, seed, epoch);
      this.#orderOf = epoch;
    }
    const start = (this.#steps % perEpoch) * batchSize;
    this.#steps += 1;
    return batchOf(train, this.#order.subarray(start, start + batchSize));
  }

  test(): Promise<TestResult> {
    return scope(async () => {
      const { test } = this.#data;
      const count = Math.min(mostTests, test.count);
      let loss = 0;
      let accuracy = 0;
      for (let at = 0; at < count; at += testBatch) {
        const size = Math.min(testBatch, count - at);
        const rows = Int32Array.from({ length: size }, (_, i) => at + i);
        const [l = NaN, a = NaN] = await (await this.#test(...batchOf(test, rows))).data();
        loss += (Number(l) * size) / count;
        accuracy += (Number(a) * size) / count;
      }
      return { step: this.#steps, loss, accuracy };
    });
  }

  /** What the network looks like inside, with feature maps of one test image. */
  view(sample: number): Promise<View> {
    return scope(async () => {
      const { test } = this.#data;
      const count = Math.min(sampleCount, test.count);
      const rows = Int32Array.from({ length: count }, (_, i) => i);
      const at = Math.min(sample, test.count - 1);
      const [one] = batchOf(test, Int32Array.of(at));
      const values = await this.#look(one);
      const layers: Maps[] = [];
      for (const [i, value] of values.slice(0, -1).entries()) {
        layers.push(await mapsOf(this.net.stageNames[i]!, value));
      }
      const [many] = batchOf(test, rows);
      const scores = await (await this.#read(many)).data();
      const said = Array.from(rows, (row) =>
        softmax((scores as Float32Array).subarray(10 * row, 10 * row + 10)),
      );
      const given = said.map((shares) => shares.indexOf(Math.max(...shares)));
      return {
        weights: await weightMaps('First layer', this.net.firstWeights.value, 48),
        layers,
        samples: {
          name: 'Test images',
          count,
          height: 28,
          width: 28,
          data: test.images.slice(0, count * 784),
        },
        wanted: Array.from(test.labels.subarray(0, count)),
        given,
        confidence: said.map((shares, i) => shares[given[i]!]!),
      };
    });
  }

  async snapshot(): Promise<Snapshot> {
    return {
      settings: { ...this.settings, lr: this.#optimizer.lr },
      step: this.#steps,
      weights: await encodeTensors(await this.net.stateDict(), {
        architecture: this.net.architecture,
      }),
      optimizer: await encodeTensors(await this.#optimizer.stateDict()),
    };
  }

  /** Goes on where the snapshot was made. */
  async restore({ step, weights, optimizer }: Snapshot): Promise<void> {
    this.net.loadStateDict(decodeTensors(weights));
    await this.#optimizer.loadStateDict(Object.fromEntries(decodeTensors(optimizer)));
    this.#steps = step;
  }

  /** The network with probabilities at its end: input `image` [batch, 1, 28, 28], ink from 0 to 1. */
  async onnx(): Promise<Uint8Array> {
    const { toOnnx } = await import('@hebb/onnx');
    return toOnnx(new Sequential(this.net, new Softmax(1)), {
      name: 'digits',
      input: { image: ['batch', 1, 28, 28] },
      output: 'probabilities',
    });
  }
}

function batchOf(set: DigitSet, rows: Int32Array | Uint32Array): [Tensor, Tensor] {
  const images = new Float32Array(rows.length * 784);
  rows.forEach((row, i) => images.set(set.images.subarray(row * 784, row * 784 + 784), i * 784));
  const labels = Int32Array.from(rows, (row) => set.labels[row]!);
  return [
    tensor(images, { shape: [rows.length, 1, 28, 28] }),
    tensor(labels, { shape: [rows.length], dtype: 'int32' }),
  ];
}
