import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { init } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { Linear, ReLU, Sequential } from '@hebb/nn';
import {
  CheckpointError,
  CheckpointMismatchError,
  SGD,
  checkpointWeights,
  decodeCheckpoint,
  encodeCheckpoint,
  memoryStore,
} from '../src/index.ts';
import type { Callback, CheckpointStore, TrainerOptions } from '../src/index.ts';
import { checkpointFolder } from '../src/node.ts';
import { batchSize, clusters, network, plateau, samples, stateOf, trainerOf } from './run.ts';

beforeAll(async () => {
  await init(cpu());
});
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hebb-train-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const data = clusters(samples);
const validation = clusters(20, 2);
const epochs = 4;
const fit = { epochs, batchSize, validation, progress: 'none' } as const;

/** Fails after so many updates, as a process that is killed would. */
const dies = (updates: number): Callback => ({
  stepEnd: ({ updates: now }) => {
    if (now === updates) throw new Error('killed');
  },
});

describe('a run that is resumed', () => {
  const variants: [string, Partial<TrainerOptions>, number][] = [
    ['with everything', {}, 1],
    ['with checkpoints after every second update', {}, 2],
    ['with checkpoints between epochs', {}, 1000],
    ['with a plateau schedule', { schedule: plateau() }, 1],
    ['in float16', { precision: 'float16' }, 1],
    // Overflows first, so that steps are left out, then grows again.
    [
      'in float16 with a scale on the move',
      { precision: { dtype: 'float16', lossScale: { initial: 2 ** 22, interval: 2 } } },
      1,
    ],
  ];
  it.each(variants)(
    'ends as if it had not been interrupted: %s',
    async (name, more, everySteps) => {
      const make = (store: CheckpointStore, callbacks: Callback[]) =>
        trainerOf({
          ...more,
          ...(name.includes('plateau') && { schedule: plateau() }),
          checkpoint: { store, everySteps },
          callbacks,
        });
      const whole = trainerOf({
        ...more,
        ...(name.includes('plateau') && { schedule: plateau() }),
      });
      await whole.fit(data, fit);
      const wanted = await stateOf(whole);
      const every = name === 'with everything' ? 2 : 5;
      for (let killed = 1; killed <= 3 * epochs; killed += every) {
        const store = memoryStore();
        await expect(
          make(store, [dies(killed)]).fit(data, { ...fit, resume: true }),
        ).rejects.toThrow('killed');
        const trainer = make(store, []);
        const history = await trainer.fit(data, { ...fit, resume: true });
        expect(history.epochs).toHaveLength(epochs);
        expect(await stateOf(trainer)).toEqual(wanted);
      }
    },
  );

  it('may be interrupted again and again', async () => {
    const whole = trainerOf();
    await whole.fit(data, fit);
    const store = memoryStore();
    for (let updates = 2; ; updates += 3) {
      const trainer = trainerOf({
        checkpoint: { store, everySteps: 1 },
        callbacks: [dies(updates)],
      });
      try {
        await trainer.fit(data, { ...fit, resume: true });
        expect(await stateOf(trainer)).toEqual(await stateOf(whole));
        return;
      } catch (error) {
        expect(String(error)).toContain('killed');
      }
    }
  });

  it('stays stopped when early stopping ended it, and has the best weights', async () => {
    const store = memoryStore();
    const make = () =>
      trainerOf({
        optimizer: new SGD({ lr: 5 }),
        checkpoint: { store },
        earlyStopping: { patience: 2, monitor: 'accuracy' },
      });
    const first = make();
    const history = await first.fit(data, { ...fit, epochs: 30, resume: true });
    expect(history.stopped).toBe(true);
    expect(history.epochs.length).toBeLessThan(30);
    const again = make();
    const resumed = await again.fit(data, { ...fit, epochs: 30, resume: true });
    expect(resumed.epochs).toHaveLength(history.epochs.length);
    expect(resumed.stopped).toBe(true);
    expect(await stateOf(again)).toEqual(await stateOf(first));
  });

  it('trains on to more epochs', async () => {
    const store = memoryStore();
    const whole = trainerOf();
    await whole.fit(data, { ...fit, epochs: 6 });
    await trainerOf({ checkpoint: { store } }).fit(data, { ...fit, resume: true });
    const more = trainerOf({ checkpoint: { store } });
    await more.fit(data, { ...fit, epochs: 6, resume: true });
    expect(await stateOf(more)).toEqual(await stateOf(whole));
    // All there already.
    const done = trainerOf({ checkpoint: { store } });
    expect((await done.fit(data, { ...fit, epochs: 6, resume: true })).epochs).toHaveLength(6);
    expect(done.updates).toBe(18);
  });

  it('refuses other data, batches or order in the middle of an epoch', async () => {
    const store = memoryStore();
    const checkpoint = { store, everySteps: 1 };
    await expect(
      trainerOf({ checkpoint, callbacks: [dies(3)] }).fit(data, { ...fit, resume: true }),
    ).rejects.toThrow('killed');
    const within = 'the checkpoint stands within epoch 1, whose batches are others now';
    for (const change of [{ batchSize: 5 }, { shuffle: false }]) {
      await expect(
        trainerOf({ checkpoint }).fit(data, { ...fit, ...change, resume: true }),
      ).rejects.toThrow(within);
    }
    await expect(
      trainerOf({ checkpoint }).fit(clusters(samples - 1), { ...fit, resume: true }),
    ).rejects.toThrow(within);
    await expect(
      trainerOf({ checkpoint, accumulate: 1 }).fit(data, { ...fit, resume: true }),
    ).rejects.toThrow(within);
  });
});

