/** Asks the edge worker about real test images and holds its answers against Node's. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Module } from '@hebb/nn';
import { compile, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { MNIST_NORMALIZATION, encodePng, pngToTensorArray } from '@hebb/data';
import type { Dataset, DigitSample } from '@hebb/data';
import { writeBytes } from '@hebb/data/node';
import { bundleSize } from '@hebb/edge/node';
import { conditions, post, withWorker } from '../common/ship.ts';
import type { Answer } from '../common/ship.ts';

const directory = join(dirname(fileURLToPath(import.meta.url)), '../../edge-worker');

export interface WorkerReport {
  readonly asked: number;
  /** Answers whose class is Node's. */
  readonly agree: number;
  /** Answers whose class is the label. */
  readonly correct: number;
  readonly largestDifference: number;
  readonly startMs: number;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly script: number;
  readonly scriptGzip: number;
}

interface DigitAnswer extends Answer {
  readonly predictions: readonly { readonly index: number }[];
}

/** Puts the model where the worker project looks for it. */
async function install(model: Uint8Array): Promise<void> {
  const card = {
    name: 'digits',
    description: 'Handwritten digits, 28 x 28, white on black',
    labels: Array.from({ length: 10 }, (_, i) => String(i)),
    image: { size: 28, ...MNIST_NORMALIZATION },
  };
  await mkdir(join(directory, 'model'), { recursive: true });
  await writeBytes(join(directory, 'model/model.onnx'), model);
  await writeBytes(
    join(directory, 'model/model.card'),
    new TextEncoder().encode(`${JSON.stringify(card, null, 2)}\n`),
  );
}

export async function askAboutDigits(
  model: Uint8Array,
  network: Module & { forward(x: Tensor): Tensor },
  test: Dataset<DigitSample>,
  count: number,
): Promise<WorkerReport> {
  await install(model);
  const size = await bundleSize({ directory, conditions });
  return withWorker(directory, async (worker) => {
    const predict = compile((x: Tensor) => network.forward(x), { name: 'predict' });
    const times: number[] = [];
    let agree = 0;
    let correct = 0;
    let largestDifference = 0;
    for (let i = 0; i < count; i++) {
      const { image, label } = test.get(i);
      const png = encodePng({
        data: Uint8Array.from(image.data as Uint8Array),
        width: 28,
        height: 28,
        channels: 1,
      });
      const input = pngToTensorArray(png, { size: 28, ...MNIST_NORMALIZATION });
      const started = performance.now();
      // Every other image as JSON: both doors must give the same.
      const answer =
        i % 2 === 0
          ? await post<DigitAnswer>(worker, Uint8Array.from(png), 'image/png')
          : await post<DigitAnswer>(
              worker,
              JSON.stringify({ input: { shape: input.shape, data: Array.from(input.data) } }),
              'application/json',
            );
      times.push(performance.now() - started);
      const here = await (await predict(tensor(input.data, { shape: input.shape }))).data();
      const there = Object.values(answer.outputs)[0]!.data;
      let best = 0;
      for (let k = 0; k < 10; k++) {
        largestDifference = Math.max(largestDifference, Math.abs(Number(here[k]) - there[k]!));
        if (here[k]! > here[best]!) best = k;
      }
      if (answer.predictions[0]?.index === best) agree += 1;
      if (answer.predictions[0]?.index === Number(label.data[0])) correct += 1;
    }
    const [first, ...rest] = times;
    const sorted = rest.sort((a, b) => a - b);
    return {
      asked: count,
      agree,
      correct,
      largestDifference,
      startMs: worker.startMs,
      firstMs: first!,
      medianMs: sorted[Math.floor(sorted.length / 2)]!,
      p95Ms: sorted[Math.floor(sorted.length * 0.95)]!,
      script: size.script,
      scriptGzip: size.gzip,
    };
  });
}
