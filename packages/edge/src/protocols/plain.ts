/** The plain routes: a model by its name, JSON or a body that a decoder takes in, every output out. */
import { RequestError, badInput } from '../error.ts';
import { jsonInputs, parseTensors, readBody, toServed } from '../input.ts';
import { decodeWith } from '../decode.ts';
import { best, runModel, valuesOf } from '../output.ts';
import type { Prediction } from '../output.ts';
import { loadFor, settleFor } from '../service.ts';
import type { Service } from '../service.ts';
import type { ModelEntry, ServedValue } from '../model.ts';
import type { RequestContext, Router } from '../router.ts';

export const mediaTypes = ({ decoders = {} }: ModelEntry): string[] => [
  'application/json',
  ...Object.keys(decoders),
];

/** One model's description. */
export async function describe(c: RequestContext, service: Service, name: string) {
  const { entry, model, version } = await loadFor(c, service.models, name);
  const versions = service.models.versions(name);
  return {
    name,
    ...(entry.description === undefined ? {} : { description: entry.description }),
    inputs: model.inputs,
    outputs: model.outputs,
    ...(entry.labels === undefined ? {} : { labels: entry.labels }),
    accepts: mediaTypes(entry),
    ...(versions.length === 1 ? {} : { version, versions }),
  };
}

export async function predict(
  c: RequestContext,
  service: Service,
  name: string,
): Promise<Response> {
  const { models } = service;
  await models.choose(name, c.req.raw);
  const { decoders = {} } = models.entry(name);
  const type = (c.req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
  const decoder = Object.hasOwn(decoders, type) ? decoders[type] : undefined;
  if (type !== 'application/json' && decoder === undefined) {
    const given = type === '' ? 'is missing' : `${type.slice(0, 100)} is not accepted`;
    throw new RequestError(
      415,
      'unsupported_media_type',
      `content-type ${given}; send ${mediaTypes(models.entry(name)).join(', ')}`,
    );
  }
  const body = await readBody(c.req.raw, service.maxBodyBytes);
  if (body.length === 0) throw badInput('the body is empty');
  const json = () => parseTensors(body);
  const read = decoder === undefined ? { json } : { bytes: body };
  // What is no JSON loads nothing.
  if (decoder === undefined && !models.isLoaded(name)) json();
  await settleFor(c, models, name);
  const version = models.current(name);
  const asked = { model: name, version, form: ['predict', type], body: read };
  return service.answers.get(c, asked, async () => {
    const { model, entry } = await loadFor(c, models, name, version);
    const inputs =
      decoder === undefined
        ? jsonInputs(json(), model.inputs)
        : { [model.inputs[0]!.name]: toServed(await decodeWith(decoder, body), model.inputs[0]!) };
    return c.json(await answer(name, await runModel(model, inputs, c.get('signal')), entry.labels));
  });
}

export function plainRoutes(router: Router, service: Service): void {
  const { names } = service.models;
  const only = (): string => {
    if (names.length === 1) return names[0]!;
    const known = names.join(', ');
    throw new RequestError(
      404,
      'not_found',
      `name the model: POST /models/NAME/predict with ${known}`,
    );
  };
  router.get('/health', (c) => c.json({ status: 'ok', models: names }));
  router.get('/models/:name', async (c) =>
    c.json(await describe(c, service, c.req.param('name')!)),
  );
  router.post('/models/:name/predict', (c) => predict(c, service, c.req.param('name')!));
  router.post('/predict', (c) => predict(c, service, only()));
}

/** All outputs, and the classes where the model has labels. */
export async function answer(
  model: string,
  outputs: Record<string, ServedValue>,
  labels: readonly string[] | undefined,
): Promise<Record<string, unknown>> {
  const described: Record<string, unknown> = {};
  let predictions: Prediction[] | undefined;
  for (const [name, value] of Object.entries(outputs)) {
    const data = Array.from(await valuesOf(name, value), Number);
    const { shape = [], dtype } = value;
    described[name] = { shape, dtype, data };
    if (predictions === undefined && labels !== undefined && shape.at(-1) === labels.length) {
      predictions = best(data, labels);
    }
    value.dispose?.();
  }
  return { model, outputs: described, ...(predictions === undefined ? {} : { predictions }) };
}
