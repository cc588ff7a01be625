/** A character model of Shakespeare's plays that writes more of them, in the terminal and from a worker. */
import { tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Example, Run } from '../common/example.ts';
import { UsageError, integer } from '../common/options.ts';
import { withService } from '../common/service.ts';
import { ship } from '../common/ship.ts';
import { trainOnce, trained } from '../common/weights.ts';
import { bigramBits, corpus } from './data.ts';
import type { Corpus } from './data.ts';
import { CharRnn } from './model.ts';
import { evaluate, stepper, train } from './train.ts';
import type { WorkerData } from './worker.ts';
import { write } from './write.ts';
import type { WriteOptions } from './write.ts';

const plans = {
  full: {
    size: { embedding: 64, hidden: 256, layers: 2, dropout: 0.2 },
    epochs: 3,
    limit: Infinity,
    lr: 2e-3,
    held: {},
    atMost: 2.4,
  },
  quick: {
    size: { embedding: 32, hidden: 128, layers: 1, dropout: 0 },
    epochs: 1,
    limit: 150,
    lr: 4e-3,
    held: { limit: 30 },
    atMost: 3.4,
  },
} as const;

/** Text in the terminal while it is written. */
async function writeHere(
  run: Run,
  model: CharRnn,
  text: Corpus,
  prompt: string,
  options: WriteOptions,
): Promise<void> {
  const step = stepper(model);
  const started = performance.now();
  run.put(prompt);
  for await (const character of write(step, text.vocabulary, prompt, options)) run.put(character);
  run.say();
  step.dispose();
  const speed = options.length / ((performance.now() - started) / 1000);
  if (options.length > 0) run.note('writing in Node', `${speed.toFixed(0)} characters a second`);
}

/** One character and the state in, logits and the next state out: what a stream needs. */
export function exportedStep(model: CharRnn) {
  const { numLayers, hiddenSize } = model.lstm;
  const state = { shape: [numLayers, 1, hiddenSize], dtype: 'float32' } as const;
  const [h, c] = model.start(1);
  return {
    model: (id: Tensor, before: Tensor, cell: Tensor): Tensor[] => {
      const [logits, next] = model.forward(id, [before, cell]);
      return [logits, ...next];
    },
    input: { id: { shape: [1, 1], dtype: 'int32' }, h: state, c: state },
    output: ['logits', 'h_next', 'c_next'],
    example: { id: tensor(Int32Array.of(3), { shape: [1, 1] }), h, c },
  } as const;
}

async function shipStep(run: Run, model: CharRnn): Promise<string> {
  const { example, ...step } = exportedStep(model);
  const { folder } = await ship(run, {
    ...step,
    name: 'char-rnn',
    cases: [example],
    state: { h: 'h_next', c: 'c_next' },
    atol: 1e-4,
  });
  return folder;
}

interface Answer {
  readonly text: string;
  readonly chunks: number;
  /** Milliseconds until the first chunk, and until the last. */
  readonly first: number;
  readonly last: number;
}

async function ask(url: string, body: unknown): Promise<Answer> {
  const started = performance.now();
  const response = await fetch(`${url}/write`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok) throw new Error(`the worker answered ${response.status}`);
  const decoder = new TextDecoder();
  let [text, chunks, first] = ['', 0, 0];
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    if (chunks === 0) first = performance.now() - started;
    chunks += 1;
  }
  return { text: text + decoder.decode(), chunks, first, last: performance.now() - started };
}

async function askWorker(
  run: Run,
  folder: string,
  model: CharRnn,
  { vocabulary }: Corpus,
): Promise<void> {
  const data: WorkerData = { tokens: vocabulary.tokens };
  const entry = new URL('./worker.ts', import.meta.url);
  const service = { name: 'char-rnn', entry, models: { step: folder }, data };
  await withService(run, service, async ({ url }) => {
    const length = run.options.quick ? 120 : 300;
    const greedy = { length, temperature: 0, seed: 0 };
    const prompts = ['ROMEO:\n', 'First Citizen:\n'];
    const step = prompts.map(() => stepper(model));
    const here = await Promise.all(
      prompts.map(async (prompt, i) => {
        let text = '';
        for await (const character of write(step[i]!, vocabulary, prompt, greedy))
          text += character;
        step[i]!.dispose();
        return text;
      }),
    );
    // Both at once: neither may disturb the other's state.
    const there = await Promise.all(prompts.map((prompt) => ask(url, { prompt, ...greedy })));
    const agree = there.filter(({ text }, i) => text === here[i]).length;
    const drawn = { prompt: prompts[0], length: 4000, temperature: 0.7, seed: 1 };
    const free = await ask(url, drawn);
    const speed = drawn.length / (free.last / 1000);
    run.note(
      'edge worker',
      `${agree} of ${prompts.length} greedy texts of ${length} characters are Node's; ${drawn.length} characters ` +
        `stream in ${free.chunks} chunks, the first after ${free.first.toFixed(0)} ms, ${speed.toFixed(0)} a second`,
    );
    run.check(agree === prompts.length, 'the worker writes another text than Node');
    run.say('\nThe worker writes:');
    const shown = prompts[0]! + free.text.slice(0, 300);
    for (const line of shown.split('\n')) run.say(`  ${line}`);
  });
}

export const charRnn: Example = {
  name: 'char-rnn',
  summary:
    "Trains an LSTM on Shakespeare's plays, states its bits per character and writes text here and from an edge worker",
  options: {
    epochs: { type: 'string', help: 'passes over the text (default 3; 1 with --quick)' },
    ...trained,
    prompt: { type: 'string', default: 'ROMEO:\n', help: 'what the text begins with' },
    length: { type: 'string', default: '400', help: 'characters to write (default 400)' },
    temperature: {
      type: 'string',
      default: '0.8',
      help: 'below 1: likelier characters more often; 0: always the likeliest (default 0.8)',
    },
  },
  async run(run) {
    const { quick, seed, own } = run.options;
    const plan = plans[quick ? 'quick' : 'full'];
    const epochs = own['epochs'] === undefined ? plan.epochs : integer('epochs', own['epochs'], 1);
    const length = integer('length', own['length'], 0);
    const temperature = Number(own['temperature']);
    if (!(temperature >= 0 && temperature < Infinity)) {
      throw new UsageError('--temperature wants a number of at least 0');
    }
    const prompt = String(own['prompt']);
    const text = await corpus();
    const unknown = [...prompt].find((character) => !text.vocabulary.tokens.includes(character));
    if (unknown !== undefined) {
      throw new UsageError(`--prompt: the plays have no ${JSON.stringify(unknown)}`);
    }
    const model = new CharRnn(text.vocabulary.size, plan.size);
    const parameters = model.parameters().reduce((sum, p) => sum + p.value.size, 0);
    run.say(
      `${text.train.length} characters of ${text.vocabulary.size} kinds, ${parameters} parameters`,
    );
    const { limit, lr } = plan;
    await trainOnce(run, model, () =>
      train(model, text, { epochs, limit, lr, rows: 32, steps: 64, log: run.say }),
    );
    model.eval();
    const held = { rows: 8, steps: 128, ...plan.held };
    const bits = await evaluate(model, text.validation, held);
    run.measure({
      what: 'pairs of characters, bits a character',
      value: bigramBits(text),
      digits: 3,
    });
    run.measure({ what: 'LSTM, bits a character', value: bits, digits: 3, atMost: plan.atMost });

    const folder = await shipStep(run, model);
    run.say();
    await writeHere(run, model, text, prompt, { length, temperature, seed });
    await askWorker(run, folder, model, text);
  },
};
