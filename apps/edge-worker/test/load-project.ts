/** LeNet and a small decoder in one worker that can collect its rubbish, and leak when it is told to. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { manualSeed } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import { generationFunctions } from '@hebb/layers-transformer';
import { Flatten, Linear, ReLU, Sequential, Softmax } from '@hebb/nn';
import { contextLength, letters, smallGpt } from './text-project.ts';

const script = `import { cachedTextModel, characterTokenizer, serve, textApi } from '@hebb/edge';
import { loadModel as lenet } from './lenet/index.js';
import { loadModel as gpt } from './gpt/index.js';

const tokenizer = characterTokenizer(${JSON.stringify(letters)});
const text = textApi({
  models: { gpt: { load: async () => cachedTextModel(await gpt(), { tokenizer }) } },
});
const server = serve({ models: { lenet: { load: lenet } }, extensions: [text], metrics: true });
const kept = [];
let leak = 0;
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/collect') {
      gc();
      return new Response('collected');
    }
    if (pathname === '/leak') {
      leak = Number(searchParams.get('bytes'));
      return new Response('leaking');
    }
    if (leak > 0) kept.push(new Array(leak / 8).fill(kept.length + 0.5));
    return server.fetch(request);
  },
};
`;

export function lenet(): Sequential {
  manualSeed(3);
  return new Sequential(
    ...[new Conv2d(1, 6, 5, { padding: 2 }), new ReLU(), new MaxPool2d(2)],
    ...[new Conv2d(6, 16, 5), new ReLU(), new MaxPool2d(2), new Flatten()],
    ...[new Linear(400, 120), new ReLU(), new Linear(120, 84), new ReLU(), new Linear(84, 10)],
    new Softmax(1),
  ).eval();
}

/** Writes the project around that LeNet and returns its folder. */
export async function writeLoadProject(net: Sequential): Promise<string> {
  const out = join(dirname(fileURLToPath(import.meta.url)), '../out');
  await mkdir(out, { recursive: true });
  const directory = await mkdtemp(join(out, 'load-'));
  const simd = ['relaxed'] as const;
  const run = (x: Tensor) => net.forward(x);
  const functions = { run: { run, input: { x: [1, 1, 28, 28] }, output: 'y' } };
  const compiled = await compileFunctions({ name: 'lenet', functions }, { simd });
  await writeCompiled(compiled, 'worker', join(directory, 'lenet'));
  const spec = generationFunctions(smallGpt(), { capacity: contextLength, prompts: [8] });
  await writeCompiled(await compileFunctions(spec, { simd }), 'worker', join(directory, 'gpt'));
  await writeFile(join(directory, 'worker.js'), script);
  const configuration = {
    name: 'load-test',
    main: 'worker.js',
    compatibility_date: '2026-04-01',
  };
  await writeFile(join(directory, 'wrangler.json'), JSON.stringify(configuration));
  return directory;
}
