/** A small GPT on Shakespeare's characters, with a cache in Node and compiled. */
import { join } from 'node:path';
import { sizeOf, tensor } from '@hebb/core';
import { GPT, TextGenerator } from '@hebb/layers-transformer';
import { chart } from '../common/chart.ts';
import { corpus } from '../char-rnn/data.ts';
import type { Corpus } from '../char-rnn/data.ts';
import type { Example, Run } from '../common/example.ts';
import { between, integer, UsageError } from '../common/options.ts';
import { exportChecked } from '../common/ship.ts';
import { trainOnce, trained } from '../common/weights.ts';
import { lineY } from '@observablehq/plot';
import { compileGeneration, greedy, loadCompiled } from './compiled.ts';
import { evaluate, train } from './train.ts';

const plans = {
  full: {
    size: { contextLength: 128, layers: 4, heads: 6, width: 192, dropout: 0.1 },
    steps: 3000,
    rows: 16,
    lr: 1.5e-3,
    every: 250,
    held: Infinity,
    atMost: 1.75,
  },
  quick: {
    size: { contextLength: 64, layers: 2, heads: 4, width: 64, dropout: 0 },
    steps: 160,
    rows: 8,
    lr: 3e-3,
    every: 80,
    held: 64,
    atMost: 2.75,
  },
} as const;

interface Point {
  readonly step: number;
  readonly loss: number;
  readonly kind: string;
}

async function learn(
  run: Run,
  model: GPT,
  { train: ids, validation }: Corpus,
  plan: (typeof plans)['full' | 'quick'],
): Promise<void> {
  const started = performance.now();
  const points: Point[] = [];
  await train(model, ids, {
    ...plan,
    seed: run.options.seed,
    async report(step, loss, seconds) {
      const held = await evaluate(model, validation, { rows: plan.rows, limit: 128 });
      points.push({ step, loss, kind: 'training' }, { step, loss: held, kind: 'held out' });
      run.say(
        `step ${String(step).padStart(5)}  loss ${loss.toFixed(3)}  held out ${held.toFixed(3)}  ` +
          `${(seconds * 1000).toFixed(0)} ms a step`,
      );
    },
  });
  const minutes = (performance.now() - started) / 60_000;
  run.measure({ what: 'training time', value: minutes, unit: 'min', digits: 1 });
  const curve = chart({
    title: 'nats a character',
    color: { legend: true },
    x: { label: 'step' },
    y: { label: null },
    marks: [lineY(points, { x: 'step', y: 'loss', stroke: 'kind' })],
  });
  await run.write('curve.svg', curve, { alt: 'loss of training and of held-out text by step' });
}

async function writeHere(
  run: Run,
  model: GPT,
  { vocabulary }: Corpus,
  prompt: Int32Array,
  length: number,
  temperature: number,
): Promise<void> {
  const generator = new TextGenerator(model);
  const { seed } = run.options;
  const most = Math.min(length, generator.capacity - prompt.length);
  let text = '';
  const started = performance.now();
  const options = { maxNewTokens: most, temperature, topP: 0.95, seed };
  for await (const id of generator.stream([...prompt], options)) text += vocabulary.decode([id]);
  const seconds = (performance.now() - started) / 1000;
  for (const line of (vocabulary.decode(prompt) + text).split('\n')) run.say(`  ${line}`);
  run.note('writing in Node', `${(most / seconds).toFixed(0)} characters a second, with a cache`);
  generator.dispose();
}

/** The folder of two functions gives the text that Node gives. */
async function askCompiled(run: Run, model: GPT, prompt: Int32Array): Promise<void> {
  const folder = join(run.out, 'compiled');
  const bytes = await compileGeneration(model, folder, [16, model.contextLength]);
  const compiled = await loadCompiled(folder);
  const filled = prompt.length <= 16 ? 16 : model.contextLength;
  const length = model.contextLength - prompt.length;
  const generator = new TextGenerator(model);
  const here = await generator.generate([...prompt], { temperature: 0, maxNewTokens: length });
  generator.dispose();
  greedy(compiled, [...prompt], { length: 8, filled });
  const started = performance.now();
  const there = greedy(compiled, [...prompt], { length, filled });
  const seconds = (performance.now() - started) / 1000;
  const same = here.every((id, i) => id === there[i]);
  run.check(same, 'the compiled model writes something else than Node');
  run.note(
    'compiled',
    `prefill and decode in ${(bytes / 1024).toFixed(0)} KiB of code, ` +
      `${same ? 'the same text' : 'ANOTHER TEXT'}, ${(length / seconds).toFixed(0)} characters a second on one thread`,
  );
}

export const gpt: Example = {
  name: 'gpt',
  summary: 'A small GPT that writes like Shakespeare, with a cache, in Node and compiled',
  options: {
    ...trained,
    prompt: { type: 'string', default: '\nROMEO:\n', help: 'what the text begins with' },
    length: { type: 'string', default: '100', help: 'characters to write' },
    temperature: { type: 'string', default: '0.8', help: 'above 0; higher is bolder' },
  },
  async run(run) {
    const { own, quick } = run.options;
    const length = integer('length', own['length'], 0);
    const temperature = between('temperature', own['temperature'], 0, Infinity);
    const text = await corpus();
    const { vocabulary } = text;
    const given = String(own['prompt']);
    const unknown = [...given].find((character) => !vocabulary.tokens.includes(character));
    if (unknown !== undefined) {
      throw new UsageError(`--prompt: the plays have no ${JSON.stringify(unknown)}`);
    }
    const plan = quick ? plans.quick : plans.full;
    const prompt = vocabulary.encode(given);
    if (prompt.length === 0 || prompt.length >= plan.size.contextLength) {
      throw new UsageError(`--prompt wants 1 to ${plan.size.contextLength - 1} characters`);
    }
    const model = new GPT({ vocabSize: vocabulary.size, ...plan.size });
    const parameters = model.parameters().reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    run.note('parameters', parameters.toLocaleString('en'));
    await trainOnce(run, model, () => learn(run, model, text, plan));
    const loss = await evaluate(model, text.validation, { rows: plan.rows, limit: plan.held });
    run.measure({
      what: 'held-out text',
      value: loss,
      unit: 'nats a character',
      digits: 3,
      atMost: plan.atMost,
    });
    await writeHere(run, model, text, prompt, length, temperature);
    await exportChecked(run, {
      name: 'gpt',
      model,
      input: { ids: { shape: [1, 'time'], dtype: 'int32' } },
      output: ['logits'],
      cases: [tensor(prompt, { shape: [1, prompt.length] })].map((ids) => ({ ids })),
      opset: 23,
      atol: 1e-4,
    });
    await askCompiled(run, model, prompt);
  },
};
