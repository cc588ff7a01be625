import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { concat, gradients, init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { ArrayDataset, decodePng, ndarray } from '@hebb/data';
import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  Embedding,
  Flatten,
  LeakyReLU,
  Linear,
  Module,
  ReLU,
  Sequential,
  Tanh,
  Unflatten,
  binaryCrossEntropyWithLogits,
  l1Loss,
} from '@hebb/nn';
import {
  Adam,
  ConstantLR,
  ExponentialLR,
  GanTrainer,
  NonFiniteError,
  SGD,
  checkpointWeights,
  classQuality,
  frechetDistance,
  imageGrid,
  interpolateLatents,
  meanPairDistance,
  memoryStore,
} from '../src/index.ts';
import type { CheckpointStore, Dataset, GanLoss, GanTrainerOptions } from '../src/index.ts';
import { pictureFolder, reportHtml } from '../src/node.ts';
import { casesOf, eachCase, expectClose, numbers, toTensor } from './reference.ts';

beforeAll(async () => {
  await init(cpu());
});

const against = (scores: Tensor, label: number): Tensor =>
  binaryCrossEntropyWithLogits(scores, scores.mul(0).add(label));
const loss: GanLoss = {
  discriminator: (real, fake) => against(real, 1).add(against(fake, 0)),
  generator: (fake) => against(fake, 1),
};

/** Two kinds of 4 x 4 pictures: a bright upper and a bright lower half, with some noise. */
function pictures(count = 40): Dataset {
  const image = new Float32Array(count * 16);
  const label = Int32Array.from({ length: count }, (_, i) => i % 2);
  for (let i = 0; i < image.length; i++) {
    const upper = i % 16 < 8 ? 1 : -1;
    const bright = label[Math.floor(i / 16)] === 0 ? upper : -upper;
    image[i] = 0.8 * bright + 0.1 * Math.sin(i * 12.9898);
  }
  return new ArrayDataset({ image: ndarray(image, [count, 1, 4, 4]), label: ndarray(label) });
}

class Generator extends Module {
  readonly classes = new Embedding(2, 4);
  readonly body = new Sequential(
    new Linear(4, 16),
    new ReLU(),
    new Dropout(0.1),
    new Linear(16, 16),
    new Tanh(),
    new Unflatten(1, [1, 4, 4]),
  );
  forward(z: Tensor, label: Tensor): Tensor {
    return this.body.forward(z.add(this.classes.forward(label)));
  }
}
class Discriminator extends Module {
  readonly classes = new Embedding(2, 16);
  readonly body = new Sequential(
    new Flatten(),
    new Linear(16, 16),
    new LeakyReLU(0.2),
    new Linear(16, 16),
  );
  forward(x: Tensor, label: Tensor): Tensor {
    return this.body.forward(x).mul(this.classes.forward(label)).sum(1);
  }
}

function trainerOf(more: Partial<GanTrainerOptions> = {}): GanTrainer {
  manualSeed(11);
  return new GanTrainer({
    generator: new Generator(),
    discriminator: new Discriminator(),
    latentSize: 4,
    loss,
    optimizers: {
      generator: new Adam({ lr: 2e-3, betas: [0.5, 0.999] }),
      discriminator: new Adam({ lr: 2e-3, betas: [0.5, 0.999] }),
    },
    collapse: false,
    seed: 3,
    ...more,
  });
}
const fit = { epochs: 2, batchSize: 8, progress: 'none' } as const;

async function stateOf({ options, ema }: GanTrainer): Promise<Record<string, number[]>> {
  const state: Record<string, number[]> = {};
  for (const which of ['generator', 'discriminator'] as const) {
    for (const [name, value] of Object.entries(await options[which].stateDict())) {
      state[`${which}.${name}`] = [...(await value.data())].map(Number);
    }
  }
  for (const [i, parameter] of (ema?.parameters ?? []).entries()) {
    state[`ema.${i}`] = [...(await ema!.of(parameter).peek().data())].map(Number);
  }
  return state;
}

