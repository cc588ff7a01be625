/** Digits from the edge worker, held against Node's: `GET /draw?digit=7&seed=3`. */
import { cp, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compileOnnx, writeCompiled } from '@hebb/cli';
import { Philox, decodePng, tensorArrayToImage } from '@hebb/data';
import { startWorker } from '@hebb/edge/node';
import { importOnnxFile } from '@hebb/onnx/node';
import type { Model } from '@hebb/runtime';
import { conditions } from '../common/ship.ts';
import { latentSize } from './model.ts';

const directory = join(dirname(fileURLToPath(import.meta.url)), '../../edge-worker');

export interface DrawReport {
  readonly asked: number;
  /** Pictures whose pixels are Node's. */
  readonly same: number;
  readonly startMs: number;
  readonly medianMs: number;
  /** The first picture, as it came. */
  readonly png: Uint8Array;
}

/** The compiled model in Node, from the same file. */
async function inNode(file: string, folder: string): Promise<Model> {
  const built = await compileOnnx(
    await importOnnxFile(file),
    { name: 'generator', shapes: [{ batch: 1 }] },
    { simd: ['relaxed'] },
  );
  await writeCompiled(built, 'node', folder);
  const module = (await import(pathToFileURL(join(folder, 'index.js')).href)) as {
    loadModel(): Promise<Model>;
  };
  return module.loadModel();
}

/**
 * Puts the compiled generator where the worker looks for it, starts the worker, and compares its pictures.
 *
 * @param compiled The folder that `ship` wrote for workers.
 */
export async function drawOnWorker(
  file: string,
  compiled: string,
  out: string,
  count: number,
): Promise<DrawReport> {
  const place = join(directory, 'model/generator');
  await rm(place, { recursive: true, force: true });
  await mkdir(dirname(place), { recursive: true });
  await cp(compiled, place, { recursive: true });
  const model = await inNode(file, join(out, 'node'));
  const worker = await startWorker({ directory, config: 'wrangler.draw.jsonc', conditions });
  try {
    let same = 0;
    const times: number[] = [];
    let first = new Uint8Array();
    for (let i = 0; i < count; i++) {
      const [digit, seed] = [i % 10, 3 + i];
      const asked = performance.now();
      const response = await fetch(`${worker.url}/draw?digit=${digit}&seed=${seed}`);
      const png = new Uint8Array(await response.arrayBuffer());
      times.push(performance.now() - asked);
      if (!response.ok) throw new Error(`the worker answered ${response.status}`);
      if (i === 7) first = png;
      const { image } = model.run({
        z: new Philox(seed, digit).bells(latentSize),
        digit: Int32Array.of(digit),
      });
      const here = tensorArrayToImage(
        { shape: image!.shape, data: Float32Array.from(image!.data, Number) },
        { low: -1 },
      );
      if (Buffer.compare(here.data, decodePng(png).data) === 0) same += 1;
    }
    times.sort((a, b) => a - b);
    return {
      asked: count,
      same,
      startMs: worker.startMs,
      medianMs: times[Math.floor(count / 2)]!,
      png: first,
    };
  } finally {
    await worker.stop();
  }
}
