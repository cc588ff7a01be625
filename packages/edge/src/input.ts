/** From request bodies to arrays, checked against the model's signature before anything large is allocated. */
import { bfloat16Bits, dtypeInfo, float16Bits, isDType } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';
import { joined } from './digest.ts';
import { RequestError, badInput } from './error.ts';
import { Numbers } from './json/numbers.ts';
import { parseNumbers } from './json/parse.ts';
import type { InputArray, ServedTensor, ValueSignature } from './model.ts';

/**
 * Reads at most `limit` bytes, unpacked where they come packed; a longer body is refused as soon as that shows.
 * @throws RequestError 413; 415 for a `content-encoding` other than gzip and deflate, 400 for what does not unpack.
 */
export async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > limit) throw tooLarge(limit);
  if (request.body === null) return new Uint8Array(0);
  const encoding = request.headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    return collected(unpacked(request.body, encoding), limit, (cause) => {
      if (request.signal.aborted) return abortedBy(cause);
      throw new RequestError(400, 'bad_input', `the body is not what ${encoding} makes`);
    });
  }
  if (announced === 0) return collected(request.body, limit, abortedBy);
  // In one piece: no pieces and no copies of them wait for the collector.
  const whole = await request.arrayBuffer().catch(abortedBy);
  if (whole.byteLength > limit) throw tooLarge(limit);
  return new Uint8Array(whole);
}

const tooLarge = (limit: number) =>
  new RequestError(413, 'payload_too_large', `the body is larger than ${limit} bytes`);

const packings: Readonly<Record<string, CompressionFormat>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
};

function unpacked(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  encoding: string,
): ReadableStream<Uint8Array> {
  const format = Object.hasOwn(packings, encoding) ? packings[encoding] : undefined;
  if (format !== undefined) return body.pipeThrough(new DecompressionStream(format));
  const message = `content-encoding ${encoding.slice(0, 50)} is not accepted; send gzip, deflate or none`;
  throw new RequestError(415, 'unsupported_media_type', message, {
    headers: { 'accept-encoding': 'gzip, deflate' },
  });
}

async function collected(
  body: ReadableStream<Uint8Array>,
  limit: number,
  broken: (cause: unknown) => never,
): Promise<Uint8Array> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(broken);
    if (done) break;
    size += value.byteLength;
    if (size > limit) {
      await reader.cancel().catch(() => undefined);
      throw tooLarge(limit);
    }
    chunks.push(value);
  }
  return joined(chunks);
}

const abortedBy = (cause: unknown): never => {
  throw new RequestError(499, 'aborted', 'the client went away', { cause });
};

export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new RequestError(400, 'bad_json', `the body is not JSON: ${(error as Error).message}`);
  }
}

/**
 * The same, but for long lists of numbers, which are `Numbers`: to be converted before anything is awaited.
 * @throws RequestError for what is no JSON.
 */
export function parseTensors(body: Uint8Array): unknown {
  const read = parseNumbers(body);
  return read === undefined ? parseJson(body) : read.value;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !isList(value);
}

/** Lists as `parseTensors` gives them. */
export type List = readonly unknown[] | Numbers;
export const isList = (value: unknown): value is List =>
  Array.isArray(value) || value instanceof Numbers;

/**
 * `{ "inputs": { name: value } }`, or `{ "input": value }` for a model with one input, where a value is
 * nested lists or `{ "shape": [...], "data": [...] }`.
 */
