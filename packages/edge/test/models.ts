/** Models and requests that the tests of the handler share. */
import { float16Bits } from '@hebb/core';
import { PlayerError } from '@hebb/runtime';
import type { ServedModel } from '../src/index.ts';

/** Gives back what it gets. */
export const echo: ServedModel = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 2] }],
  run: ({ x }) => ({ y: x! }),
};

/** One of each kind of number; a size of 3 was not compiled for. */
export const kinds: ServedModel = {
  inputs: [
    { name: 'long', dtype: 'int64', shape: ['n'] },
    { name: 'half', dtype: 'float16', shape: ['n'] },
    { name: 'flag', dtype: 'bool', shape: ['n'] },
  ],
  outputs: [
    { name: 'long', dtype: 'int64', shape: ['n'] },
    { name: 'half', dtype: 'float16', shape: ['n'] },
    { name: 'flag', dtype: 'bool', shape: ['n'] },
    { name: 'odd', dtype: 'float32', shape: [3] },
  ],
  run: ({ long, half, flag }) => {
    if (half!.shape[0] === 3) throw new PlayerError('shape', 'not compiled for this', '3', '2');
    if (half!.data[0] === float16Bits(9)) throw new Error('a secret path');
    const odd = { dtype: 'float32', shape: [3], data: Float32Array.of(NaN, Infinity, 1.5) };
    return { long: long!, half: half!, flag: flag!, odd };
  },
};

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
}

export type Fetch = (request: Request) => Promise<Response>;

export async function ask(
  fetch: Fetch,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const request = new Request(`http://localhost${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: { 'content-type': 'application/json', ...headers },
  });
  const response = await fetch(request);
  const json = (await response.json()) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, json };
}
