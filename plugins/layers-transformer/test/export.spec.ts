/** Models exported with their caches generate in ONNX Runtime, token by token, what they generate here. */
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed } from '@hebb/core';
import { toOnnx } from '@hebb/onnx';
import { onnxRuntime } from '@hebb/onnx/node';
import type { TensorData } from '@hebb/onnx';
import {
  GPT,
  Llama,
  SourceTextGenerator,
  T5,
  TextGenerator,
  pastFunctions,
  statelessFunctions,
} from '../src/index.ts';
import type { CacheSizes, CausalLM, EncoderDecoderLM, StatelessFunction } from '../src/index.ts';
import { Translator } from './translator.ts';

type Runtime = Awaited<ReturnType<typeof onnxRuntime>>;
type RuntimeSession = Awaited<ReturnType<Runtime['load']>>;
let runtime: Runtime;
beforeAll(async () => {
  await init(cpu());
  runtime = await onnxRuntime();
});

const load = async ({ run, input }: StatelessFunction, opset: number): Promise<RuntimeSession> =>
  runtime.load(await toOnnx(run, { input, opset }));

const int32 = (shape: readonly number[], ids: readonly number[]): TensorData => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(ids),
});
const rowsOf = (rows: readonly (readonly number[])[]): TensorData =>
  int32([rows.length, rows[0]!.length], rows.flat());

function emptyCache({ layers, heads, size }: CacheSizes, batch: number, steps = 0) {
  const shape = [batch, heads, steps, size];
  const data = new Float32Array(batch * heads * steps * size);
  const names = ['keys', 'values'].flatMap((kind) =>
    Array.from({ length: layers }, (_, i) => `${kind}.${i}`),
  );
  return names.map((name) => [name, { dtype: 'float32', shape, data } as TensorData] as const);
}

/** The likeliest token after the last of each row. */
function likeliest({ shape, data }: TensorData): number[] {
  const [rows, width] = [shape[0]!, shape.at(-1)!];
  const numbers = data as Float32Array;
  const each = numbers.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const last = numbers.subarray((row + 1) * each - width, (row + 1) * each);
    return last.indexOf(last.reduce((a, b) => Math.max(a, b)));
  });
}

/** Greedy texts of a decoder whose cache grows. */
async function written(
  decoder: RuntimeSession,
  sizes: CacheSizes,
  prompts: readonly (readonly number[])[],
  count: number,
  more: Readonly<Record<string, TensorData>> = {},
): Promise<number[][]> {
  const texts = prompts.map((): number[] => []);
  let past = emptyCache(sizes, prompts.length);
  let next = prompts;
  for (let k = 0; k < count; k++) {
    const given = past.map(([name, value]) => [`past.${name}`, value] as const);
    const found = await decoder.run({
      ids: rowsOf(next),
      ...more,
      ...Object.fromEntries(given),
    });
    past = past.map(([name]) => [name, found[`present.${name}`]!] as const);
    const tokens = likeliest(found['logits']!);
    tokens.forEach((token, row) => texts[row]!.push(token));
    next = tokens.map((token) => [token]);
  }
  return texts;
}

/** Weights large enough that tokens matter. */
function lively<M extends CausalLM | EncoderDecoderLM>(build: () => M): M {
  manualSeed(3);
  const model = build();
  for (const [name, parameter] of model.namedParameters()) {
    if (parameter.shape.length === 2 && !/transformer/.test(name)) {
      parameter.value = parameter.value.mul(
        /wte|wpe|embed|table|shared|lm_head/.test(name) ? 1.4 : 2,
      );
    }
  }
  return model;
}

const size = { vocabSize: 23, contextLength: 40, layers: 2, heads: 4, width: 16 } as const;
const decoders = {
  GPT: () => new GPT({ ...size, tiedHead: false }),
  'Llama, shared heads and a window': () =>
    new Llama({ ...size, kvHeads: 2, hidden: 24, window: 5 }),
};

describe.each(Object.entries<() => CausalLM>(decoders))('%s', (_, build) => {
  const greedy = { temperature: 0, maxNewTokens: 12 };

  it.each([20, 23])('with a cache that grows, opset %i', async (opset) => {
    const model = lively(build);
    const prompts = [
      [5, 1, 7, 2],
      [9, 9, 0, 22],
    ];
    const generator = new TextGenerator(model, { batch: 2 });
    const wanted = await generator.generateBatch(prompts, greedy);
    const session = await load(pastFunctions(model).decoder, opset);
    expect(await written(session, model.cacheSizes, prompts, 12)).toEqual(wanted);
    expect(new Set(wanted.flat()).size).toBeGreaterThan(3);
    // A batch of one, of another length.
    const one = new TextGenerator(model);
    expect(await written(session, model.cacheSizes, [[3]], 12)).toEqual([
      await one.generate([3], greedy),
    ]);
    await session.release();
  });

  it('with a cache of fixed size', async () => {
    const model = lively(build);
    const prompt = [5, 1, 7, 2];
    const wanted = await new TextGenerator(model).generate(prompt, greedy);
    const { prefill, decode } = statelessFunctions(model, { capacity: 20, prompt: 6 });
    const [begin, step] = [await load(prefill, 23), await load(decode, 23)];
    const names = emptyCache(model.cacheSizes, 1, 20);
    let found = await begin.run({
      ids: int32([1, 6], [...prompt, 0, 0]),
      count: int32([], [prompt.length]),
      ...Object.fromEntries(names),
    });
    const text = likeliest(found['logits']!);
    while (text.length < 12) {
      found = await step.run({
        ids: int32([1], [text.at(-1)!]),
        length: int32([], [prompt.length + text.length - 1]),
        ...Object.fromEntries(names.map(([name]) => [name, found[`present.${name}`]!])),
      });
      text.push(...likeliest(found['logits']!));
    }
    expect(text).toEqual(wanted);
    for (const session of [begin, step]) await session.release();
  });
});

const encoderDecoders = {
  T5: () =>
    new T5({
      ...{ vocabSize: 19, layers: 2, heads: 2, width: 8, headSize: 5, hidden: 12 },
      ...{ decoderLayers: 3, buckets: 8, maxDistance: 10, tiedHead: false, startToken: 3 },
    }),
  Transformer: () => new Translator(true, true),
};

it.each(Object.entries<() => EncoderDecoderLM>(encoderDecoders))(
  '%s: encoder and decoder',
  async (_, build) => {
    const model = lively(build);
    const { encoder, decoder } = pastFunctions(model);
    const [read, write] = [await load(encoder, 23), await load(decoder, 23)];
    const sources = [
      [4, 1, 7, 7, 2, 9, 18],
      [8, 3, 11],
    ];
    const filled = sources.map((ids) => [...ids, ...new Array<number>(7 - ids.length).fill(0)]);
    const attentionMask = rowsOf(sources.map((ids) => filled[0]!.map((_, i) => +(i < ids.length))));
    const generator = new SourceTextGenerator(model, { capacity: 20, sourceCapacity: 9, batch: 2 });
    const wanted = await generator.generateBatch(sources, { temperature: 0, maxNewTokens: 14 });
    const held = await read.run({ ids: rowsOf(filled), attentionMask });
    const begin = sources.map(() => [model.startToken]);
    const more = { attentionMask, ...held };
    expect(await written(write, model.cacheSizes, begin, 14, more)).toEqual(wanted);
    expect(wanted[0]).not.toEqual(wanted[1]);
    expect(new Set(wanted.flat()).size).toBeGreaterThan(1);
    for (const session of [read, write]) await session.release();
  },
);