const cases = (await casesOf('training')).filter(({ attrs }) => attrs['model'] === 'dcgan');
describe('training runs of PyTorch', () => {
  eachCase(cases, async (given) => {
    const { attrs, inputs, params, outputs, tolerance } = given;
    // Noise comes as a column, so that it is PyTorch's.
    class G extends Module {
      readonly conv1 = new ConvTranspose2d(4, 4, 4, { bias: false });
      readonly bn1 = new BatchNorm2d(4);
      readonly conv2 = new ConvTranspose2d(4, 1, 4, { stride: 2, padding: 1 });
      forward(z: Tensor): Tensor {
        const x = this.conv1.forward(z.reshape([...z.shape, 1, 1]));
        return this.conv2.forward(this.bn1.forward(x).maximum(0)).tanh();
      }
    }
    class D extends Module {
      readonly conv1 = new Conv2d(1, 3, 4, { stride: 2, padding: 1 });
      readonly conv2 = new Conv2d(3, 4, 4, { stride: 2, padding: 1, bias: false });
      readonly bn2 = new BatchNorm2d(4);
      readonly conv3 = new Conv2d(4, 1, 2, { bias: false });
      readonly leaky = new LeakyReLU(0.2);
      forward(x: Tensor, _z: Tensor): Tensor {
        const y = this.bn2.forward(this.conv2.forward(this.leaky.forward(this.conv1.forward(x))));
        return this.conv3.forward(this.leaky.forward(y)).flatten(0);
      }
    }
    const [generator, discriminator] = [new G(), new D()];
    for (const [prefix, model] of [
      ['G.', generator],
      ['D.', discriminator],
    ] as const) {
      const own = Object.entries(params).filter(([name]) => name.startsWith(prefix));
      model.loadStateDict(
        Object.fromEntries(own.map(([name, value]) => [name.slice(2), toTensor(value, 'float32')])),
        { strict: false },
      );
    }
    const make = (lr: number) =>
      attrs['optimizer'] === 'adam'
        ? new Adam({ lr, betas: [0.5, 0.999] })
        : new SGD({ lr, momentum: Number(attrs['momentum']) });
    const trainer = new GanTrainer({
      generator,
      discriminator: discriminator,
      loss,
      optimizers: {
        generator: make(Number(attrs['lr_g'])),
        discriminator: make(Number(attrs['lr_d'])),
      },
      real: 'real',
      conditions: ['z'],
      collapse: false,
    });
    const f32 = (values: readonly number[]) => Float32Array.from(values);
    const data = new ArrayDataset({
      real: ndarray(f32(numbers(inputs['real']!)), [15, 1, 8, 8]),
      z: ndarray(f32(numbers(inputs['z']!)), [15, 4]),
    });
    const { epochs } = await trainer.fit(data, { batchSize: 3, shuffle: false, progress: 'none' });
    const mean = (name: string): number =>
      numbers(outputs[name]!).reduce((sum, value) => sum + value / 5, 0);
    expectClose([epochs[0]!.loss], [mean('loss_g')], tolerance, 'loss_g');
    expectClose([epochs[0]!.metrics['discriminator']!], [mean('loss_d')], tolerance, 'loss_d');
    const state = await stateOf(trainer);
    for (const [name, wanted] of Object.entries(outputs)) {
      if (!name.startsWith('final.')) continue;
      const own = name.replace('final.G.', 'generator.').replace('final.D.', 'discriminator.');
      expectClose(state[own]!, numbers(wanted), tolerance, name);
    }
    const z = tensor(f32(numbers(inputs['z']!).slice(0, 12)), { shape: [3, 4] });
    const sample = await trainer.generate(z);
    expectClose(await sample.data(), numbers(outputs['sample']!), tolerance, 'sample');
  });
});

it('learns to draw both kinds when asked for them', async () => {
  const trainer = trainerOf({ ema: { decay: 0.9 } });
  await trainer.fit(pictures(), { ...fit, epochs: 60 });
  const label = tensor([0, 1, 0, 1], { dtype: 'int32' });
  const drawn = await trainer.generate(trainer.latents(4), { conditions: [label] });
  const data = [...(await drawn.data())].map(Number);
  for (let i = 0; i < 4; i++) {
    const half = (from: number): number =>
      data.slice(16 * i + from, 16 * i + from + 8).reduce((sum, x) => sum + x / 8, 0);
    const sign = i % 2 === 0 ? 1 : -1;
    expect(sign * half(0)).toBeGreaterThan(0.4);
    expect(sign * half(8)).toBeLessThan(-0.4);
  }
  expect(trainer.records.at(-1)!.metrics).toMatchObject({ 'real score': expect.any(Number) });
});

