/** A bounded run of the fuzzer, and proof that it would find something. `npm run fuzz` goes on by hand. */
import { cpu } from '@hebb/backend-cpu';
import { composite, init } from '@hebb/core';
import { encodeModel } from '../src/index.ts';
import type { ModelProto } from '../src/index.ts';
import { bombs } from './fuzz/bombs.ts';
import { corpus } from './fuzz/corpus.ts';
import { fileOf, fuzz, outcomeOf, processorTime, slow } from './fuzz/fuzz.ts';

let models: readonly ModelProto[];
beforeAll(async () => {
  await init(cpu());
  models = await corpus(200);
});

const seed = 20_000;

it('broken files end in a result or a named error', async () => {
  const report = await fuzz({ models, seed, count: 3000 });
  expect(report.findings.map(({ seed: own, problem }) => `${own}: ${problem}`)).toEqual([]);
  expect(report.count).toBe(3000);
  // Mutations reach every stage; a fuzzer whose files all fail to parse tests the parser alone.
  for (const count of Object.values(report.outcomes)) expect(count).toBeGreaterThan(150);
});

it('the same seed is the same file', () => {
  expect(fileOf(models, seed + 7)).toEqual(fileOf(models, seed + 7));
  expect(fileOf(models, seed + 7)).not.toEqual(fileOf(models, seed + 8));
});

it('a fault in an operator is found, with the file that shows it', async () => {
  const faulty = composite('faulty', {
    body: () => {
      throw new SyntaxError('planted');
    },
    onnx: { op: 'Add', since: 1 },
    samples: [],
  });
  const importOptions = { operators: [faulty.op] };
  const report = await fuzz({ models, seed, count: 400, importOptions });
  expect(report.findings.length).toBeGreaterThan(0);
  const [found] = report.findings;
  expect(found!.problem).toMatch(/planted/);
  expect(found!.bytes).toEqual(fileOf(models, found!.seed));
  await expect(outcomeOf(found!.bytes, { importOptions })).rejects.toThrow('planted');
});

it.each(bombs().map((model, i) => [model.graph!.node.at(-1)!.opType!, i, model] as const))(
  '%s (%i) stays small or is refused, where values may be as large as in real models',
  async (_, __, model) => {
    const { arrayBuffers } = process.memoryUsage();
    const begun = processorTime();
    const outcome = await outcomeOf(encodeModel(model), {
      importOptions: { maxElements: 2 ** 26 },
    });
    expect(['ran', 'refused as a model', 'refused when run']).toContain(outcome);
    // Seconds at most, where one that is not noticed takes hours and terabytes.
    expect(processorTime() - begun).toBeLessThan(4 * slow);
    expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(2 ** 31);
  },
);
