/** A network of a few units that tells two kinds of points apart, and its training. */
import { Generator, compile, concat, full, scalar, tensor } from '@hebb/core';
import type { Compiled, Tensor } from '@hebb/core';
import { Linear, Module, binaryCrossEntropyWithLogits, functional } from '@hebb/nn';
import { seededUniform } from '@hebb/ops';
import { Adam, SGD } from '@hebb/train';
import { extent } from './data.ts';
import type { Point } from './data.ts';
import { mostPoints, resolution } from './settings.ts';
import type { ActivationName, Architecture, Feature, Rates, ToyFrame } from './settings.ts';

const activate: Readonly<Record<ActivationName, (x: Tensor) => Tensor>> = {
  tanh: (x) => x.tanh(),
  relu: functional.relu,
  sigmoid: functional.sigmoid,
  leaky: (x) => functional.leakyRelu(x, { negativeSlope: 0.1 }),
  linear: (x) => x,
};

/** Of a size near 1 within the plane. */
const feature: Readonly<Record<Feature, (x: Tensor, y: Tensor) => Tensor>> = {
  x: (x) => x.mul(2 / extent),
  y: (_, y) => y.mul(2 / extent),
  'x²': (x) => x.mul(x).mul(2 / extent ** 2),
  'y²': (_, y) => y.mul(y).mul(2 / extent ** 2),
  xy: (x, y) => x.mul(y).mul(2 / extent ** 2),
  'sin x': (x) => x.sin(),
  'sin y': (_, y) => y.sin(),
};

export class ToyNetwork extends Module {
  readonly layers: readonly Linear[];
  readonly #architecture: Architecture;

  constructor(architecture: Architecture) {
    super();
    this.#architecture = architecture;
    const generator = new Generator(architecture.seed);
    const sizes = [architecture.features.length, ...architecture.layers, 1];
    this.layers = sizes.slice(1).map((size, i) => new Linear(sizes[i]!, size, { generator }));
  }

  /** Shape: [N, 2] -> what goes in [N, F], what each hidden layer gives [N, units], and the logits [N]. */
  forward(points: Tensor): { hidden: Tensor[]; logits: Tensor } {
    const [x, y] = [points.narrow(1, 0, 1), points.narrow(1, 1, 1)];
    let values = concat(
      this.#architecture.features.map((name) => feature[name](x, y)),
      1,
    );
    const hidden: Tensor[] = [];
    for (const layer of this.layers.slice(0, -1)) {
      values = activate[this.#architecture.activation](layer.forward(values));
      hidden.push(values);
    }
    return { hidden, logits: this.layers.at(-1)!.forward(values).reshape([-1]) };
  }
}

/** Rows from the top, columns from the left, each pixel at its middle. Shape: [resolution², 2]. */
function gridPoints(): Tensor {
  const at = (i: number): number => extent * ((2 * (i + 0.5)) / resolution - 1);
  const places = new Float32Array(2 * resolution ** 2);
  for (let i = 0; i < resolution ** 2; i++) {
    places[2 * i] = at(i % resolution);
    places[2 * i + 1] = -at(Math.floor(i / resolution));
  }
  return tensor(places, { shape: [resolution ** 2, 2] });
}

export class ToyTraining {
  readonly #network: ToyNetwork;
  readonly #optimizer: Adam | SGD;
  readonly #step: Compiled<[Tensor, Tensor, Tensor, Tensor], Tensor>;
  readonly #look: Compiled<[Tensor, Tensor, Tensor], Record<string, Tensor>>;
  readonly #grid = gridPoints();
  readonly #random: () => number;
  #train: readonly Point[] = [];
  #order: number[] = [];
  #points: Tensor | undefined;
  #kinds: Tensor | undefined;
  #rates: Rates = { lr: 0.03, l1: 0, l2: 0, batch: 10 };
  #penalties: readonly [Tensor, Tensor] = [scalar(0), scalar(0)];
  #steps = 0;
  #counts = { train: 0, test: 0 };

