/**
 * Trains the small model that types on the text page, on Shakespeare's plays, and writes it to
 * public/models/gpt.safetensors: `npm run model:gpt -w apps/playground [-- --steps N]`. A few minutes on one core.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { wasm } from '@hebb/backend-wasm';
import { init, manualSeed } from '@hebb/core';
import { writeBytes } from '@hebb/data/node';
import { packModel } from '../src/pages/gpt/packed.ts';
import { TextTraining, textModel, vocabularyOf } from '../src/pages/gpt/text-model.ts';

const { values } = parseArgs({ options: { steps: { type: 'string', default: '1200' } } });
const steps = Number(values.steps);
const lr = 3e-3;

const root = new URL('../../../', import.meta.url);
const data = process.env['HEBB_DATA'] ?? fileURLToPath(new URL('../shared/data', root));
const text = await readFile(`${data}/datasets/tinyshakespeare/input.txt`, 'utf8');

await init(wasm({ threads: 1 }));
manualSeed(1);
const made = textModel(vocabularyOf(text), { contextLength: 128, layers: 3, heads: 4, width: 96 });
const training = new TextTraining(made, text, { rows: 10, lr, seed: 1 });
const file = fileURLToPath(new URL('../public/models/gpt.safetensors', import.meta.url));
const warmUp = Math.min(100, steps / 10);
const started = performance.now();
let [sum, count] = [0, 0];
for (let k = 0; k < steps; k++) {
  training.lr =
    k < warmUp
      ? (lr * (k + 1)) / warmUp
      : lr * (0.05 + 0.475 * (1 + Math.cos((Math.PI * (k - warmUp)) / (steps - warmUp))));
  sum += await training.step();
  count += 1;
  if ((k + 1) % 100 === 0 || k + 1 === steps) {
    let held = 0;
    for (let i = 0; i < 8; i++) held += (await training.heldOut()) / 8;
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `step ${k + 1}  loss ${(sum / count).toFixed(3)}  held out ${held.toFixed(3)}  ${seconds.toFixed(0)} s`,
    );
    [sum, count] = [0, 0];
    await writeBytes(file, await packModel(made));
  }
}