describe('checkpoints', () => {
  const names = async () => (await readdir(folder)).sort();

  it('keeps the newest and the best', async () => {
    const trainer = trainerOf({
      checkpoint: { store: checkpointFolder(folder), keep: 3, everySteps: 1 },
    });
    await trainer.fit(data, fit);
    expect(await names()).toEqual([
      'best.safetensors',
      'step-0000000010.safetensors',
      'step-0000000011.safetensors',
      'step-0000000012.safetensors',
    ]);
    const losses = trainer.records.map(({ validation: found }) => found!.loss);
    const best = await decodeCheckpoint(await readFile(path.join(folder, 'best.safetensors')));
    expect(best.state).toMatchObject({ epoch: 1 + losses.indexOf(Math.min(...losses)) });
  });

  it('hands its weights to a model of its own', async () => {
    const store = memoryStore();
    const trainer = trainerOf({ checkpoint: { store } });
    await trainer.fit(data, fit);
    const last = await store.read('step-0000000012.safetensors');
    const values = async (model: Sequential) => (await model.stateDict())['6.weight']!.data();
    const model = network();
    model.loadStateDict(await weightsFor(model, last, false));
    expect(await values(model)).toEqual(await values(trainer.model as Sequential));
    model.loadStateDict(await weightsFor(model, last, true));
    expect(await values(model)).toEqual(await (await trainer.evaluatedState())['6.weight']!.data());
    const plain = trainerOf({ ema: false, checkpoint: { store: memoryStore() } });
    await expect(checkpointWeights(await plain.save(), { average: true })).rejects.toThrow(
      'it holds no averages',
    );
  });
  async function weightsFor(model: Sequential, bytes: Uint8Array, average: boolean) {
    const weights = await checkpointWeights(bytes, { average });
    const wanted = Object.keys(await model.stateDict());
    expect([...weights.keys()].sort()).toEqual(wanted.sort());
    return weights;
  }

  it('notices damage anywhere, names it and goes back to the one before', async () => {
    const warned: string[] = [];
    const { warn } = console;
    console.warn = (text: string) => void warned.push(text);
    try {
      const options = { checkpoint: { store: checkpointFolder(folder), keep: 2, everySteps: 1 } };
      await trainerOf(options).fit(data, fit);
      const newest = path.join(folder, 'step-0000000012.safetensors');
      const sound = await readFile(newest);
      for (const damage of [
        (bytes: Buffer) => bytes.subarray(0, 1000),
        (bytes: Buffer) => bytes.subarray(0, 0),
        (bytes: Buffer) => bytes.fill(bytes.at(-1)! ^ 1, bytes.length - 1),
        (bytes: Buffer) => bytes.fill(bytes[300]! ^ 4, 300, 301),
      ]) {
        warned.length = 0;
        await writeFile(newest, damage(Buffer.from(sound)));
        const trainer = trainerOf(options);
        await trainer.fit(data, { ...fit, resume: true });
        expect(trainer.skippedCheckpoints).toEqual([
          {
            name: 'step-0000000012.safetensors',
            reason: expect.stringMatching(/^checkpoint: it is damaged: /) as string,
          },
        ]);
        expect(warned[0]).toContain('step-0000000012.safetensors is passed over');
        expect(trainer.updates).toBe(12);
        // It has been written again.
        expect((await decodeCheckpoint(await readFile(newest))).state).toMatchObject({ epoch: 4 });
      }
      await writeFile(newest, 'x');
      await writeFile(path.join(folder, 'step-0000000011.safetensors'), 'y');
      await expect(trainerOf(options).fit(data, { ...fit, resume: true })).rejects.toThrow(
        /none in .* can be used: step-0000000012.safetensors \(.*\); step-0000000011/,
      );
    } finally {
      console.warn = warn;
    }
  });

  it('notices every single changed bit', async () => {
    const bytes = await encodeCheckpoint({
      tensors: new Map([
        ['model.a', { data: Float32Array.of(1, 2), shape: [2], dtype: 'float32' }],
      ]),
      state: { epoch: 1, metric: NaN, best: -Infinity },
    });
    expect((await decodeCheckpoint(bytes)).state).toEqual({
      epoch: 1,
      metric: NaN,
      best: -Infinity,
    });
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const bad = bytes.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      await expect(decodeCheckpoint(bad)).rejects.toThrow(CheckpointError);
    }
  });

  it('lists missing and unexpected names for another model, and changes nothing', async () => {
    const bytes = await trainerOf().save();
    const model = new Sequential({
      first: new Linear(2, 8),
      act: new ReLU(),
      '6': new Linear(8, 4),
    });
    const other = trainerOf({ model, optimizer: new SGD({ lr: 1 }) });
    const before = await stateOf(other);
    const error: unknown = await other.load(bytes, data).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointMismatchError);
    const { missing, unexpected, differing, message } = error as CheckpointMismatchError;
    expect(missing).toEqual(
      expect.arrayContaining(['model.first.weight', 'model.first.bias', 'ema.first.bias']),
    );
    expect(unexpected).toEqual(
      expect.arrayContaining(['model.0.weight', 'model.1.mean', 'optimizer.0.exp_avg']),
    );
    expect(differing).toContain('model.6.weight (got float32[3,8], wanted float32[4,8])');
    expect(message).toContain('it belongs to another run: missing model.first.weight');
    expect(message).toContain(
      '; unexpected model.0.bias, model.0.weight, model.1.mean, ema.0.bias',
    );
    expect(await stateOf(other)).toEqual(before);
    const { tensors, state } = await decodeCheckpoint(bytes);
    await expect(other.load(await encodeCheckpoint({ tensors, state: {} }))).rejects.toThrow(
      'its state is not that of a training run',
    );
    await expect(
      other.load(await encodeCheckpoint({ tensors: new Map([...tensors].slice(0, 3)), state })),
    ).rejects.toThrow('missing');
  });

  it('leaves what was there alone when the disk is full', async () => {
    let room = Infinity;
    const store = checkpointFolder(folder, {
      open: async (file) => {
        await writeFile(file, '');
        return {
          writeFile: async (bytes) => {
            const all = Buffer.from(bytes as Uint8Array);
            await writeFile(file, all.subarray(0, Math.min(room, all.length)));
            if (room < all.length) {
              throw Object.assign(new Error('ENOSPC: no space left on device, write'), {
                code: 'ENOSPC',
              });
            }
          },
          sync: () => Promise.resolve(),
          close: () => Promise.resolve(),
        };
      },
    });
    const make = () => trainerOf({ checkpoint: { store, everySteps: 1 } });
    await make().fit(data, { ...fit, epochs: 2 });
    const before = await names();
    room = 500;
    await expect(make().fit(data, { ...fit, resume: true })).rejects.toThrow(
      /checkpoint: step-0000000007.safetensors could not be written to .*ENOSPC.*; those written before are as they were/,
    );
    expect(await names()).toEqual(before);
    room = Infinity;
    const trainer = make();
    await trainer.fit(data, { ...fit, resume: true });
    const whole = trainerOf();
    await whole.fit(data, fit);
    expect(await stateOf(trainer)).toEqual(await stateOf(whole));
  });

  it('clears away what a killed process left, and nothing else', async () => {
    for (const name of [
      `.best.safetensors.${2 ** 22 + 7}.0123456789ab.tmp`,
      `.best.safetensors.${process.ppid}.0123456789ab.tmp`,
      'notes.txt',
    ]) {
      await writeFile(path.join(folder, name), 'x');
    }
    await checkpointFolder(folder).list();
    expect(await names()).toEqual([
      `.best.safetensors.${process.ppid}.0123456789ab.tmp`,
      'notes.txt',
    ]);
  });

  it('refuses bad options and names that leave the folder', async () => {
    const store = checkpointFolder(folder);
    expect(() => trainerOf({ checkpoint: { store, keep: 0 } })).toThrow(
      'keep is not usable (got 0',
    );
    expect(() => trainerOf({ checkpoint: {} as never })).toThrow('store is not a place');
    expect(() => store.write('../x', new Uint8Array(1))).toThrow(
      'not the name of a file (got ../x',
    );
    await expect(trainerOf().fit(data, { ...fit, resume: true })).rejects.toThrow(
      'resume needs the option checkpoint',
    );
    await expect(
      trainerOf({ checkpoint: { store, best: { monitor: 'f1' } } }).fit(data, fit),
    ).rejects.toThrow('the metric it watches is not there (got f1, wanted loss, accuracy)');
  });
});