  constructor(architecture: Architecture) {
    const network = new ToyNetwork(architecture);
    this.#network = network;
    this.#random = seededUniform(architecture.seed);
    const Kind = architecture.optimizer === 'adam' ? Adam : SGD;
    const optimizer = new Kind({ lr: this.#rates.lr }).attach(network.parameters());
    this.#optimizer = optimizer;
    const weights = (): Tensor[] => network.layers.map((layer) => layer.weight.value);
    const total = (of: (w: Tensor) => Tensor): Tensor =>
      weights()
        .map((w) => of(w).sum())
        .reduce((a, b) => a.add(b));
    this.#step = compile(
      (points: Tensor, kinds: Tensor, l1: Tensor, l2: Tensor) => {
        const { logits } = network.forward(points);
        const loss = binaryCrossEntropyWithLogits(logits, kinds)
          .add(total((w) => w.abs()).mul(l1))
          .add(total((w) => w.mul(w)).mul(l2.mul(0.5)));
        optimizer.minimize(loss);
        return loss;
      },
      { name: 'toy step' },
    );
    this.#look = compile(
      (points: Tensor, kinds: Tensor, grid: Tensor) => {
        const { logits } = network.forward(points);
        const losses = binaryCrossEntropyWithLogits(logits, kinds, { reduction: 'none' });
        const right = logits.gt(0).eq(kinds.gt(0.5)).to('float32');
        const plane = network.forward(grid);
        return {
          losses,
          right,
          surface: functional.sigmoid(plane.logits),
          ...(plane.hidden.length === 0
            ? {}
            : { units: concat(plane.hidden, 1).transpose(0, 1).reshape([-1]) }),
          ...Object.fromEntries(weights().map((w, i) => [`weight${i}`, w.mul(1)])),
        };
      },
      { name: 'toy look' },
    );
  }

  set rates(rates: Rates) {
    this.#rates = rates;
    this.#optimizer.lr = rates.lr;
    for (const old of this.#penalties) old.dispose();
    this.#penalties = [scalar(rates.l1), scalar(rates.l2)];
  }

  /** What is learnt, and what it is judged by. More points than fit are left out. */
  data(train: readonly Point[], test: readonly Point[]): void {
    this.#train = train.slice(0, mostPoints);
    const judged = test.slice(0, mostPoints);
    this.#counts = { train: this.#train.length, test: judged.length };
    this.#order = [];
    // Always of one size, so that another number of points compiles nothing again.
    const places = new Float32Array(4 * mostPoints);
    const kinds = new Float32Array(2 * mostPoints);
    [this.#train, judged].forEach((list, part) =>
      list.forEach(({ x, y, kind }, i) => {
        places.set([x, y], 2 * (part * mostPoints + i));
        kinds[part * mostPoints + i] = kind;
      }),
    );
    this.#points?.dispose();
    this.#kinds?.dispose();
    this.#points = tensor(places, { shape: [2 * mostPoints, 2] });
    this.#kinds = tensor(kinds);
  }

  /** `count` updates. Does nothing where there are no points. */
  async train(count: number): Promise<void> {
    const { batch } = this.#rates;
    for (let k = 0; k < count && this.#train.length > 0; k++) {
      const places = new Float32Array(2 * batch);
      const kinds = new Float32Array(batch);
      for (let i = 0; i < batch; i++) {
        const { x, y, kind } = this.#train[this.#next()]!;
        places.set([x, y], 2 * i);
        kinds[i] = kind;
      }
      const given = [tensor(places, { shape: [batch, 2] }), tensor(kinds)] as const;
      const loss = await this.#step(...given, ...this.#penalties);
      for (const each of [...given, loss]) each.dispose();
      this.#steps += 1;
    }
  }

  /** The next point of an order that is drawn anew when it is used up. */
  #next(): number {
    if (this.#order.length === 0) {
      this.#order = this.#train.map((_, i) => i);
      for (let i = this.#order.length - 1; i > 0; i--) {
        const j = Math.floor(this.#random() * (i + 1));
        [this.#order[i], this.#order[j]] = [this.#order[j]!, this.#order[i]!];
      }
    }
    return this.#order.pop()!;
  }

  async look(): Promise<ToyFrame> {
    const points = this.#points ?? full([2 * mostPoints, 2], 0);
    const kinds = this.#kinds ?? full([2 * mostPoints], 0);
    const made = await this.#look(points, kinds, this.#grid);
    const numbers = new Map<string, Float32Array>();
    for (const [name, value] of Object.entries(made)) {
      numbers.set(name, Float32Array.from(await value.data(), Number));
      value.dispose();
    }
    const mean = (name: string, from: number, count: number): number =>
      numbers
        .get(name)!
        .subarray(from, from + count)
        .reduce((a, b) => a + b, 0) / count;
    const judge = (from: number, count: number) => ({
      loss: mean('losses', from, count),
      accuracy: mean('right', from, count),
    });
    return {
      step: this.#steps,
      train: judge(0, this.#counts.train),
      test: judge(mostPoints, this.#counts.test),
      surface: numbers.get('surface')!,
      units: numbers.get('units') ?? new Float32Array(0),
      weights: this.#network.layers.map((_, i) => numbers.get(`weight${i}`)!),
    };
  }

  dispose(): void {
    this.#step.dispose();
    this.#look.dispose();
    for (const each of [this.#grid, this.#points, this.#kinds, ...this.#penalties]) each?.dispose();
  }
}