it('the same seed gives the same weights, another one others', async () => {
  const run = async (seed: number) => {
    const trainer = trainerOf({ seed });
    await trainer.fit(pictures(), fit);
    return stateOf(trainer);
  };
  const [a, b, c] = [await run(3), await run(3), await run(4)];
  expect(b).toEqual(a);
  expect(c).not.toEqual(a);
});

describe('a run that is resumed', () => {
  const slope = (critic: (x: Tensor) => Tensor, real: Tensor): Tensor => {
    const [g] = gradients(critic(real).sum(), [real]);
    return g!.mul(g!).mean();
  };
  const variants: [string, Partial<GanTrainerOptions>][] = [
    ['with one step each', {}],
    [
      'with critic steps, a lazy penalty, noise, schedules and averages',
      {
        criticSteps: (updates) => (updates < 2 ? 3 : 2),
        penalty: slope,
        penaltyEvery: 2,
        instanceNoise: (updates) => 0.1 / (1 + updates),
        clipGradNorm: 1,
        ema: { decay: 0.8 },
        schedules: {
          generator: new ExponentialLR({ gamma: 0.9 }),
          discriminator: new ConstantLR({ factor: 0.5, totalIters: 3 }),
        },
      },
    ],
  ];
  const fresh = (more: Partial<GanTrainerOptions>): Partial<GanTrainerOptions> =>
    more.schedules === undefined
      ? more
      : {
          ...more,
          schedules: {
            generator: new ExponentialLR({ gamma: 0.9 }),
            discriminator: new ConstantLR({ factor: 0.5, totalIters: 3 }),
          },
        };
  it.each(variants)('ends as if it had not been interrupted: %s', async (_name, more) => {
    const whole = trainerOf(fresh(more));
    await whole.fit(pictures(), { ...fit, epochs: 3 });
    // Killed while it writes its fifth checkpoint; the fourth stands in the middle of an epoch.
    const store = memoryStore();
    let written = 0;
    const dying: CheckpointStore = {
      ...store,
      write: (name, bytes) => {
        written += 1;
        return written > 4 ? Promise.reject(new Error('killed')) : store.write(name, bytes);
      },
    };
    const killed = trainerOf({ ...fresh(more), checkpoint: { store: dying, everySteps: 2 } });
    await expect(killed.fit(pictures(), { ...fit, epochs: 3 })).rejects.toThrow('killed');
    expect(killed.updates).toBe(8);
    const resumed = trainerOf({ ...fresh(more), checkpoint: { store, everySteps: 1000 } });
    await resumed.fit(pictures(), { ...fit, epochs: 3, resume: true });
    expect(await stateOf(resumed)).toEqual(await stateOf(whole));
    expect(resumed.generatorUpdates).toBe(whole.generatorUpdates);
    const numbersOf = ({ records }: GanTrainer) => records.map((r) => [r.loss, r.metrics, r.lr]);
    expect(numbersOf(resumed)).toEqual(numbersOf(whole));
  });
  it('gives weights by name, and refuses the checkpoint of something else', async () => {
    const trainer = trainerOf({ ema: true });
    await trainer.fit(pictures(), fit);
    const bytes = await trainer.save();
    const weights = await checkpointWeights(bytes, { average: true });
    expect([...weights.keys()]).toEqual(
      expect.arrayContaining(['generator.body.0.weight', 'discriminator.classes.weight']),
    );
    await expect(trainerOf().load(bytes)).rejects.toThrow(/unexpected .*ema/);
    const other = trainerOf({ ema: true });
    await other.load(bytes);
    expect(await stateOf(other)).toEqual(await stateOf(trainer));
    expect(other.epoch).toBe(2);
  });
});

it('the critic learns several times for each update of the generator', async () => {
  const trainer = trainerOf({ criticSteps: 3 });
  await trainer.fit(pictures(), { ...fit, epochs: 3 }); // 15 batches
  expect([trainer.updates, trainer.generatorUpdates]).toEqual([15, 5]);
});

