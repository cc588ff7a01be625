/** The model compiled ahead of time, asked for text as a program without this library would. */
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { generationFunctions } from '@hebb/layers-transformer';
import type { CausalLM } from '@hebb/layers-transformer';
import type { Model } from '@hebb/runtime';

/** Writes a folder with two functions, prefill and decode, that share weights and a cache. */
export async function compileGeneration(
  model: CausalLM,
  folder: string,
  prompts: readonly number[],
): Promise<number> {
  const spec = generationFunctions(model, { capacity: model.contextLength, prompts, name: 'gpt' });
  const files = await writeCompiled(
    await compileFunctions(spec, { simd: ['relaxed'] }),
    'node',
    folder,
  );
  return files.get('model.wasm')!.byteLength;
}

export async function loadCompiled(folder: string): Promise<Model> {
  const url = pathToFileURL(join(folder, 'index.js')).href;
  const { loadModel } = (await import(url)) as { loadModel: () => Promise<Model> };
  return loadModel();
}

/** The likeliest text behind a prompt that is as long as one of the lengths compiled for, or shorter. */
export function greedy(
  model: Model,
  prompt: readonly number[],
  { length, filled }: { length: number; filled: number },
): number[] {
  const ids = new Int32Array(filled);
  ids.set(prompt);
  const best = (outputs: ReturnType<Model['call']>): number => {
    const { data } = outputs['logits']!;
    let found = 0;
    for (let i = 1; i < data.length; i++) if (data[i]! > data[found]!) found = i;
    return found;
  };
  const count = Int32Array.of(prompt.length);
  let next = best(
    model.call('prefill', {
      ids: { shape: [1, filled], data: ids },
      count: { shape: [], data: count },
    }),
  );
  const text = [next];
  while (text.length < length) {
    next = best(model.call('decode', { ids: { shape: [1], data: Int32Array.of(next) } }));
    text.push(next);
  }
  return text;
}
