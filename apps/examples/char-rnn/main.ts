/** A character model of Shakespeare's plays that writes more of them. */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpu } from '@hebb/backend-cpu';
import { wasm } from '@hebb/backend-wasm';
import { init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { exportOnnx, verifyOnnx } from '@hebb/onnx/node';
import { bigramBits, corpus } from './data.ts';
import { CharRnn } from './model.ts';
import { evaluate, train, write } from './train.ts';

const help = `Trains an LSTM on Shakespeare's plays, states its bits per character and writes text.

  --quick           a small network on a part of the text: under a minute
  --epochs N        passes over the text (default 4; 1 with --quick)
  --prompt TEXT     what the text begins with (default "ROMEO:")
  --length N        characters to write (default 400)
  --temperature X   below 1: likelier characters more often (default 0.8)
  --backend NAME    wasm (default) or cpu
  --seed N          default 0
`;
const say = (line = ''): void => void process.stdout.write(`${line}\n`);

async function run(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      epochs: { type: 'string' },
      prompt: { type: 'string', default: 'ROMEO:' },
      length: { type: 'string', default: '400' },
      temperature: { type: 'string', default: '0.8' },
      backend: { type: 'string', default: 'wasm' },
      seed: { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(help);
    return true;
  }
  const { quick } = values;
  const [length, temperature, seed] = [
    Number(values.length),
    Number(values.temperature),
    Number(values.seed),
  ];
  if (!Number.isInteger(length) || length < 0) throw new Error('--length wants a whole number');
  if (!(temperature > 0)) throw new Error('--temperature wants a positive number');
  await init(values.backend === 'cpu' ? cpu() : wasm());
  manualSeed(seed);
  const text = await corpus();
  const size = quick
    ? { embedding: 32, hidden: 128, layers: 1, dropout: 0 }
    : { embedding: 64, hidden: 256, layers: 2, dropout: 0.2 };
  const model = new CharRnn(text.vocabulary.size, size);
  const parameters = model.parameters().reduce((sum, p) => sum + p.value.size, 0);
  say(`${text.train.length} characters of ${text.vocabulary.size} kinds, ${parameters} parameters`);
  await train(model, text, {
    epochs: Number(values.epochs ?? (quick ? 1 : 4)),
    limit: quick ? 250 : Infinity,
    rows: 32,
    steps: 64,
    lr: quick ? 4e-3 : 2e-3,
    log: say,
  });
  model.eval();
  const how = { rows: 8, steps: 128, ...(quick && { limit: 40 }) };
  const bits = await evaluate(model, text.validation, how);
  const simple = bigramBits(text);
  say(
    `held-out text: ${bits.toFixed(3)} bits a character (pairs of characters: ${simple.toFixed(3)})`,
  );

  const out = fileURLToPath(new URL('../out/', import.meta.url));
  await mkdir(out, { recursive: true });
  const file = join(out, 'char-rnn.onnx');
  // One character and the state in, logits and the next state out: what a stream needs.
  const step = (id: Tensor, h: Tensor, c: Tensor): Tensor[] => {
    const [logits, state] = model.forward(id, [h, c]);
    return [logits, ...state];
  };
  const state = [size.layers, 1, size.hidden];
  const { bytes } = await exportOnnx(step, file, {
    name: 'char-rnn',
    input: {
      id: { shape: [1, 1], dtype: 'int32' },
      h: { shape: state, dtype: 'float32' },
      c: { shape: state, dtype: 'float32' },
    },
    output: ['logits', 'h_next', 'c_next'],
  });
  const [h, c] = model.start(1);
  const cases = [{ id: tensor(Int32Array.of(3), { shape: [1, 1] }), h, c }];
  const { ok, maxError } = await verifyOnnx(file, step, { cases, rtol: 1e-3, atol: 1e-4 });
  say(`${relative(process.cwd(), file)}: ${(bytes / 1024).toFixed(0)} KiB, in ONNX Runtime`);
  say(`${ok ? 'the same' : 'DIFFERENT'} within ${maxError.toExponential(1)}\n`);

  process.stdout.write(values.prompt);
  for await (const character of write(model, text, values.prompt, { length, temperature, seed })) {
    process.stdout.write(character);
  }
  say('\n');
  if (bits >= simple) say('FAILED: no better than pairs of characters');
  return ok && bits < simple;
}

try {
  if (!(await run())) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`char-rnn: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