it('draws from conditions alone, and is pulled to what it should draw', async () => {
  const trainer = new GanTrainer({
    generator: new Sequential(new Flatten(), new Linear(16, 16), new Unflatten(1, [1, 4, 4])),
    discriminator: new (class extends Module {
      readonly body = new Sequential(new Flatten(), new Linear(32, 1));
      forward(x: Tensor, given: Tensor): Tensor {
        return this.body.forward(concat([x, given], 1));
      }
    })(),
    loss,
    optimizers: { generator: new Adam({ lr: 0.02 }), discriminator: new Adam({ lr: 1e-3 }) },
    reconstruction: (drawn, real) => l1Loss(drawn, real).mul(100),
    collapse: false,
  });
  const x = Float32Array.from({ length: 32 * 16 }, (_, i) => Math.sin(i * 7.7));
  const data = new ArrayDataset({
    real: ndarray(
      x.map((value) => -0.5 * value),
      [32, 1, 4, 4],
    ),
    given: ndarray(x, [32, 1, 4, 4]),
  });
  await trainer.fit(data, { epochs: 40, batchSize: 8, progress: 'none' });
  const given = tensor(x.slice(0, 16), { shape: [1, 1, 4, 4] });
  const drawn = [...(await (await trainer.generate(undefined, { conditions: [given] })).data())];
  drawn.forEach((value, i) => expect(Math.abs(Number(value) + 0.5 * x[i]!)).toBeLessThan(0.15));
  expect(() => trainer.latents(3)).toThrow('takes no noise');
});

describe('what is seen of a run', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hebb-gan-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('grids as PNG files and in the report, numbers of each epoch, progress', async () => {
    const seen: number[] = [];
    const trainer = trainerOf({
      grids: { to: pictureFolder(folder), everySteps: 2, count: 6, columns: 3 },
      metrics: () => Promise.resolve({ quality: 0.5 }),
    });
    await trainer.fit(pictures(), {
      ...fit,
      onProgress: ({ samplesPerSecond }) => void seen.push(samplesPerSecond),
      onEpoch: ({ epoch }) => epoch < 1,
    });
    const files = (await readdir(folder)).sort();
    expect(files).toEqual(['samples-0000002.png', 'samples-0000004.png', 'samples-0000005.png']);
    const image = decodePng(await readFile(path.join(folder, files[0]!)));
    expect([image.width, image.height, image.channels]).toEqual([16, 10, 1]);
    expect(trainer.records.map(({ metrics }) => metrics['quality'])).toEqual([0.5]);
    expect(seen.every((rate) => rate > 0) && seen.length > 0).toBe(true);
    const page = await reportHtml({
      history: trainer.records,
      pictures: trainer.grids,
      evaluation: { metrics: { recognised: 0.97 } },
    });
    expect(page.match(/<figcaption>after \d updates/g)).toHaveLength(3);
    expect(page).not.toContain('<dt>loss');
  });

  it('warns when samples are all alike', async () => {
    const warnings: string[] = [];
    const generator = new (class extends Module {
      readonly only = new Linear(4, 16);
      forward(z: Tensor, _label: Tensor): Tensor {
        return this.only.forward(z.mul(1e-4)).tanh().reshape([-1, 1, 4, 4]);
      }
    })();
    const trainer = trainerOf({
      generator,
      collapse: { onWarning: (message) => void warnings.push(message) },
    });
    await trainer.fit(pictures(), { ...fit, epochs: 1 });
    expect(warnings).toEqual([expect.stringMatching(/after epoch 1 of 1 .* may have collapsed/)]);
    expect(trainer.records[0]!.metrics['diversity']).toBeLessThan(0.25);
  });

  it('stops, naming the step, when a loss is no number, with sound networks', async () => {
    const trainer = trainerOf({
      optimizers: { generator: new SGD({ lr: 1e30 }), discriminator: new SGD({ lr: 1e30 }) },
    });
    await expect(trainer.fit(pictures(), fit)).rejects.toThrow(NonFiniteError);
    const state = await stateOf(trainer);
    expect(Object.values(state).flat().every(Number.isFinite)).toBe(true);
  });
});

