/** Where each character of a short text looks, in each head. */
import { compile, concat, iota, tensor } from '@hebb/core';
import type { Compiled, Tensor } from '@hebb/core';
import { functional, withMode } from '@hebb/nn';
import { attentionSteps } from './settings.ts';
import type { AttentionMaps } from './settings.ts';
import type { TextModel } from './text-model.ts';

/** softmax(q kᵀ / √d) of the projection [1, T, 3 · width], each place seeing those before it: [heads, T, T]. */
function mapsOf(projected: Tensor, heads: number): Tensor {
  const [, steps, all] = projected.shape as [number, number, number];
  const size = all / 3 / heads;
  const part = (i: number): Tensor =>
    projected
      .narrow(2, (i * all) / 3, all / 3)
      .reshape([steps, heads, size])
      .permute([1, 0, 2]);
  const scores = part(0).matmul(part(1).transpose(1, 2)).div(Math.sqrt(size));
  const seen = iota(steps)
    .reshape([1, 1, steps])
    .le(iota(steps).reshape([1, steps, 1]));
  return functional.softmax(scores.where(seen, -1e9), 2);
}

export class Attention {
  readonly #made: TextModel;
  readonly #run: Compiled<[ids: Tensor], Tensor>;

  constructor(made: TextModel) {
    this.#made = made;
    const { model } = made;
    this.#run = compile(
      (ids: Tensor) => {
        const found: Tensor[] = [];
        const quit = model.h.map(({ attn }) =>
          attn.cAttn.onForward(({ output }) => {
            found.push(mapsOf(output as Tensor, attn.heads));
          }),
        );
        try {
          withMode(model, false, () => model.forward(ids));
        } finally {
          for (const each of quit) each();
        }
        return concat(found, 0);
      },
      { name: 'attention' },
    );
  }

  /** For the end of a text; characters the model does not know are left out. */
  async of(whole: string): Promise<AttentionMaps> {
    const { model, vocabulary } = this.#made;
    const known = new Set(vocabulary.tokens);
    const steps = Math.min(attentionSteps, model.contextLength);
    const text = [...whole].filter((character) => known.has(character)).slice(-steps);
    const ids = new Int32Array(steps);
    // What stands behind the text changes nothing before it.
    ids.set(vocabulary.encode(text.join('')));
    const given = tensor(ids, { shape: [1, steps] });
    const made = await this.#run(given);
    const all = Float32Array.from(await made.data(), Number);
    made.dispose();
    given.dispose();
    const { layers, heads } = model.config;
    const n = text.length;
    const maps = new Float32Array(layers * heads * n * n);
    for (let map = 0; map < layers * heads; map++) {
      for (let row = 0; row < n; row++) {
        const from = (map * steps + row) * steps;
        maps.set(all.subarray(from, from + n), (map * n + row) * n);
      }
    }
    return { text: text.join(''), maps, layers, heads };
  }

  dispose(): void {
    this.#run.dispose();
  }
}
