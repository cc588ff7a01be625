/** The worker as a function of its model, so that the deployed entry and local runs share it. */
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { pngToTensorArray } from '@hebb/data';
import { serve } from '@hebb/edge';
import type { Handler } from '@hebb/edge';
import { importOnnx } from '@hebb/onnx';
import { maxPixels } from './card.ts';
import type { ModelCard } from './card.ts';

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
