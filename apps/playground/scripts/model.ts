/**
 * Trains the network of the drawing page on MNIST and on drawn digits, both turned, shifted and sheared, and writes
 * it to public/models/digits.safetensors: `npm run model -w apps/playground`. Two minutes on one core.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { wasm } from '@hebb/backend-wasm';
import { init, manualSeed } from '@hebb/core';
import {
  ConcatDataset,
  augment,
  digits,
  mapBatches,
  normalizeColumn,
  randomAffine,
} from '@hebb/data';
import { loadMnist, writeBytes } from '@hebb/data/node';
import { crossEntropy } from '@hebb/nn';
import { AdamW, OneCycleLR, Trainer, encodeTensors } from '@hebb/train';
import { DigitNet } from '../src/digits/net.ts';

const { values } = parseArgs({ options: { epochs: { type: 'string', default: '3' } } });
const epochs = Number(values.epochs);
const batchSize = 64;

await init(wasm());
manualSeed(1);
const mnist = await loadMnist({ log: console.log });
// The network takes pixels from 0 to 1.
const pixels = normalizeColumn('image');
const moved = randomAffine(14, {
  translate: [0.06, 0.06],
  scale: [0.85, 1.15],
  shear: 10,
  interpolation: 'bilinear',
});
const train = mapBatches(
  augment(new ConcatDataset([mnist.train, digits({ count: 15_000, seed: 11 })]), moved, {
    seed: 1,
  }),
  pixels,
);
const net = new DigitNet('cnn');
const lr = 4e-3;
const trainer = new Trainer({
  model: net,
  loss: crossEntropy,
  optimizer: new AdamW({ lr }),
  schedule: new OneCycleLR({ maxLr: lr, totalSteps: epochs * Math.ceil(train.length / batchSize) }),
  metrics: ['accuracy'],
});
await trainer.fit(train, { epochs, batchSize, validation: mapBatches(mnist.test, pixels) });
const drawn = await trainer.evaluate(mapBatches(digits({ count: 2000, seed: 12 }), pixels));
console.log('drawn digits', drawn);

const file = fileURLToPath(new URL('../public/models/digits.safetensors', import.meta.url));
const bytes = await encodeTensors(await net.stateDict(), { architecture: net.architecture });
await writeBytes(file, bytes);
console.log(`${file}: ${bytes.length} bytes`);
