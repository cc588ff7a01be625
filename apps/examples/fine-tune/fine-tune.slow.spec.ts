/** The example as a user runs it: it checks its own accuracy and asks ONNX Runtime. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readWav, spectrogram } from './spectrogram.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const shared = at('../../../../shared/data/');
const present = ['models/mnist-12', 'datasets/fsdd'].every((path) => existsSync(shared + path));

// The data folder lies beside the repository.
(present ? it : it.skip)(
  'hears spoken digits after a short training',
  async () => {
    const out = await mkdtemp(join(tmpdir(), 'hebb-fine-tune-'));
    try {
      const { stdout } = await promisify(execFile)(at('../../../node_modules/.bin/node'), [
        '--conditions=@hebb/source',
        at('main.ts'),
        '--quick',
        '--out',
        out,
      ]);
      expect(stdout).toMatch(/all layers: [89]\d/);
      expect(stdout).toMatch(/onnxruntime-web [\d.]+ agrees/);
    } finally {
      await rm(out, { recursive: true });
    }
  },
  120_000,
);

it('paints a rising tone as a line that rises', () => {
  const rate = 8000;
  const samples = Float32Array.from({ length: rate }, (_, i) => {
    const t = i / rate;
    return Math.sin(2 * Math.PI * (300 * t + 1200 * t * t));
  });
  const wav = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(wav.buffer);
  wav.set(new TextEncoder().encode('RIFF----WAVEfmt '));
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint16(34, 16, true);
  wav.set(new TextEncoder().encode('data'), 36);
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((v, i) => view.setInt16(44 + 2 * i, v * 32767, true));
  const read = readWav(wav);
  expect(read.rate).toBe(rate);
  const picture = spectrogram(read.samples, read.rate);
  const rowOfMost = (column: number): number => {
    const levels = Array.from({ length: 28 }, (_, row) => picture[row * 28 + column]!);
    return levels.indexOf(Math.max(...levels));
  };
  const rows = [2, 10, 18, 25].map(rowOfMost);
  expect(rows).toEqual([...rows].sort((a, b) => b - a));
  expect(rows[0]! - rows[3]!).toBeGreaterThan(8);
});
