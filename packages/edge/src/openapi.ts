/** The OpenAPI 3.1 description of a handler, from its models' own signatures. */
import type { ModelEntry, ServedModel, ValueSignature } from './model.ts';

type Json = Readonly<Record<string, unknown>>;

export interface Described {
  readonly name: string;
  readonly entry: ModelEntry;
  readonly model: ServedModel;
}

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ 'application/json': { schema } });

const kindOf = (dtype: string | undefined): Json =>
  dtype === 'bool'
    ? { type: 'boolean' }
    : { type: dtype?.includes('int') === true ? 'integer' : 'number' };

/** Nested lists as the shape says. */
function nested({ dtype, shape }: ValueSignature): Json {
  if (shape === undefined) return {};
  return shape.reduceRight<Json>(
    (items, dim) => ({
      type: 'array',
      items,
      ...(typeof dim === 'number' ? { minItems: dim, maxItems: dim } : { minItems: 1 }),
    }),
    kindOf(dtype),
  );
}

const flat = (value: ValueSignature): Json => ({
  type: 'object',
  required: ['shape', 'data'],
  properties: {
    shape: { type: 'array', items: { type: 'integer', minimum: 0 } },
    data: { type: 'array', items: kindOf(value.dtype) },
  },
});

function describeValue({ name, dtype, shape }: ValueSignature): string {
  const dims = shape?.map((dim) => dim ?? '?').join(', ');
  return `${name}: ${dtype ?? 'unknown type'}${dims === undefined ? '' : ` [${dims}]`}`;
}

const valueSchema = (value: ValueSignature): Json => ({
  description: describeValue(value),
  oneOf: [nested(value), flat(value)],
});

/** Zeros where the sizes are known and few. */
function example({ dtype, shape }: ValueSignature): unknown {
  const sizes = (shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 1));
  if (shape === undefined || sizes.reduce((n, dim) => n * dim, 1) > 64) return undefined;
  return sizes.reduceRight<unknown>(
    (items, dim) => new Array<unknown>(dim).fill(items),
    dtype === 'bool' ? false : 0,
  );
}

function requestSchema({ inputs }: ServedModel): Json {
  const properties = Object.fromEntries(inputs.map((input) => [input.name, valueSchema(input)]));
  const named = {
    type: 'object',
    required: ['inputs'],
    additionalProperties: false,
    properties: {
      inputs: {
        type: 'object',
        required: inputs.map(({ name }) => name),
        additionalProperties: false,
        properties,
      },
    },
  };
  if (inputs.length !== 1) return named;
  const single = {
    type: 'object',
    required: ['input'],
    additionalProperties: false,
    properties: { input: valueSchema(inputs[0]!) },
  };
  return { oneOf: [single, named] };
}

function answerSchema({ outputs }: ServedModel, labels: readonly string[] | undefined): Json {
  const properties = Object.fromEntries(
    outputs.map((output) => [output.name, { ...flat(output), description: describeValue(output) }]),
  );
  return {
    type: 'object',
    required: ['model', 'outputs'],
    properties: {
      model: { type: 'string' },
      outputs: { type: 'object', properties },
      ...(labels === undefined ? {} : { predictions: { type: 'array', items: ref('Prediction') } }),
    },
  };
}

const statuses: Readonly<Record<string, string>> = {
  400: 'Malformed body, wrong shape, type or file',
  401: 'The key is missing or not known',
  404: 'No such model or version',
  413: 'The body is too large',
  415: 'The media type is not accepted',
  429: 'Too many requests in this time; see retry-after',
  500: 'Internal error',
  503: 'Overloaded, or the model is not available; see retry-after',
  504: 'No answer in time',
};

/** The refusals that any request may meet, with the schema of their bodies. */
export const errorResponses = (schema: string): Json =>
  Object.fromEntries(
    Object.entries(statuses).map(([status, description]) => [
      status,
      { description, content: json(ref(schema)) },
    ]),
  );

