/**
 * The Open Inference Protocol (KServe's and Triton's "V2") over REST, with its extension for tensors in binary:
 * https://github.com/kserve/open-inference-protocol,
 * https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */
import type { HostArray } from '@hebb/core';
import { RequestError, badInput } from '../error.ts';
import { checkShape, fromList, isRecord, parseTensors, readBody, shapeOf } from '../input.ts';
import { elementsOf, disposeAll, runModel, valuesOf } from '../output.ts';
import { loadFor, settleFor } from '../service.ts';
import type { Extension, Service } from '../service.ts';
import type { ServedModel, ServedTensor, ServedValue, ValueSignature } from '../model.ts';
import type { RequestContext, Router } from '../router.ts';
import { bytesOf, datatypeOf, elementsFrom, elementBytes } from './v2-types.ts';

const lengthHeader = 'inference-header-content-length';
type Fields = Readonly<Record<string, unknown>>;

export function v2Routes(router: Router, service: Service, extensions: readonly Extension[]): void {
  const { models } = service;
  router.get('/v2', (c) =>
    c.json({ name: 'hebb', version: '0.1.0', extensions: ['binary_tensor_data'] }),
  );
  router.get('/v2/health/live', (c) => c.json({ live: true }));
  router.get('/v2/health/ready', async (c) => {
    const own = models.names.map((name) => isReady(c, service, () => loadFor(c, models, name)));
    const more = extensions.map((x) => isReady(c, service, async () => x.load?.(c)));
    const ready = await Promise.all([...own, ...more]);
    const all = ready.every(Boolean);
    return c.json({ ready: all }, all ? 200 : 503);
  });
  for (const base of ['/v2/models/:name', '/v2/models/:name/versions/:version']) {
    const loaded = (c: RequestContext) =>
      loadFor(c, service.models, c.req.param('name')!, c.req.param('version'));
    router.get(base, async (c) => {
      const { name, model } = await loaded(c);
      return c.json({
        name,
        versions: models.versions(name),
        platform: 'hebb',
        inputs: model.inputs.map(metadata),
        outputs: model.outputs.map(metadata),
      });
    });
    router.get(`${base}/ready`, async (c) => {
      const name = c.req.param('name')!;
      const ready = await isReady(c, service, () => loaded(c));
      return c.json({ name, ready }, ready ? 200 : 503);
    });
    router.post(`${base}/infer`, async (c) => {
      const name = c.req.param('name')!;
      const given = c.req.param('version');
      if (given === undefined) await models.choose(name, c.req.raw);
      // Unknown names are refused before anything is read.
      models.version(name, given);
      const body = await readBody(c.req.raw, service.maxBodyBytes);
      if (body.length === 0) throw badInput('the body is empty');
      const header = c.req.header(lengthHeader);
      const json = () => parseTensors(body);
      const read = header === undefined ? { json } : { bytes: body };
      // What is no JSON loads nothing.
      if (header === undefined && !models.isLoaded(name, given)) json();
      if (given === undefined) await settleFor(c, models, name);
      const version = models.version(name, given);
      const asked = { model: name, version, form: ['infer', header], body: read };
      return service.answers.get(c, asked, async () => {
        const { model } = await loadFor(c, models, name, version);
        const request =
          header === undefined
            ? readFields(json(), undefined, model)
            : readRequest(header, body, model);
        const outputs = await runModel(model, request.inputs, c.get('signal'));
        try {
          return await respond({ name, version, request, outputs });
        } finally {
          disposeAll(outputs);
        }
      });
    });
  }
}

async function isReady(
  c: RequestContext,
  service: Service,
  load: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await load();
    return true;
  } catch (error) {
    if (!(error instanceof RequestError)) service.onError(error, c.req.raw);
    else if (error.status === 404) throw error;
    else if (error.cause !== undefined) service.onError(error.cause, c.req.raw);
    return false;
  }
}

const metadata = ({ name, dtype, shape }: ValueSignature) => ({
  name,
  datatype: datatypeOf(dtype) ?? 'BYTES',
  shape: (shape ?? [-1]).map((dim) => (typeof dim === 'number' ? dim : -1)),
});