export function jsonInputs(
  json: unknown,
  signature: readonly ValueSignature[],
): Record<string, ServedTensor> {
  if (!isRecord(json)) throw badInput('the body must be a JSON object with "inputs" or "input"');
  const unknownKeys = Object.keys(json).filter((key) => key !== 'inputs' && key !== 'input');
  if (unknownKeys.length > 0) throw badInput(`unknown field ${JSON.stringify(unknownKeys[0])}`);
  const names = signature.map((input) => input.name);
  let given: Record<string, unknown>;
  if ('input' in json) {
    if (names.length !== 1 || 'inputs' in json) {
      throw badInput(
        `"input" is for models with one input; give "inputs" with ${names.join(', ')}`,
      );
    }
    given = { [names[0]!]: json['input'] };
  } else if (isRecord(json['inputs'])) given = json['inputs'];
  else throw badInput('"inputs" must be an object of named values');

  for (const name of Object.keys(given)) {
    if (!names.includes(name)) {
      throw badInput(`the model has no input ${JSON.stringify(name)}; it has ${names.join(', ')}`);
    }
  }
  return Object.fromEntries(
    signature.map((input) => {
      if (!(input.name in given)) throw badInput(`input ${JSON.stringify(input.name)} is missing`);
      return [input.name, readValue(given[input.name], input)];
    }),
  );
}

/** A decoded array (an image, say) as one input. */
export function toServed({ data, shape }: InputArray, input: ValueSignature): ServedTensor {
  checkShape(shape, input);
  if (data.length !== sizeOf(shape)) throw doNotFill(data.length, shape, input);
  const dtype = dtypeOf(input);
  return served(shape, toElements(data, dtype, input), input);
}

// The class of the array follows from the dtype.
const served = (shape: readonly number[], data: HostArray, input: ValueSignature): ServedTensor =>
  ({ dtype: dtypeOf(input), shape, data }) as ServedTensor;

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const doNotFill = (count: number, shape: readonly number[], { name }: ValueSignature) =>
  badInput(`input ${name}: ${count} numbers do not fill shape [${shape.join(',')}]`);

/** The numbers as the dtype stores them. */
export function toElements(data: HostArray, dtype: DType, input: ValueSignature): HostArray {
  const { kind, allocate } = dtypeInfo(dtype);
  if (halfBits(dtype) === undefined && data.constructor === allocate(0).constructor) return data;
  if (kind !== 'float') return numbers(Array.from(data, Number), input);
  const bits = halfBits(dtype) ?? Number;
  const out = allocate(data.length);
  data.forEach((x: number | bigint, i: number) => (out[i] = bits(Number(x))));
  return out;
}

const halfBits = (dtype: DType): ((x: number) => number) | undefined =>
  dtype === 'float16' ? float16Bits : dtype === 'bfloat16' ? bfloat16Bits : undefined;

export function dtypeOf(input: ValueSignature): DType {
  if (input.dtype === undefined || !isDType(input.dtype))
    throw badInput(`input ${input.name}: ${input.dtype ?? 'its type'} cannot be sent as JSON`);
  return input.dtype;
}

export const isShape = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((dim) => Number.isSafeInteger(dim) && dim >= 0);