function predictPath({ name, entry, model }: Described): Json {
  const samples = model.inputs.map((input) => [input.name, example(input)] as const);
  const known = samples.every(([, value]) => value !== undefined);
  const content = {
    'application/json': {
      schema: requestSchema(model),
      ...(known ? { example: { inputs: Object.fromEntries(samples) } } : {}),
    },
    ...Object.fromEntries(Object.keys(entry.decoders ?? {}).map((type) => [type, {}])),
  };
  return {
    post: {
      operationId: `predict_${name}`,
      tags: [name],
      summary: entry.description ?? `Asks ${name}`,
      requestBody: { required: true, content },
      responses: {
        200: { description: 'Every output', content: json(answerSchema(model, entry.labels)) },
        ...errorResponses('Error'),
      },
    },
  };
}

const inferPath = ({ name, model }: Described): Json => ({
  post: {
    operationId: `infer_${name}`,
    tags: [name],
    summary: `Asks ${name} by the Open Inference Protocol, also with binary tensors`,
    description: [...model.inputs, ...model.outputs].map(describeValue).join('; '),
    requestBody: {
      required: true,
      content: { ...json(ref('InferRequest')), 'application/octet-stream': {} },
    },
    responses: {
      200: {
        description: 'The outputs asked for',
        content: { ...json(ref('InferResponse')), 'application/octet-stream': {} },
      },
      ...errorResponses('InferError'),
    },
  },
});

const tensorSchema: Json = {
  type: 'object',
  required: ['name', 'shape', 'datatype'],
  properties: {
    name: { type: 'string' },
    shape: { type: 'array', items: { type: 'integer' } },
    datatype: { type: 'string' },
    parameters: { type: 'object' },
    data: { type: 'array' },
  },
};

const schemas: Json = {
  Error: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message'],
        properties: { code: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
  InferError: {
    type: 'object',
    required: ['error'],
    properties: { error: { type: 'string' }, code: { type: 'string' } },
  },
  Prediction: {
    type: 'object',
    required: ['label', 'index', 'score'],
    properties: {
      label: { type: 'string' },
      index: { type: 'integer' },
      score: { type: 'number' },
    },
  },
  Tensor: tensorSchema,
  InferRequest: {
    type: 'object',
    required: ['inputs'],
    properties: {
      id: { type: 'string' },
      parameters: { type: 'object' },
      inputs: { type: 'array', items: ref('Tensor') },
      outputs: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name'],
          properties: { name: { type: 'string' }, parameters: { type: 'object' } },
        },
      },
    },
  },
  InferResponse: {
    type: 'object',
    required: ['model_name', 'outputs'],
    properties: {
      model_name: { type: 'string' },
      model_version: { type: 'string' },
      id: { type: 'string' },
      outputs: { type: 'array', items: ref('Tensor') },
    },
  },
};

const plainGet = (operationId: string, summary: string): Json => ({
  get: {
    operationId,
    summary,
    responses: { 200: { description: 'JSON', content: json({ type: 'object' }) } },
  },
});

export interface OpenapiOptions {
  readonly title: string;
  /** Whether requests need a bearer key. */
  readonly keys: boolean;
  /** Paths of extensions. */
  readonly more: readonly Readonly<Record<string, unknown>>[];
}

export function openapi(
  models: readonly Described[],
  { title, keys, more }: OpenapiOptions,
): Record<string, unknown> {
  const paths: Record<string, unknown> = {
    '/health': plainGet('health', 'Answers without loading a model'),
    '/v2/health/ready': plainGet('ready', 'Whether all models are loaded'),
  };
  for (const each of models) {
    const name = encodeURIComponent(each.name);
    paths[`/models/${name}/predict`] = predictPath(each);
    paths[`/v2/models/${name}/infer`] = inferPath(each);
  }
  return {
    openapi: '3.1.0',
    info: { title, version: '1' },
    paths: Object.assign(paths, ...more),
    components: {
      schemas,
      ...(keys ? { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } } : {}),
    },
    ...(keys ? { security: [{ key: [] }] } : {}),
  };
}
