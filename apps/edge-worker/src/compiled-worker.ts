/**
 * The entry that `wrangler deploy -c wrangler.compiled.jsonc` deploys: `npm run compile` writes the model
 * into `model/compiled/`. It loads before the first request, where starting costs no request its time.
 */
import card from '../model/model.card';
import { loadModel } from '../model/compiled/index.js';
import type { ModelCard } from './card.ts';
import { createCompiledWorker } from './compiled-app.ts';

const handler = createCompiledWorker(await loadModel(), JSON.parse(card) as ModelCard);

export default { fetch: (request: Request) => handler.fetch(request) };
