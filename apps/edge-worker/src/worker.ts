/** The entry that wrangler deploys: the model in `model/`, written by `npm run demo`. */
import model from '../model/model.onnx';
import card from '../model/model.card';
import { createWorker } from './app.ts';
import type { ModelCard } from './card.ts';

const handler = createWorker(model, JSON.parse(card) as ModelCard);

export default { fetch: (request: Request) => handler.fetch(request) };
