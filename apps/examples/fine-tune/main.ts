/**
 * A model from elsewhere learns another task: the trunk of a network that reads handwritten digits is given
 * a new head and listens to spoken ones. `npm run fine-tune`.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpu } from '@hebb/backend-cpu';
import { wasm } from '@hebb/backend-wasm';
import { init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Flatten, Linear, Sequential, Softmax, crossEntropy } from '@hebb/nn';
import { exportOnnx, importOnnxFile, verifyOnnx } from '@hebb/onnx/node';
import { AdamW, Trainer } from '@hebb/train';
import { loadSpeech } from './spectrogram.ts';

const here = dirname(fileURLToPath(import.meta.url));
const shared = join(here, '../../../../shared/data');
const say = (line = ''): void => void process.stdout.write(`${line}\n`);

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    backend: { type: 'string', default: 'wasm' },
    model: { type: 'string', default: join(shared, 'models/mnist-12/model.onnx') },
    speech: { type: 'string', default: join(shared, 'datasets/fsdd') },
    out: { type: 'string', default: join(here, '../out') },
  },
});

async function fineTune(): Promise<boolean> {
  for (const path of [options.model, options.speech]) {
    if (!existsSync(path)) throw new Error(`${path} is missing: see --model and --speech`);
  }
  await init(options.backend === 'cpu' ? cpu() : wasm());
  manualSeed(0);

  // The file is written for one picture at a time and ends in scores of digits: neither is kept.
  const trunk = await importOnnxFile<Tensor>(options.model, {
    inputs: { Input3: ['batch', 1, 28, 28] },
    outputs: ['Pooling160_Output_0'],
  });
  trunk.freeze();
  const model = new Sequential(trunk, new Flatten(), new Linear(16 * 4 * 4, 10));
  say(`trunk of ${trunk.producer}: ${[...trunk.namedParameters().keys()].join(', ')}`);

  const { train, test } = await loadSpeech(options.speech, options.quick ? 15 : Infinity);
  say(`${train.length} recordings to learn from, ${test.length} to be judged by`);
  const fit = async (lr: number, epochs: number): Promise<number> => {
    const optimizer = new AdamW({ lr });
    const trainer = new Trainer({ model, loss: crossEntropy, optimizer, metrics: ['accuracy'] });
    await trainer.fit(train, { epochs, batchSize: 32 });
    return (await trainer.confusionMatrix(test)).accuracy;
  };
  const head = await fit(2e-3, options.quick ? 8 : 12);
  say(`the head alone: ${(100 * head).toFixed(1)} %`);
  trunk.unfreeze();
  const whole = await fit(1e-3, options.quick ? 8 : 12);
  say(`all layers: ${(100 * whole).toFixed(1)} %`);

  await mkdir(options.out, { recursive: true });
  const file = join(options.out, 'spoken-digits.onnx');
  const served = new Sequential(model, new Softmax(1)).eval();
  await exportOnnx(served, file, {
    name: 'spoken digits',
    input: { spectrogram: ['batch', 1, 28, 28] },
    output: ['probabilities'],
  });
  const cases = [1, 3, 8].map((n) => {
    const { image } = test.batch(Int32Array.from({ length: n }, (_, i) => i));
    return { spectrogram: tensor(image.data, { shape: image.shape, dtype: image.dtype }) };
  });
  const report = await verifyOnnx(file, served, { cases });
  say(`${relative(process.cwd(), file)}: ${report.runtime} ${report.ok ? 'agrees' : 'disagrees'}`);

  const wanted = options.quick ? 0.8 : 0.93;
  if (whole < wanted) say(`FAILED: ${whole} of the recordings are right, wanted ${wanted}`);
  return report.ok && whole >= wanted;
}

try {
  if (!(await fineTune())) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`fine-tune: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