function readValue(value: unknown, input: ValueSignature): ServedTensor {
  if (isRecord(value)) {
    const { shape, data } = value;
    return fromList(data, shapeOf(shape, input), input, false);
  }
  const shape: number[] = [];
  if (value instanceof Numbers) shape.push(...value.shape);
  else for (let level = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  checkShape(shape, input);
  return served(shape, numbers(flatten(value, shape, input), input), input);
}

/** A shape that the input takes. */
export function shapeOf(value: unknown, input: ValueSignature): readonly number[] {
  const shape = value instanceof Numbers && value.shape.length === 1 ? [...value.data] : value;
  if (!isShape(shape)) {
    throw badInput(`input ${input.name}: "shape" must be a list of non-negative integers`);
  }
  checkShape(shape, input);
  return shape;
}

/** A list of as many numbers as the shape has, flat, or nested like the shape where that is allowed. */
export function fromList(
  data: unknown,
  shape: readonly number[],
  input: ValueSignature,
  mayNest: boolean,
): ServedTensor {
  if (!isList(data)) throw badInput(`input ${input.name}: "data" must be a list of numbers`);
  const isNested = data instanceof Numbers ? data.shape.length > 1 : isList(data[0]);
  const flat = mayNest && isNested && shape.length > 1 ? flatten(data, shape, input) : data;
  const count = flat instanceof Numbers ? flat.shape[0]! : flat.length;
  if (count !== sizeOf(shape)) throw doNotFill(count, shape, input);
  return served(shape, numbers(flat, input), input);
}

const ragged = (depth: number, { name }: ValueSignature) =>
  badInput(`input ${name}: the lists are ragged at depth ${depth}`);

/** The elements of nested lists of that shape, in row-major order. */
function flatten(value: unknown, shape: readonly number[], input: ValueSignature): List {
  if (value instanceof Numbers) {
    const depth = shape.findIndex((size, axis) => value.shape[axis] !== size);
    if (depth >= 0) throw ragged(depth, input);
    if (value.shape.length > shape.length) return value;
    return new Numbers([value.data.length], value.data, value.exact);
  }
  const flat: unknown[] = [];
  collect(value, shape, 0, flat, input);
  return flat;
}

function collect(
  value: unknown,
  shape: readonly number[],
  depth: number,
  flat: unknown[],
  input: ValueSignature,
): void {
  if (depth === shape.length) {
    flat.push(value);
    return;
  }
  if (!Array.isArray(value) || value.length !== shape[depth]) throw ragged(depth, input);
  for (const item of value) collect(item, shape, depth + 1, flat, input);
}

/** What was given, for a message: a client must not get its whole body back. */
function shorten(item: unknown): string {
  if (isList(item)) return 'a list';
  if (isRecord(item)) return 'an object';
  return typeof item === 'string' ? JSON.stringify(item.slice(0, 60)) : String(item);
}

const notFinite = (at: number, item: unknown, { name }: ValueSignature) =>
  badInput(`input ${name}: element ${at} is ${shorten(item)}, not a finite number`);

const wholeOf = (value: number): bigint | undefined =>
  Number.isInteger(value) ? BigInt(value) : undefined;

/** JSON numbers as the input's type stores them; everything that is not a number of that type is refused. */
function numbers(list: List, input: ValueSignature): HostArray {
  const dtype = dtypeOf(input);
  const { kind, big, min, max, allocate } = dtypeInfo(dtype);
  const isFloat = kind === 'float';
  const isBool = kind === 'bool';
  const bits = halfBits(dtype);
  let flat: ArrayLike<unknown> = list as readonly unknown[];
  let exact: Numbers['exact'];
  if (list instanceof Numbers) {
    if (list.shape.length > 1) throw notFinite(0, [], input);
    ({ data: flat, exact } = list);
  }
  const out = allocate(flat.length);
  for (let i = 0; i < flat.length; i++) {
    const item = flat[i];
    const value = isBool && typeof item === 'boolean' ? Number(item) : item;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw notFinite(i, item, input);
    if (isFloat) {
      if (Math.abs(value) > max) {
        throw badInput(`input ${input.name}: element ${i} is ${value}, beyond ${dtype}`);
      }
      out[i] = bits === undefined ? value : bits(value);
    } else {
      const whole = big ? (exact?.get(i) ?? wholeOf(value)) : value;
      if (whole === undefined || !Number.isInteger(value) || whole < min || whole > max) {
        const said = String(whole ?? value);
        throw badInput(`input ${input.name}: element ${i} is ${said}, which is no ${dtype}`);
      }
      out[i] = whole;
    }
  }
  return out;
}
/** More axes than any model has: what is nested deeper is refused before anybody recurses into it. */
const mostAxes = 32;

/** Refuses a shape that the input does not take. */
export function checkShape(shape: readonly number[], input: ValueSignature): void {
  if (shape.length > mostAxes) throw badInput(`input ${input.name}: ${shape.length} axes given`);
  const wantedShape = input.shape;
  const fits =
    wantedShape === undefined ||
    (shape.length === wantedShape.length &&
      shape.every((dim, i) => typeof wantedShape[i] !== 'number' || wantedShape[i] === dim));
  if (!fits) {
    const wanted = wantedShape.map((dim) => dim ?? '?').join(',');
    throw badInput(`input ${input.name}: shape [${shape.join(',')}] given, [${wanted}] wanted`);
  }
  if (shape.includes(0)) throw badInput(`input ${input.name}: shape [${shape.join(',')}] is empty`);
}
