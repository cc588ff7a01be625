/** Worker projects of the benchmark: compiled models behind the handler, one route a variant. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { manualSeed } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import { GPT, generationFunctions } from '@hebb/layers-transformer';
import { Flatten, Linear, ReLU, Sequential, Softmax } from '@hebb/nn';

const out = fileURLToPath(new URL('../../out/edge', import.meta.url));

/** A fresh folder beside the sources, where bundlers find the packages. */
export async function projectFolder(name: string): Promise<string> {
  const folder = join(out, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return folder;
}

export async function writeProject(
  folder: string,
  script: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await writeFile(join(folder, 'worker.js'), script);
  const configuration = { name: 'bench', main: 'worker.js', compatibility_date: '2026-04-01' };
  await writeFile(join(folder, 'wrangler.json'), JSON.stringify({ ...configuration, ...more }));
}

/** LeNet-5 with ReLU. Shape: [N, 1, 28, 28] -> [N, 10]. */
export function leNet(): Sequential {
  manualSeed(3);
  return new Sequential(
    ...[new Conv2d(1, 6, 5, { padding: 2 }), new ReLU(), new MaxPool2d(2)],
    ...[new Conv2d(6, 16, 5), new ReLU(), new MaxPool2d(2), new Flatten()],
    ...[new Linear(400, 120), new ReLU(), new Linear(120, 84), new ReLU(), new Linear(84, 10)],
    new Softmax(1),
  ).eval();
}

/** Wide layers: at batch 1 their time is that of reading 17 MB of weights. Shape: [N, 784] -> [N, 10]. */
export function wide(): Sequential {
  manualSeed(4);
  return new Sequential(
    ...[new Linear(784, 2048), new ReLU(), new Linear(2048, 1280), new ReLU()],
    ...[new Linear(1280, 10), new Softmax(1)],
  ).eval();
}

/** Sizes that the classifiers are compiled for. */
const batches = [1, 4, 16, 32];

const classifierScript = `
import { batched, serve } from '@hebb/edge';
import { loadModel } from './model/index.js';
const model = await loadModel();
const serverOf = (load, more = {}) => serve({ models: { model: { load } }, ...more });
const servers = {
  plain: serverOf(() => model),
  batched: serverOf(() => batched(model, { wait: 1 })),
  cached: serverOf(() => model, { cache: { maxAge: 3600, version: '1' } }),
};
export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    const name = pathname.split('/')[1];
    const server = servers[name];
    if (server === undefined) return servers.plain.fetch(request);
    return server.fetch(new Request(request.url.replace(name + '/', ''), request));
  },
};
`;

/** A classifier behind \`/plain/predict\`, \`/batched/predict\` and \`/cached/predict\`. */
export async function writeClassifier(
  name: string,
  net: Sequential,
  shape: readonly number[],
): Promise<string> {
  const folder = await projectFolder(name);
  const built = await compileFunctions(
    {
      name,
      functions: {
        run: {
          run: (x: Tensor) => net.forward(x),
          input: { x: ['batch', ...shape] },
          output: 'y',
        },
      },
      shapes: batches.map((batch) => ({ batch })),
    },
    { simd: ['relaxed'] },
  );
  await writeCompiled(built, 'worker', join(folder, 'model'));
  await writeProject(folder, classifierScript);
  return folder;
}

export const letters = [...'abcdefghijklmnopqrstuvwxyz .:\n'];
export const contextLength = 64;

/** A small decoder: 4 layers, width 128, 0.8 million weights, large enough that tokens matter. */
export function decoder(): GPT {
  manualSeed(4);
  const model = new GPT({
    ...{ vocabSize: letters.length, contextLength },
    ...{ layers: 4, heads: 4, width: 128 },
  });
  for (const parameter of model.parameters()) {
    if (parameter.shape.length === 2) parameter.value = parameter.value.mul(8);
  }
  return model;
}

const decoderScript = `
import { cachedTextModel, characterTokenizer, serve, textApi } from '@hebb/edge';
import { loadModel } from './model/index.js';
const tokenizer = characterTokenizer(LETTERS);
const model = await loadModel();
const load = () => cachedTextModel(model, { tokenizer });
const server = serve({ models: {}, extensions: [textApi({ models: { gpt: { load } } })] });
export default { fetch: (request) => server.fetch(request) };
`;

/** The decoder in OpenAI's form. */
export async function writeDecoder(model: GPT): Promise<string> {
  const folder = await projectFolder('decoder');
  const spec = generationFunctions(model, { capacity: contextLength, prompts: [16] });
  const built = await compileFunctions(spec, { simd: ['relaxed'] });
  await writeCompiled(built, 'worker', join(folder, 'model'));
  await writeProject(folder, decoderScript.replace('LETTERS', JSON.stringify(letters)), {
    compatibility_flags: ['enable_request_signal'],
  });
  return folder;
}
