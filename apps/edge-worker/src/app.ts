/** The worker as a function of its model, so that the deployed entry and local runs share it. */
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { pngToTensorArray } from '@hebb/data';
import { serve } from '@hebb/edge';
import type { Handler } from '@hebb/edge';
import { importOnnx } from '@hebb/onnx';

/** What stands, as JSON, in `model.card` beside the model. */
export interface ModelCard {
  readonly name: string;
  readonly description: string;
  readonly labels: readonly string[];
  /** How an image becomes the model's input; the same as in training. */
  readonly image: {
    readonly size: number;
    readonly mean: number;
    readonly std: number;
    readonly invert?: boolean | 'auto';
  };
}

/** Pixels that an image may have before it is decoded. */
const maxPixels = 1 << 22;

/** Serves one ONNX image classifier, interpreted by the cpu backend: PNG or JSON in, class scores out. */
export function createWorker(model: ArrayBuffer, card: ModelCard): Handler {
  return serve({
    init: () => init(cpu({ poolBytes: 16 * 2 ** 20 })),
    maxBodyBytes: 2 * 1024 * 1024,
    models: {
      [card.name]: {
        description: card.description,
        labels: card.labels,
        load: () => importOnnx(new Uint8Array(model)),
        decoders: {
          'image/png': (body) => pngToTensorArray(body, { ...card.image, maxPixels }),
        },
      },
    },
    onError: (error) => console.error(error),
  });
}