it('names what does not fit', async () => {
  const quiet = { progress: 'none', batchSize: 8 } as const;
  expect(() => trainerOf({ criticSteps: 0 })).toThrow('criticSteps');
  expect(() => trainerOf({ critics: 2 } as object)).toThrow('unknown option');
  expect(() => trainerOf({ loss: {} as GanLoss })).toThrow('loss has no discriminator');
  await expect(trainerOf({ real: 'photo' }).fit(pictures(), quiet)).rejects.toThrow('got photo');
  await expect(trainerOf({ latentSize: 5 }).fit(pictures(), quiet)).rejects.toThrow();
  await expect(
    trainerOf({ loss: { ...loss, generator: (x) => x } }).fit(pictures(), quiet),
  ).rejects.toThrow('the generator loss is not one number');
  await expect(trainerOf().fit(pictures(), { ...quiet, resume: true })).rejects.toThrow(
    'checkpoint',
  );
});

describe('measures', () => {
  it('the Fréchet distance is NumPy’s, and 0 of a set to itself', () => {
    const table = (rows: number, f: (i: number, j: number) => number): number[][] =>
      Array.from({ length: rows }, (_, i) => [0, 1, 2].map((j) => f(i, j)));
    const a = table(8, (i, j) => (((i * 5 + j * 3) % 11) - 5) / 4);
    const b = table(9, (i, j) => (((i * 7 + j * 2) % 13) - 4) / 5);
    expect(frechetDistance(a, b)).toBeCloseTo(2.023763411999736, 7);
    expect(frechetDistance(b, a)).toBeCloseTo(2.023763411999736, 7);
    expect(frechetDistance(a, a)).toBeCloseTo(0, 7);
    expect(() => frechetDistance([[1, 2]], a)).toThrow('at least two samples');
    expect(() => frechetDistance(a, [[1], [2]])).toThrow('same features');
    expect(() =>
      frechetDistance(a, [
        [1, NaN, 2],
        [1, 2, 3],
      ]),
    ).toThrow('NaN');
  });
  it('class quality counts what was asked, covered and even', () => {
    const even = classQuality([0, 1, 2, 3], [0, 1, 2, 2], 4);
    expect(even).toMatchObject({ recognised: 0.75, byClass: [1, 1, 1, 0], covered: 3 });
    expect(even.evenness).toBeCloseTo((0.5 * Math.log(4) + 0.5 * Math.log(2)) / Math.log(4), 12);
    expect(() => classQuality([0], [4], 4)).toThrow('got 4, wanted 0 to 3');
  });
  it('pair distances are within groups where groups are given', () => {
    const samples = { shape: [4, 1], data: [0, 3, 10, 14] };
    expect(meanPairDistance(samples, [0, 0, 1, 1])).toBe(3.5);
    expect(meanPairDistance({ shape: [3, 2], data: [0, 0, 3, 4, 0, 0] })).toBeCloseTo(10 / 3, 12);
  });
  it('latents go along an arc or straight', async () => {
    const [a, b] = [
      tensor([
        [1, 0],
        [2, 0],
      ]),
      tensor([
        [0, 1],
        [2, 0],
      ]),
    ];
    const arc = await interpolateLatents(a, b, { steps: 3 }).data();
    const root = Math.SQRT1_2;
    const wanted = [1, 0, root, root, 0, 1, 2, 0, 2, 0, 2, 0];
    wanted.forEach((value, i) => expect(Number(arc[i])).toBeCloseTo(value, 5));
    const line = await interpolateLatents(a, b, { steps: 3, spherical: false }).data();
    expect([Number(line[2]), Number(line[3])]).toEqual([0.5, 0.5]);
    expect(() => interpolateLatents(a, tensor([[1, 2]]))).toThrow('one shape');
  });
  it('a grid lays images out row by row', () => {
    const data = [-1, 1, 0, 2];
    const grid = imageGrid({ shape: [4, 1, 1, 1], data }, { columns: 2, gap: 1 });
    expect([grid.width, grid.height]).toEqual([3, 3]);
    expect([...grid.data]).toEqual([0, 255, 255, 255, 255, 255, 128, 255, 255]);
    expect(() => imageGrid({ shape: [4, 2, 1, 1], data })).toThrow('[N,1,H,W]');
  });
});
