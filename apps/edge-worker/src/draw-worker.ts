/**
 * The entry that `wrangler deploy -c wrangler.draw.jsonc` deploys: `npm run gan -w apps/examples` writes the generator
 * into `model/generator/`. It loads before the first request, where starting costs no request its time.
 */
import { loadModel } from '../model/generator/index.js';
import { createDrawingWorker } from './draw-app.ts';

const handler = createDrawingWorker(await loadModel());

export default { fetch: (request: Request) => handler.fetch(request) };