interface Wanted {
  readonly name: string;
  readonly binary: boolean;
}

interface InferRequest {
  readonly id: string | undefined;
  readonly inputs: Record<string, ServedTensor>;
  readonly outputs: readonly Wanted[];
}

function readRequest(header: string, body: Uint8Array, model: ServedModel): InferRequest {
  const length = /^\d{1,10}$/.test(header) ? Number(header) : NaN;
  if (!(length <= body.length)) {
    throw badInput(`${lengthHeader} is the length of the JSON at the body's beginning`);
  }
  // Without JSON the body is the one input itself.
  if (length === 0) return rawRequest(body, model);
  return readFields(parseTensors(body.subarray(0, length)), body.subarray(length), model);
}

function rawRequest(body: Uint8Array, { inputs, outputs }: ServedModel): InferRequest {
  const [input] = inputs;
  if (input === undefined || inputs.length !== 1 || input.shape === undefined) {
    throw badInput('a body without JSON is for models with one input of a known rank');
  }
  const free = input.shape.filter((dim) => typeof dim !== 'number').length;
  const fixed = input.shape.reduce<number>((n, dim) => (typeof dim === 'number' ? n * dim : n), 1);
  const count = body.length / elementBytes(input);
  const rest = count / fixed;
  if (free > 1 || !Number.isInteger(rest) || (free === 0 && rest !== 1)) {
    throw badInput(`${body.length} bytes do not fill input ${input.name} [${input.shape.join()}]`);
  }
  const shape = input.shape.map((dim) => (typeof dim === 'number' ? dim : rest));
  checkShape(shape, input);
  return {
    id: undefined,
    inputs: { [input.name]: elementsFrom(body, shape, input) },
    outputs: outputs.map(({ name }) => ({ name, binary: true })),
  };
}

function readFields(
  json: unknown,
  binary: Uint8Array | undefined,
  model: ServedModel,
): InferRequest {
  if (!isRecord(json)) throw badInput('the body must be a JSON object with "inputs"');
  const id = json['id'] ?? undefined;
  if (id !== undefined && typeof id !== 'string') throw badInput('"id" must be a string');
  const parameters = parametersOf(json, 'the request');
  if (!Array.isArray(json['inputs'])) throw badInput('"inputs" must be a list of tensors');
  const given = new Map<string, ServedTensor>();
  let at = 0;
  for (const tensor of json['inputs'] as unknown[]) {
    const name = isRecord(tensor) ? tensor['name'] : undefined;
    if (!isRecord(tensor) || typeof name !== 'string') throw badInput('an input has no "name"');
    const input = model.inputs.find((each) => each.name === name);
    if (input === undefined) {
      const known = model.inputs.map((each) => each.name).join(', ');
      throw badInput(`the model has no input ${quoted(name)}; it has ${known}`);
    }
    if (given.has(name)) throw badInput(`input ${name} is given twice`);
    checkDatatype(tensor, input);
    const shape = shapeOf(tensor['shape'], input);
    const size = parametersOf(tensor, `input ${name}`)['binary_data_size'];
    if (size === undefined) given.set(name, fromList(tensor['data'], shape, input, true));
    else {
      if ('data' in tensor) throw badInput(`input ${name}: data is in JSON and in binary`);
      const piece = pieceOf(binary, at, size, input);
      at += piece.length;
      given.set(name, elementsFrom(piece, shape, input));
    }
  }
  if (binary !== undefined && at !== binary.length) {
    throw badInput(`${binary.length} bytes follow the JSON, the inputs take ${at}`);
  }
  const missing = model.inputs.find(({ name }) => !given.has(name));
  if (missing !== undefined) throw badInput(`input ${quoted(missing.name)} is missing`);
  return {
    id,
    inputs: Object.fromEntries(given),
    outputs: wantedOutputs(json['outputs'], parameters['binary_data_output'] === true, model),
  };
}

