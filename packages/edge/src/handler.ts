/** The fetch handler: a standard Request in, a standard Response out, so it runs wherever fetch handlers do. */
import { HebbError, bfloat16Value, float16Value } from '@hebb/core';
import { PlayerError } from '@hebb/runtime';
import { Hono } from 'hono';
import type { Context } from 'hono';
import { RequestError, badInput } from './error.ts';
import { jsonInputs, toServed, parseJson, readBody } from './input.ts';
import type { ModelEntry, ServedModel, ServedValue } from './model.ts';

export interface ServeOptions {
  /** Models by the name they have in the address. */
  readonly models: Readonly<Record<string, ModelEntry>>;
  /** Runs once before the first model loads: `() => init(cpu())`. */
  readonly init?: () => Promise<unknown>;
  /** Largest body accepted, in bytes. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** Told about failures that a client only sees as "internal error". */
  readonly onError?: (error: unknown, request: Request) => void;
}

export interface Handler {
  fetch(request: Request): Promise<Response>;
}

interface Prediction {
  readonly label: string;
  readonly index: number;
  readonly score: number;
}

/**
 * A handler with
 * - `GET /` the models and their signatures, `GET /health`, `GET /models/NAME`,
 * - `POST /models/NAME/predict` (and `POST /predict` when there is one model): JSON
 *   `{ "input": [...] }` or `{ "inputs": { name: [...] } }`, or a body of a media type that the model has
 *   a decoder for. The answer holds every output, and the class when the model has labels.
 *
 * Every failure is JSON: `{ "error": { "code", "message" } }` with status 400 (malformed body, wrong
 * shape, dtype or image), 404, 405, 413, 415 or 500.
 */
