/** The drawing page's part of the worker: one network, asked again and again. */
import { compile, scope, tensor, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { decodeSafetensors, decodeTensors } from '@hebb/train';
import { architectures } from '../../digits/names.ts';
import type { Architecture } from '../../digits/names.ts';
import { DigitNet } from '../../digits/net.ts';
import { mapsOf, softmax, weightMaps } from '../../digits/views.ts';
import type { Maps } from '../../digits/views.ts';
import { exclusive } from '../../worker/exclusive.ts';

export interface Reading {
  /** Of the digits 0 to 9. */
  readonly probabilities: Float32Array;
  /** What each stage but the last gives. */
  readonly layers: readonly Maps[];
  /** Time of the network alone. */
  readonly milliseconds: number;
}

export interface ModelFacts {
  readonly parameters: number;
  readonly weights: Maps;
}

export function create() {
  const alone = exclusive();
  let net: DigitNet | undefined;
  let look: ((x: Tensor) => Tensor[] | Promise<Tensor[]>) | undefined;

  return {
    /** @throws Error where the bytes are not weights of one of the networks. */
    load: (bytes: Uint8Array): Promise<ModelFacts> =>
      alone(async () => {
        const named = decodeSafetensors(bytes).metadata.get('architecture');
        const architecture = architectures.find((name) => name === named);
        if (architecture === undefined) {
          throw new Error(
            `These weights are of no network that this page knows (${named ?? 'no name'}).`,
          );
        }
        const next = new DigitNet(architecture satisfies Architecture);
        next.loadStateDict(decodeTensors(bytes));
        net = next;
        look = compile((x: Tensor) => next.activations(x), { name: 'look' });
        // Compiled before the first drawing, not while the hand moves.
        await scope(async () => void (await (await look!(zeros([1, 1, 28, 28]))).at(-1)!.data()));
        return {
          parameters: next.parameters().reduce((sum, p) => sum + p.value.size, 0),
          weights: await weightMaps('First layer', next.firstWeights.value, 48),
        };
      }),
    /** Reads an image of 28 × 28, ink from 0 to 1. */
    read: (pixels: Float32Array): Promise<Reading> =>
      alone(() =>
        scope(async () => {
          if (net === undefined || look === undefined) throw new Error('There is no network yet.');
          const started = performance.now();
          const values = await look(tensor(pixels, { shape: [1, 1, 28, 28] }));
          const scores = await values.at(-1)!.data();
          const milliseconds = performance.now() - started;
          const layers: Maps[] = [];
          for (const [i, value] of values.slice(0, -1).entries()) {
            layers.push(await mapsOf(net.stageNames[i]!, value));
          }
          return { probabilities: softmax(scores as Float32Array), layers, milliseconds };
        }),
      ),
  };
}
