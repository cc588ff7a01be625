/** A worker that draws: `GET /draw?digit=7&seed=3` is a PNG, the same for the same address, here and in Node. */
import { Philox, encodePng, tensorArrayToImage } from '@hebb/data';
import { serve } from '@hebb/edge';
import type { Handler } from '@hebb/edge';
import type { Model } from '@hebb/runtime';

/** Seeds are whole numbers below this. */
export const seeds = 2 ** 32;

/** What a drawing is made from: the address's digit and seed as the generator takes them. */
export interface DrawnFrom {
  /** Shape: [1, latentSize]. */
  readonly z: Float32Array<ArrayBuffer>;
  /** Shape: [1]. */
  readonly digit: Int32Array<ArrayBuffer>;
}

/** Noise from the seed, by integers and exact arithmetic alone: no engine rounds it otherwise. */
export function drawnFrom(latentSize: number, digit: number, seed: number): DrawnFrom {
  return { z: new Philox(seed, digit).bells(latentSize), digit: Int32Array.of(digit) };
}

/** A whole number of the address. */
function integer(query: URLSearchParams, name: string, below: number): number {
  const text = query.get(name);
  const value = text !== null && /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (value < below) return value;
  throw new RangeError(
    `${name} is a whole number from 0 to ${below - 1}, got ${text === null ? 'none' : JSON.stringify(text.slice(0, 40))}`,
  );
}

const refuse = (status: number, code: string, message: string, more = {}): Response =>
  Response.json({ error: { code, message } }, { status, headers: more });

/**
 * Serves a generator that `hebb compile --target worker` wrote, inputs `z` float32 [1, latentSize] and `digit` int32
 * [1], output `image` [1, 1, H, W] in -1 to 1; beside `/draw` the routes of `serve`.
 */
export function createDrawingWorker(model: Model): Handler {
  const names = model.inputs.map(({ name }) => name).join();
  const latentSize = model.inputs.find(({ name }) => name === 'z')?.shape.at(-1);
  if (names !== 'z,digit' || typeof latentSize !== 'number') {
    throw new TypeError(`the model takes ${names}; a generator takes z and digit`);
  }
  const handler = serve({ models: { generator: { load: () => model } } });
  return {
    fetch: async (request) => {
      const url = new URL(request.url);
      if (url.pathname !== '/draw') return handler.fetch(request);
      if (request.method !== 'GET') {
        return refuse(405, 'method_not_allowed', `${request.method} is not allowed here; use GET`, {
          allow: 'GET',
        });
      }
      let from: DrawnFrom;
      try {
        from = drawnFrom(
          latentSize,
          integer(url.searchParams, 'digit', 10),
          integer(url.searchParams, 'seed', seeds),
        );
      } catch (error) {
        return refuse(400, 'bad_input', error instanceof Error ? error.message : String(error));
      }
      const { image } = model.run({ ...from });
      const { shape, data } = image!;
      const png = encodePng(
        tensorArrayToImage({ shape, data: Float32Array.from(data, Number) }, { low: -1 }),
      );
      return new Response(Uint8Array.from(png), {
        // The same address is the same picture for good.
        headers: {
          'content-type': 'image/png',
          'cache-control': 'public, max-age=31536000, immutable',
        },
      });
    },
  };
}
