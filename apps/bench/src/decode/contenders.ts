/** Who writes the text, and how: greedily, the prompt first. */
import { wasm } from '@hebb/backend-wasm';
import { init } from '@hebb/core';
import { TextGenerator } from '@hebb/layers-transformer';
import * as ort from 'onnxruntime-web';
import { readFile } from 'node:fs/promises';
import { cacheNames, capacity, decoderModel, emptyCache, prompt, textLength } from './model.ts';

export interface Writer {
  /** Writes the text once; returns its tokens and how long each took after the first, in milliseconds. */
  write(): Promise<{ readonly tokens: number[]; readonly milliseconds: number }>;
}

export async function hebbWriter(threads: number): Promise<Writer> {
  const backend = await wasm({ threads } as { readonly threads: number });
  await init(backend);
  if (backend.capabilities.threads !== threads) {
    throw new Error(`runs on ${backend.capabilities.threads} threads here, not on ${threads}`);
  }
  const generator = new TextGenerator(decoderModel(), { capacity });
  return {
    async write() {
      const tokens: number[] = [];
      let start = 0;
      const options = { temperature: 0, maxNewTokens: textLength };
      for await (const token of generator.stream(prompt, options)) {
        if (tokens.length === 0) start = performance.now();
        tokens.push(token);
      }
      return { tokens, milliseconds: performance.now() - start };
    },
  };
}

/** The cache grows: what a step hands out is handed to the next one. */
export async function ortWriter(threads: number, file: string): Promise<Writer> {
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  const session = await ort.InferenceSession.create(await readFile(file), {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  return {
    async write() {
      let past = cacheNames.map(() => new ort.Tensor('float32', new Float32Array(0), emptyCache));
      const step = async (token: number): Promise<number> => {
        const feeds: Record<string, ort.Tensor> = {
          ids: new ort.Tensor('int32', Int32Array.of(token), [1, 1]),
        };
        cacheNames.forEach((name, i) => (feeds[`past.${name}`] = past[i]!));
        const results = await session.run(feeds);
        past = cacheNames.map((name) => results[`present.${name}`]! as (typeof past)[number]);
        const logits = results['logits']!.data as Float32Array;
        return logits.indexOf(logits.reduce((a, x) => Math.max(a, x), -Infinity));
      };
      let token = 0;
      for (const id of prompt) token = await step(id);
      const tokens = [token];
      const start = performance.now();
      while (tokens.length < textLength) tokens.push((token = await step(token)));
      return { tokens, milliseconds: performance.now() - start };
    },
  };
}
