/** A worker around small models of the tests' own: a GPT and a T5 with caches, a recurrent step, a classifier. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { Variable, concat, manualSeed, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { GPT, T5, generationFunctions } from '@hebb/layers-transformer';
import { Embedding, Linear } from '@hebb/nn';

export const letters = [...'abcdefghijklmnopqrstuvwxyz .:\nü'];
export const contextLength = 64;
export const keys = ['key-one', 'key-two'];

/** With weights large enough that tokens matter. */
export function smallGpt(): GPT {
  manualSeed(4);
  const size = { vocabSize: letters.length, layers: 2, heads: 4, width: 16 };
  const model = new GPT({ ...size, contextLength });
  for (const parameter of model.parameters()) {
    if (parameter.shape.length === 2) parameter.value = parameter.value.mul(12);
  }
  return model;
}

/** Writes about a source. What it begins a text with is no letter of its sources. */
export const textStart = letters.length;
export const sourceCapacity = 24;
export function smallT5(): T5 {
  manualSeed(9);
  const size = { vocabSize: letters.length + 1, layers: 2, heads: 2, width: 16, headSize: 8 };
  const more = { hidden: 24, buckets: 8, maxDistance: 20, tiedHead: false };
  const model = new T5({ ...size, ...more, startToken: textStart });
  for (const [name, parameter] of model.namedParameters()) {
    if (/lm_head|shared|relative/.test(name)) parameter.value = parameter.value.mul(1.5);
  }
  return model;
}

/** A step of a recurrent network, as a function of its state. */
export class Recurrent {
  readonly embedding: Embedding;
  readonly inner: Linear;
  readonly head: Linear;
  constructor() {
    manualSeed(5);
    this.embedding = new Embedding(letters.length, 12);
    this.inner = new Linear(24, 12);
    this.head = new Linear(12, letters.length);
  }
  step(id: Tensor, state: Tensor): Tensor {
    return this.inner.forward(concat([this.embedding.forward(id), state], 1)).tanh();
  }
  logits(state: Tensor): Tensor {
    return this.head.forward(state).mul(8);
  }
}

const script = `import { env } from 'cloudflare:workers';
import {
  cachedTextModel, characterTokenizer, jsonLog, recurrentTextModel, serve, textApi,
} from '@hebb/edge';
import { loadModel as loadGpt } from './gpt/index.js';
import { loadModel as loadT5 } from './t5/index.js';
import { loadModel as loadRecurrent } from './recurrent/index.js';
import { loadModel as loadClassifier } from './classifier/index.js';

const tokenizer = characterTokenizer(LETTERS);
let steps = 0;
const counted = (model) => new Proxy(model, {
  get: (target, name) => {
    if (name === 'run') steps += 1;
    const value = target[name];
    return typeof value === 'function' ? value.bind(target) : value;
  },
});
const text = textApi({
  maxTokens: 5000,
  models: {
    gpt: { load: async () => cachedTextModel(await loadGpt(), { tokenizer }) },
    t5: {
      load: async () => cachedTextModel(await loadT5(), {
        tokenizer, textStart: [LETTERS.length], endTokens: [LETTERS.indexOf('.')], vocabSize: LETTERS.length,
      }),
    },
    recurrent: {
      load: async () => ({
        ...recurrentTextModel(counted(await loadRecurrent()), { tokenizer }),
        embed: (ids) => Float32Array.from(ids, (id) => id / 4),
      }),
    },
  },
});
const server = serve({
  models: { classifier: { load: loadClassifier, labels: ['a', 'b', 'c'] } },
  extensions: [text],
  keys: () => env.KEYS.split(','),
  cors: { origin: '*' },
  metrics: true,
  log: jsonLog,
  maxBodyBytes: 100_000,
  timeout: 20_000,
  concurrency: { most: 12, idle: 0.5 },
  rateLimit: {
    key: (request) => request.headers.get('x-client') ?? crypto.randomUUID(),
    limit: (key) => env.LIMITER.limit({ key }),
  },
});
export default {
  fetch: (request) =>
    request.url.endsWith('/steps') ? new Response(String(steps)) : server.fetch(request),
};
`;

/** Writes the project and returns its folder. */
export async function writeTextProject(): Promise<string> {
  const out = join(dirname(fileURLToPath(import.meta.url)), '../out');
  await mkdir(out, { recursive: true });
  const directory = await mkdtemp(join(out, 'text-'));
  const simd = ['relaxed'] as const;
  const spec = generationFunctions(smallGpt(), { capacity: contextLength, prompts: [8, 32] });
  await writeCompiled(await compileFunctions(spec, { simd }), 'worker', join(directory, 'gpt'));

  const translator = await compileFunctions(
    generationFunctions(smallT5(), { capacity: contextLength, prompts: [8, sourceCapacity] }),
    { simd },
  );
  await writeCompiled(translator, 'worker', join(directory, 't5'));

  const net = new Recurrent();
  const state = new Variable(zeros([1, 12]));
  const recurrent = await compileFunctions(
    {
      name: 'recurrent',
      functions: {
        step: {
          run: (id) => {
            state.value = net.step(id, state.value);
            return net.logits(state.value);
          },
          input: { id: { shape: [1], dtype: 'int32' } },
          output: 'logits',
        },
      },
      state: { state },
    },
    { simd },
  );
  await writeCompiled(recurrent, 'worker', join(directory, 'recurrent'));

  manualSeed(6);
  const layer = new Linear(4, 3);
  const classifier = await compileFunctions(
    {
      name: 'classifier',
      functions: {
        run: { run: (x) => layer.forward(x), input: { x: ['batch', 4] }, output: 'scores' },
      },
      shapes: [{ batch: 1 }, { batch: 2 }],
    },
    { simd },
  );
  await writeCompiled(classifier, 'worker', join(directory, 'classifier'));
  await writeFile(
    join(directory, 'worker.js'),
    script.replaceAll('LETTERS', JSON.stringify(letters)),
  );
  const configuration = {
    name: 'text-test',
    main: 'worker.js',
    compatibility_date: '2026-04-01',
    // Tells the worker when a client has left.
    compatibility_flags: ['enable_request_signal'],
    vars: { KEYS: keys.join() },
    ratelimits: [{ name: 'LIMITER', namespace_id: '1', simple: { limit: 3, period: 60 } }],
  };
  await writeFile(join(directory, 'wrangler.json'), JSON.stringify(configuration));
  return directory;
}