export function serve(options: ServeOptions): Handler {
  const { models, maxBodyBytes = 4 * 1024 * 1024 } = options;
  const names = Object.keys(models);
  const loaded = new Map<string, Promise<ServedModel>>();
  let ready: Promise<unknown> | undefined;

  const entryOf = (name: string): ModelEntry => {
    if (!Object.hasOwn(models, name)) {
      throw new RequestError(
        404,
        'not_found',
        `no model ${JSON.stringify(name)}; there is ${names.join(', ')}`,
      );
    }
    return models[name]!;
  };
  const load = (name: string): Promise<ServedModel> => {
    const entry = entryOf(name);
    let pending = loaded.get(name);
    if (pending === undefined) {
      ready ??= Promise.resolve(options.init?.());
      pending = ready.then(() => entry.load());
      loaded.set(name, pending);
      pending.catch(() => {
        loaded.delete(name);
        ready = undefined;
      });
    }
    return pending;
  };

  const describe = async (name: string) => {
    const model = await load(name);
    const entry = entryOf(name);
    return {
      name,
      ...(entry.description === undefined ? {} : { description: entry.description }),
      inputs: model.inputs,
      outputs: model.outputs,
      ...(entry.labels === undefined ? {} : { labels: entry.labels }),
      accepts: ['application/json', ...Object.keys(entry.decoders ?? {})],
    };
  };

  const predict = async (c: Context, name: string): Promise<Response> => {
    const entry = entryOf(name);
    const type = (c.req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
    const decoder = Object.hasOwn(entry.decoders ?? {}, type) ? entry.decoders![type] : undefined;
    if (type !== 'application/json' && decoder === undefined) {
      const accepted = ['application/json', ...Object.keys(entry.decoders ?? {})].join(', ');
      throw new RequestError(
        415,
        'unsupported_media_type',
        `content-type ${type === '' ? 'is missing' : `${type} is not accepted`}; send ${accepted}`,
      );
    }
    const body = await readBody(c.req.raw, maxBodyBytes);
    if (body.length === 0) throw badInput('the body is empty');
    const model = await load(name);
    const inputs =
      decoder === undefined
        ? jsonInputs(parseJson(body), model.inputs)
        : {
            [model.inputs[0]!.name]: toServed(await decodeWith(decoder, body), model.inputs[0]!),
          };
    return c.json(await answer(name, await runModel(model, inputs), entry.labels));
  };

  const only = (): string => {
    if (names.length !== 1) {
      throw new RequestError(
        404,
        'not_found',
        `name the model: POST /models/NAME/predict with ${names.join(', ')}`,
      );
    }
    return names[0]!;
  };

  const app = new Hono();
  app.get('/', async (c) => c.json({ models: await Promise.all(names.map(describe)) }));
  app.get('/health', (c) => c.json({ status: 'ok', models: names }));
  app.get('/models/:name', async (c) => c.json(await describe(c.req.param('name'))));
  app.post('/models/:name/predict', (c) => predict(c, c.req.param('name')));
  app.post('/predict', (c) => predict(c, only()));
  const methods: readonly (readonly [string, string])[] = [
    ['/', 'GET'],
    ['/health', 'GET'],
    ['/models/:name', 'GET'],
    ['/models/:name/predict', 'POST'],
    ['/predict', 'POST'],
  ];
  for (const [path, method] of methods) {
    app.all(path, (c) => {
      c.header('allow', method);
      return problem(
        c,
        new RequestError(
          405,
          'method_not_allowed',
          `${c.req.method} is not allowed here; use ${method}`,
        ),
      );
    });
  }
  app.notFound((c) => problem(c, new RequestError(404, 'not_found', `nothing at ${c.req.path}`)));
  app.onError((error, c) => {
    if (error instanceof RequestError) return problem(c, error);
    options.onError?.(error, c.req.raw);
    return problem(c, new RequestError(500, 'internal', 'internal error'));
  });
  return { fetch: async (request) => app.fetch(request) };
}

function problem(c: Context, error: RequestError): Response {
  return c.json({ error: { code: error.code, message: error.message } }, error.status);
}

async function decodeWith(decoder: NonNullable<ModelEntry['decoders']>[string], body: Uint8Array) {
  try {
    return await decoder(body);
  } catch (error) {
    // Decoders of images say what kind of trouble it is; whatever else they throw is the sender's file.
    if (!(error instanceof HebbError)) throw error;
    const kind = 'kind' in error ? error.kind : undefined;
    if (kind === 'too-large') throw new RequestError(413, 'payload_too_large', error.message);
    if (kind === 'unsupported')
      throw new RequestError(415, 'unsupported_media_type', error.message);
    throw new RequestError(400, 'bad_image', error.message);
  }
}

async function runModel(model: ServedModel, inputs: Parameters<ServedModel['run']>[0]) {
  try {
    return await model.run(inputs);
  } catch (error) {
    // Sizes of open axes that a compiled model was not compiled for.
    if (error instanceof PlayerError && (error.code === 'shape' || error.code === 'input')) {
      throw badInput(error.message);
    }
    throw error;
  }
}

async function numbersOf(name: string, value: ServedValue): Promise<number[]> {
  const { dtype, data } = value;
  if (typeof data === 'function') return Array.from(await data.call(value), Number);
  if (!ArrayBuffer.isView(data)) {
    throw new Error(`output ${name} is no tensor of numbers (${dtype ?? 'unknown type'})`);
  }
  const stored = Array.from(data, Number);
  if (dtype === 'float16') return stored.map(float16Value);
  return dtype === 'bfloat16' ? stored.map(bfloat16Value) : stored;
}

async function answer(
  model: string,
  outputs: Record<string, ServedValue>,
  labels: readonly string[] | undefined,
): Promise<Record<string, unknown>> {
  const described: Record<string, unknown> = {};
  let predictions: Prediction[] | undefined;
  for (const [name, value] of Object.entries(outputs)) {
    const data = await numbersOf(name, value);
    const { shape = [], dtype } = value;
    described[name] = { shape, dtype, data };
    const classes = shape.at(-1);
    if (predictions === undefined && labels !== undefined && classes === labels.length) {
      predictions = best(data, labels);
    }
    value.dispose?.();
  }
  return {
    model,
    outputs: described,
    ...(predictions === undefined ? {} : { predictions }),
  };
}

/** The class with the highest score in each row; the first of equals. */
function best(data: readonly number[], labels: readonly string[]): Prediction[] {
  const rows: Prediction[] = [];
  for (let start = 0; start < data.length; start += labels.length) {
    let index = 0;
    for (let k = 1; k < labels.length; k++) if (data[start + k]! > data[start + index]!) index = k;
    rows.push({ label: labels[index]!, index, score: data[start + index]! });
  }
  return rows;
}
