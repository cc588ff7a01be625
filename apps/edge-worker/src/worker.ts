/** The entry that wrangler deploys: the model in `model/`, written by `npm run demo`. */
import model from '../model/model.onnx';
import card from '../model/model.json';
import { createWorker } from './app.ts';

const handler = createWorker(model, card);

export default { fetch: (request: Request) => handler.fetch(request) };
