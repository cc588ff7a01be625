/** What is asked, and what is right. */
import { tensor } from '@hebb/core';
import type { LoadAnswer, LoadRequest } from '@hebb/edge/node';
import { TextGenerator } from '@hebb/layers-transformer';
import type { GPT } from '@hebb/layers-transformer';
import type { Sequential } from '@hebb/nn';
import { letters } from './project.ts';

/** Requests, and whether the answer to the i-th is right. */
export interface Asking {
  readonly request: (i: number) => LoadRequest;
  readonly check: (answer: LoadAnswer, i: number) => boolean;
}

/** Different requests; more than these come again. */
const different = 32;

export type Form = 'json' | 'binary';

/** Rows for a classifier, in JSON or as binary tensors, whose answers are those of the network in Node. */
export async function askClassifier(
  net: Sequential,
  shape: readonly number[],
): Promise<(variant: string, form: Form) => Asking> {
  const size = shape.reduce((a, b) => a * b, 1);
  const rows = Array.from({ length: different }, (_, i) =>
    Float32Array.from({ length: size }, (__, k) => (Math.sin(i * 7.1 + k * 0.37) + 1) / 2),
  );
  const wanted: number[][] = [];
  for (const data of rows) {
    const y = net.forward(tensor(data, { shape: [1, ...shape] }));
    wanted.push(Array.from(await y.data(), Number));
  }
  const isRight = (got: ArrayLike<number>, i: number): boolean => {
    const own = wanted[i % different]!;
    return got.length === own.length && own.every((x, k) => Math.abs(got[k]! - x) < 1e-4);
  };
  const full = [1, ...shape];
  const json = rows.map((data) => JSON.stringify({ input: { shape: full, data: [...data] } }));
  const head = JSON.stringify({
    inputs: [
      { name: 'x', datatype: 'FP32', shape: full, parameters: { binary_data_size: 4 * size } },
    ],
    parameters: { binary_data_output: true },
  });
  const binary = rows.map((data) =>
    Buffer.concat([Buffer.from(head), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]),
  );
  return (variant, form) =>
    form === 'json'
      ? {
          request: (i) => ({
            path: `/${variant}/predict`,
            headers: { 'content-type': 'application/json' },
            body: json[i % different]!,
          }),
          check: ({ status, body }, i) => {
            if (status !== 200) return false;
            const { outputs } = JSON.parse(Buffer.from(body).toString()) as {
              outputs: { y: { data: number[] } };
            };
            return isRight(outputs.y.data, i);
          },
        }
      : {
          request: (i) => ({
            path: `/${variant}/v2/models/model/infer`,
            headers: { 'inference-header-content-length': String(head.length) },
            body: binary[i % different]!,
          }),
          check: ({ status, headers, body }, i) => {
            const at = Number(headers['inference-header-content-length']);
            return status === 200 && isRight(new Float32Array(body.slice(at).buffer), i);
          },
        };
}

/** Tokens of each text. */
export const textTokens = 8;

/** Streams of the likeliest tokens, held against the generator in Node. */
export async function askDecoder(model: GPT): Promise<Asking> {
  const prompts = Array.from({ length: different }, (_, i) =>
    Array.from({ length: 4 + (i % 9) }, (__, k) => letters[(i * 5 + k * k) % letters.length]!).join(
      '',
    ),
  );
  const wanted: string[] = [];
  const generator = new TextGenerator(model);
  for (const prompt of prompts) {
    const ids = [...prompt].map((letter) => letters.indexOf(letter));
    const said = await generator.generate(ids, { temperature: 0, maxNewTokens: textTokens });
    wanted.push(said.map((id) => letters[id]).join(''));
  }
  generator.dispose();
  return {
    request: (i) => ({
      path: '/v1/completions',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ model: 'gpt', prompt: prompts[i % different]!, max_tokens: textTokens },
        ...{ temperature: 0, stream: true },
      }),
    }),
    check: ({ status, body }, i) => {
      const events = Buffer.from(body).toString().trimEnd().split('\n\n');
      if (status !== 200 || events.pop() !== 'data: [DONE]') return false;
      const text = events
        .map((event) => JSON.parse(event.slice(6)) as { choices: { text: string }[] })
        .map(({ choices }) => choices[0]!.text)
        .join('');
      return text === wanted[i % different];
    },
  };
}
