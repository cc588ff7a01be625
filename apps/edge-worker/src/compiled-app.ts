/** The worker around a compiled model: the same routes and answers as `app.ts`, without tensors and backends. */
import { pngToTensorArray } from '@hebb/data';
import { serve } from '@hebb/edge';
import type { Handler } from '@hebb/edge';
import type { Model } from '@hebb/runtime';
import { maxPixels } from './card.ts';
import type { ModelCard } from './card.ts';

/** Serves one image classifier that `hebb compile --target worker` wrote: PNG or JSON in, class scores out. */
export function createCompiledWorker(model: Model, card: ModelCard): Handler {
  return serve({
    maxBodyBytes: 2 * 1024 * 1024,
    models: {
      [card.name]: {
        description: card.description,
        labels: card.labels,
        load: () => model,
        decoders: {
          'image/png': (body) => pngToTensorArray(body, { ...card.image, maxPixels }),
        },
      },
    },
    onError: (error) => console.error(error),
  });
}
