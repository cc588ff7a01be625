/** Event files read back by a reader of the test's own, and by TensorBoard itself where it is installed. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { init } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { decodePng } from '@hebb/data';
import { crc32c, maskedCrc32c } from '../src/tensorboard/record.ts';
import { checkpointFolder, tensorBoard } from '../src/node.ts';
import { batchSize, clusters, samples, trainerOf } from './run.ts';
import { all, one, readRecords, readSummaries, sub } from './tfevents.ts';

beforeAll(async () => {
  await init(cpu());
});
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hebb-board-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const doubles = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readDoubleLE(8 * i));
const pixels = Uint8Array.from({ length: 5 * 3 * 3 }, (_, i) => i * 5);

async function writeAll(): Promise<string> {
  const board = tensorBoard(folder);
  await board.scalars({ 'loss/train': 0.5, lr: 1e-3 }, 1);
  await board.scalars({ 'loss/train': 0.25, lr: NaN }, 2 ** 40);
  await board.histogram('weights', [-2, -0.5, 0, 0.5, 0.5, 3, NaN], 2);
  await board.image('sample', { width: 5, height: 3, channels: 3, data: pixels }, 2);
  await board.text('notes', '**bold** ünï', 0);
  await board.hparams({ lr: 0.1, optimizer: 'AdamW', shuffle: true }, { accuracy: 0.9 });
  await board.flush();
  return board.file;
}

describe('event files', () => {
  it('frame records with the published checksum', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    // RFC 3720, B.4: 32 bytes of zeros, of ones, rising.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(maskedCrc32c(new Uint8Array(0))).toBe(0xa282ead8);
  });

  it('hold scalars, histograms, images, texts and hyperparameters', async () => {
    const bytes = await readFile(await writeAll());
    const records = readRecords(bytes);
    expect(String(one(records[0]!, 3))).toBe('brain.Event:2');
    expect(Math.abs((one(records[0]!, 1) as number) - Date.now() / 1000)).toBeLessThan(60);
    const values = readSummaries(bytes);
    const scalars = values.filter(({ value }) => one(value, 2) !== undefined);
    expect(scalars.map(({ tag, step, value }) => [tag, step, one(value, 2)])).toEqual([
      ['loss/train', 1, 0.5],
      ['lr', 1, Math.fround(1e-3)],
      ['loss/train', 2 ** 40, 0.25],
      ['lr', 2 ** 40, NaN],
      ['hparam/accuracy', 0, Math.fround(0.9)],
    ]);
    const byTag = (tag: string) => values.find((value) => value.tag === tag)!.value;
    const histogram = sub(byTag('weights'), 5);
    expect([1, 2, 3, 4, 5].map((number) => one(histogram, number))).toEqual([-2, 3, 6, 1.5, 13.75]);
    const [limits, counts] = [doubles(sub(histogram, 6)), doubles(sub(histogram, 7))];
    expect(limits).toHaveLength(counts.length);
    expect(counts.reduce((sum, count) => sum + count)).toBe(6);
    // Each value lies in the bucket that its bounds say.
    const bucketOf = (value: number) => limits.findIndex((limit) => value < limit);
    expect(counts[bucketOf(0.5)]).toBe(2);
    expect(counts[bucketOf(3)]).toBe(1);
    expect(counts[0]).toBe(0);
    const image = sub(byTag('sample'), 4);
    expect([1, 2, 3].map((number) => one(image, number))).toEqual([3, 5, 3]);
    const decoded = decodePng(new Uint8Array(sub(image, 4)));
    expect([decoded.width, decoded.height]).toEqual([5, 3]);
    expect([...decoded.data]).toEqual([...pixels]);
    const notes = byTag('notes');
    expect(String(sub(notes, 9, 1, 1))).toBe('text');
    expect(one(sub(notes, 8), 1)).toBe(7);
    expect(String(sub(notes, 8, 8))).toBe('**bold** ünï');
    const start = sub(byTag('_hparams_/session_start_info'), 9, 1, 2, 3);
    expect(all(start, 1).map((pair) => String(one(pair as Buffer, 1)))).toEqual([
      'lr',
      'optimizer',
      'shuffle',
    ]);
    const [lr, optimizer, shuffle] = all(start, 1).map((pair) => sub(pair as Buffer, 2));
    expect([one(lr!, 2), String(one(optimizer!, 3)), one(shuffle!, 4)]).toEqual([0.1, 'AdamW', 1]);
  });

  it('follow a run, and its second part takes back what was undone', async () => {
    const logs = path.join(folder, 'logs');
    const make = (killed?: number) =>
      trainerOf({
        logger: tensorBoard(logs),
        checkpoint: { store: checkpointFolder(path.join(folder, 'checkpoints')) },
        callbacks: [
          {
            stepEnd: ({ updates }) => {
              if (updates === killed) throw new Error('killed');
            },
          },
        ],
      });
    const fit = { epochs: 4, batchSize, progress: 'none', resume: true } as const;
    await expect(make(8).fit(clusters(samples), fit)).rejects.toThrow('killed');
    const trainer = make();
    const { epochs } = await trainer.fit(clusters(samples), fit);
    const files = (await readdir(logs)).sort();
    expect(files).toHaveLength(2);
    const [first, second] = await Promise.all(files.map((file) => readFile(path.join(logs, file))));
    const losses = [first!, second!].flatMap((file) =>
      readSummaries(file).filter(({ tag }) => tag === 'loss/train'),
    );
    expect(losses.map(({ step }) => step)).toEqual([3, 6, 9, 12]);
    losses.forEach(({ value }, i) => expect(one(value, 2)).toBe(Math.fround(epochs[i]!.loss)));
    // SessionLog START, after the step that the run was resumed from.
    const session = readRecords(second!)[1]!;
    expect([one(session, 2), one(sub(session, 7), 1)]).toEqual([7, 1]);
  });

  it('refuses pixels that do not fill the image', () => {
    const image = { width: 2, height: 2, channels: 3, data: new Uint8Array(4) } as const;
    expect(() => tensorBoard(folder).image('x', image, 0)).toThrow(
      'the pixels do not fill the image (got 4 bytes, wanted 2 x 2 x 3)',
    );
  });

  const python = process.env.HEBB_PYTHON ?? 'python3';
  const there = spawnSync(python, ['-c', 'import tensorboard'], { encoding: 'utf8' }).status === 0;
  const withTensorBoard = there ? it : it.skip;
  withTensorBoard(
    `are read by TensorBoard itself${there ? '' : ' (skipped: HEBB_PYTHON names no Python with tensorboard)'}`,
    async () => {
      await writeAll();
      const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
a = EventAccumulator(sys.argv[1]); a.Reload()
h = a.Histograms('weights')[0].histogram_value
content = a.summary_metadata['_hparams_/session_start_info'].plugin_data.content
start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
experiment = plugin_data_pb2.HParamsPluginData.FromString(
    a.summary_metadata['_hparams_/experiment'].plugin_data.content).experiment
print(json.dumps({
  'tags': {k: v for k, v in a.Tags().items() if isinstance(v, list)},
  'loss': [[e.step, e.value] for e in a.Scalars('loss/train')],
  'histogram': [h.min, h.max, h.num, sum(h.bucket), len(h.bucket) == len(h.bucket_limit)],
  'image': [a.Images('sample')[0].width, a.Images('sample')[0].height],
  'text': a.Tensors('notes')[0].tensor_proto.string_val[0].decode(),
  'hparams': [start.hparams['lr'].number_value, start.hparams['optimizer'].string_value, start.hparams['shuffle'].bool_value],
  'infos': [i.name for i in experiment.hparam_infos] + [m.name.tag for m in experiment.metric_infos],
}))`;
      const { stdout, stderr, status } = spawnSync(python, ['-c', script, folder], {
        encoding: 'utf8',
      });
      expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
      const { tags, ...found } = JSON.parse(stdout) as { tags: Record<string, string[]> };
      expect(found).toEqual({
        loss: [
          [1, 0.5],
          [2 ** 40, 0.25],
        ],
        histogram: [-2, 3, 6, 6, true],
        image: [5, 3],
        text: '**bold** ünï',
        hparams: [0.1, 'AdamW', true],
        infos: ['lr', 'optimizer', 'shuffle', 'hparam/accuracy'],
      });
      expect(tags.scalars).toEqual(['loss/train', 'lr', 'hparam/accuracy']);
      expect(tags.histograms).toEqual(['weights']);
    },
  );
});
