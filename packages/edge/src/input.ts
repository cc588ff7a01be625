/** From request bodies to arrays, checked against the model's signature before anything large is allocated. */
import { bfloat16Bits, dtypeInfo, float16Bits, isDType } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';
import { RequestError, badInput } from './error.ts';
import type { InputArray, ServedTensor, ValueSignature } from './model.ts';

/** Reads at most `limit` bytes; a longer body is refused as soon as that shows. */
export async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new RequestError(413, 'payload_too_large', `the body is larger than ${limit} bytes`);
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > limit) throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new RequestError(499, 'aborted', 'the client went away', { cause });
    });
    if (done) break;
    size += value.byteLength;
    if (size > limit) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.byteLength;
  }
  return body;
}

export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new RequestError(400, 'bad_json', `the body is not JSON: ${(error as Error).message}`);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

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
      return [input.name, toServed(readValue(given[input.name], input), input)];
    }),
  );
}

/** A decoded array (an image, say) as one input. */
export function toServed({ data, shape }: InputArray, input: ValueSignature): ServedTensor {
  checkShape(shape, input);
  const dtype = dtypeOf(input);
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (data.length !== size) {
    throw badInput(
      `input ${input.name}: ${data.length} numbers do not fill shape [${shape.join(',')}]`,
    );
  }
  // The class of the array follows from the dtype.
  return { dtype, shape, data: toElements(data, dtype, input) } as ServedTensor;
}

/** The numbers as the dtype stores them. */
export function toElements(data: HostArray, dtype: DType, input: ValueSignature): HostArray {
  const { kind, allocate } = dtypeInfo(dtype);
  const isHalf = dtype === 'float16' || dtype === 'bfloat16';
  if (!isHalf && data.constructor === allocate(0).constructor) return data;
  if (kind !== 'float') return numbers(Array.from(data, Number), input);
  const bits = dtype === 'float16' ? float16Bits : dtype === 'bfloat16' ? bfloat16Bits : undefined;
  const out = allocate(data.length);
  data.forEach((x: number | bigint, i: number) => {
    out[i] = bits === undefined ? Number(x) : bits(Number(x));
  });
  return out;
}

export function dtypeOf(input: ValueSignature): DType {
  if (input.dtype === undefined || !isDType(input.dtype))
    throw badInput(`input ${input.name}: ${input.dtype ?? 'its type'} cannot be sent as JSON`);
  return input.dtype;
}

export const isShape = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((dim) => Number.isSafeInteger(dim) && dim >= 0);

function readValue(value: unknown, input: ValueSignature): InputArray {
  if (isRecord(value)) {
    const { shape, data } = value;
    if (!isShape(shape)) {
      throw badInput(`input ${input.name}: "shape" must be a list of non-negative integers`);
    }
    checkShape(shape, input);
    if (!Array.isArray(data))
      throw badInput(`input ${input.name}: "data" must be a list of numbers`);
    const size = shape.reduce((product: number, dim: number) => product * dim, 1);
    if (data.length !== size) {
      throw badInput(
        `input ${input.name}: ${data.length} numbers do not fill shape [${shape.join(',')}]`,
      );
    }
    return { shape, data: numbers(data, input) };
  }
  const shape: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  checkShape(shape, input);
  const flat: unknown[] = [];
  collect(value, shape, 0, flat, input);
  return { shape, data: numbers(flat, input) };
}

/** The elements of nested lists of that shape, in row-major order. */
export function collect(
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
  if (!Array.isArray(value) || value.length !== shape[depth]) {
    throw badInput(`input ${input.name}: the lists are ragged at depth ${depth}`);
  }
  for (const item of value) collect(item, shape, depth + 1, flat, input);
}

/** What was given, for a message: a client must not get its whole body back. */
function shorten(item: unknown): string {
  if (Array.isArray(item)) return 'a list';
  if (isRecord(item)) return 'an object';
  return typeof item === 'string' ? JSON.stringify(item.slice(0, 60)) : String(item);
}

/** JSON numbers as an array of the input's type; everything that is not a number of that type is refused. */
export function numbers(flat: readonly unknown[], input: ValueSignature): HostArray {
  const dtype = dtypeOf(input);
  const info = dtypeInfo(dtype);
  const out = info.kind === 'float' ? new Float64Array(flat.length) : info.allocate(flat.length);
  flat.forEach((item, i) => {
    const value = info.kind === 'bool' && typeof item === 'boolean' ? Number(item) : item;
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw badInput(`input ${input.name}: element ${i} is ${shorten(item)}, not a finite number`);
    }
    if (info.kind !== 'float') {
      if (!Number.isInteger(value) || value < info.min || value > info.max) {
        throw badInput(`input ${input.name}: element ${i} is ${value}, which is no ${dtype}`);
      }
      out[i] = info.big ? BigInt(value) : value;
    } else {
      if (Math.abs(value) > info.max) {
        throw badInput(`input ${input.name}: element ${i} is ${value}, beyond ${dtype}`);
      }
      out[i] = value;
    }
  });
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