function pieceOf(
  binary: Uint8Array | undefined,
  at: number,
  size: unknown,
  { name }: ValueSignature,
): Uint8Array {
  if (binary === undefined) {
    throw badInput(`input ${name}: binary data needs the header ${lengthHeader}`);
  }
  if (!Number.isSafeInteger(size) || Number(size) < 0) {
    throw badInput(`input ${name}: binary_data_size must be a number of bytes`);
  }
  const end = at + Number(size);
  if (end > binary.length) throw badInput(`input ${name}: the binary data is truncated`);
  return binary.subarray(at, end);
}

function checkDatatype({ datatype }: Fields, input: ValueSignature): void {
  const wanted = datatypeOf(input.dtype);
  if (typeof datatype === 'string' && datatype === wanted) return;
  const got = typeof datatype === 'string' ? datatype.slice(0, 20) : 'no datatype';
  throw badInput(`input ${input.name}: ${got} given, ${wanted ?? 'a tensor'} wanted`);
}

function wantedOutputs(list: unknown, binary: boolean, { outputs }: ServedModel): Wanted[] {
  if (list === undefined || list === null || (Array.isArray(list) && list.length === 0)) {
    return outputs.map(({ name }) => ({ name, binary }));
  }
  if (!Array.isArray(list)) throw badInput('"outputs" must be a list');
  const asked = new Set<string>();
  return list.map((each: unknown): Wanted => {
    const name = isRecord(each) ? each['name'] : undefined;
    if (!isRecord(each) || typeof name !== 'string') throw badInput('an output has no "name"');
    if (!outputs.some((output) => output.name === name)) {
      const known = outputs.map((output) => output.name).join(', ');
      throw badInput(`the model has no output ${quoted(name)}; it has ${known}`);
    }
    if (asked.has(name)) throw badInput(`output ${name} is asked for twice`);
    asked.add(name);
    const parameters = parametersOf(each, `output ${name}`);
    if (parameters['classification'] !== undefined) {
      throw badInput(`output ${name}: classification is not supported here`);
    }
    const own = parameters['binary_data'];
    return { name, binary: typeof own === 'boolean' ? own : binary };
  });
}

function parametersOf(fields: Fields, what: string): Fields {
  const parameters = fields['parameters'] ?? {};
  if (!isRecord(parameters)) throw badInput(`"parameters" of ${what} must be an object`);
  return parameters;
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));

/** By hand: JSON.stringify knows no integers of 64 bits. What JSON has no number for is null. */
function textsOf(values: HostArray | readonly number[]): string[] {
  const texts: string[] = [];
  for (const x of values) {
    texts.push(typeof x === 'bigint' || Number.isFinite(x) ? String(x) : 'null');
  }
  return texts;
}

async function respond({
  name,
  version,
  request,
  outputs,
}: {
  readonly name: string;
  readonly version: string;
  readonly request: InferRequest;
  readonly outputs: Record<string, ServedValue>;
}): Promise<Response> {
  const described: string[] = [];
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (const { name: output, binary } of request.outputs) {
    const value = outputs[output]!;
    const head = { name: output, datatype: datatypeOf(value.dtype), shape: value.shape ?? [] };
    if (binary) {
      const bytes = bytesOf(await elementsOf(output, value));
      pieces.push(bytes);
      described.push(
        JSON.stringify({ ...head, parameters: { binary_data_size: bytes.byteLength } }),
      );
    } else {
      const data = textsOf(await valuesOf(output, value));
      const bools = value.dtype === 'bool' ? data.map((x) => (x === '0' ? 'false' : 'true')) : data;
      described.push(`${JSON.stringify(head).slice(0, -1)},"data":[${bools.join()}]}`);
    }
  }
  const head = {
    model_name: name,
    model_version: version,
    ...(request.id === undefined ? {} : { id: request.id }),
  };
  const json = `${JSON.stringify(head).slice(0, -1)},"outputs":[${described.join()}]}`;
  if (pieces.length === 0) {
    return new Response(json, { headers: { 'content-type': 'application/json' } });
  }
  const text = new TextEncoder().encode(json);
  return new Response(new Blob([text, ...pieces]), {
    headers: {
      'content-type': 'application/octet-stream',
      [lengthHeader]: String(text.length),
    },
  });
}
