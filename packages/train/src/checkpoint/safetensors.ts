/**
 * The safetensors format: a header of 8 bytes length and JSON, then the tensors' bytes, little-endian, row
 * after row, without gaps. https://github.com/huggingface/safetensors, section Format.
 */
import { HebbError, dtypeInfo, fromBits, realize, sizeOf } from '@hebb/core';
import type { DType, HostArray, Tensor } from '@hebb/core';
import type { Column } from '../data/dataset.ts';
import { checkKeys } from './json.ts';

/** What the format says about a header's size: more is refused, as in the reference implementation. */
const longestHeader = 100_000_000;

/** In the order in which the reference implementation lays arrays out: widest first, so that each is aligned. */
const names: Readonly<Record<DType, string>> = {
  uint64: 'U64',
  int64: 'I64',
  float64: 'F64',
  float32: 'F32',
  uint32: 'U32',
  int32: 'I32',
  bfloat16: 'BF16',
  float16: 'F16',
  uint16: 'U16',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};
const place = new Map(Object.keys(names).map((dtype, i) => [dtype, i]));
const dtypeOf = new Map(Object.entries(names).map(([dtype, name]) => [name, dtype as DType]));

/** Tensors by name with text beside them. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Column>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Thrown for bytes that are no safetensors file, or one this version does not read. */
export class SafetensorsError extends HebbError {
  constructor(message: string) {
    super(message, { op: 'safetensors', path: '' });
    this.name = 'SafetensorsError';
  }
}

const bytesOf = (data: HostArray): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Encodes tensors held on the host. Metadata is text by name. */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, Column]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const given = new Map(tensors);
  const order = [...given].sort(
    ([a, x], [b, y]) => place.get(x.dtype)! - place.get(y.dtype)! || (a < b ? -1 : a > b ? 1 : 0),
  );
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set('__metadata__', metadata);
  let at = 0;
  for (const [name, { data, shape, dtype }] of order) {
    if (name === '__metadata__') throw new SafetensorsError('no tensor can be named __metadata__');
    if (data.length !== sizeOf(shape)) {
      throw new SafetensorsError(
        `"${name}" has ${data.length} elements, its shape [${shape.join(',')}] ${sizeOf(shape)}`,
      );
    }
    header.set(name, {
      dtype: names[dtype],
      shape,
      data_offsets: [at, (at += data.byteLength)],
    });
  }
  // Written entry by entry: an object would put names like "7" first and lose "__proto__".
  const json = `{${[...header].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > longestHeader) throw new SafetensorsError(`the header has ${length} bytes`);
  const bytes = new Uint8Array(8 + length + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.fill(0x20, 8, 8 + length);
  bytes.set(text, 8);
  at = 8 + length;
  for (const [, { data }] of order) {
    bytes.set(bytesOf(data), at);
    at += data.byteLength;
  }
  return bytes;
}

/** Encodes tensors wherever they are; `await encodeTensors(await model.stateDict())`. */
export async function encodeTensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  await realize(...Object.values(tensors));
  const columns: [string, Column][] = [];
  for (const [name, tensor] of Object.entries(tensors)) {
    const { shape, dtype } = tensor;
    columns.push([name, { data: await tensor.bits(), shape, dtype }]);
  }
  return encodeSafetensors(columns, metadata);
}

/** Tensors of a safetensors file by name: what `model.loadStateDict` takes. */
export function decodeTensors(bytes: Uint8Array): Map<string, Tensor> {
  const { tensors } = decodeSafetensors(bytes);
  return new Map(
    [...tensors].map(([name, { data, shape, dtype }]) => [name, fromBits(data, shape, dtype)]),
  );
}

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Decodes a file; the arrays are copies. Throws `SafetensorsError` for anything the format does not allow:
 * a header that does not fit or is no JSON object, names that come twice, unknown types, sizes that do not
 * match, gaps, overlaps and bytes left over. Nothing is allocated before all of that is checked.
 */
export function decodeSafetensors(bytes: Uint8Array): Safetensors {
  const { header, start } = readHeader(bytes);
  const metadata = new Map<string, string>();
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(objectOf(value, '__metadata__'))) {
        if (typeof text !== 'string') throw new SafetensorsError(`metadata "${key}" is no text`);
        metadata.set(key, text);
      }
    } else entries.push(readEntry(name, value));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== at) {
      throw new SafetensorsError(
        `"${name}" starts at ${begin}, wanted ${at}: the data has gaps or overlaps`,
      );
    }
    at = end;
  }
  const available = bytes.length - start;
  if (at !== available) {
    throw new SafetensorsError(
      `the tensors take ${at} bytes, the file has ${available}${at > available ? ': it is cut off' : ''}`,
    );
  }
  const tensors = new Map<string, Column>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const data = dtypeInfo(dtype).allocate(sizeOf(shape));
    const raw = bytesOf(data);
    raw.set(bytes.subarray(start + begin, start + end));
    if (dtype === 'bool') for (let i = 0; i < raw.length; i++) raw[i] = raw[i] === 0 ? 0 : 1;
    tensors.set(name, { data, shape, dtype });
  }
  return { tensors, metadata };
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  if (bytes.length < 8)
    throw new SafetensorsError(`the file has ${bytes.length} bytes, not even 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const claimed = view.getBigUint64(0, true);
  if (claimed > BigInt(longestHeader)) {
    throw new SafetensorsError(
      `the header claims ${claimed} bytes, at most ${longestHeader} are allowed`,
    );
  }
  const length = Number(claimed);
  if (8 + length > bytes.length) {
    throw new SafetensorsError(
      `the header claims ${length} bytes, the file has ${bytes.length}: it is cut off`,
    );
  }
  if (bytes[8] !== 0x7b) throw new SafetensorsError('the header does not start with {');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length));
  } catch {
    throw new SafetensorsError('the header is not UTF-8');
  }
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw new SafetensorsError(
      `the header is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  const twice = checkKeys(text);
  if (twice !== undefined) throw new SafetensorsError(`the header has the name "${twice}" twice`);
  return { header: objectOf(header, 'the header'), start: 8 + length };
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SafetensorsError(`${what} is no object`);
  }
  return value as Record<string, unknown>;
}

function readEntry(name: string, value: unknown): Entry {
  const entry = objectOf(value, `"${name}"`);
  const wrong = (what: string): never => {
    throw new SafetensorsError(`"${name}": ${what}`);
  };
  for (const key of Object.keys(entry)) {
    if (!['dtype', 'shape', 'data_offsets'].includes(key)) wrong(`unknown field "${key}"`);
  }
  const dtype =
    typeof entry.dtype === 'string' ? dtypeOf.get(entry.dtype) : wrong('it has no dtype');
  if (dtype === undefined) {
    return wrong(
      `dtype ${String(entry.dtype)} is not read (wanted ${[...dtypeOf.keys()].join(', ')})`,
    );
  }
  const { shape, data_offsets: offsets } = entry;
  const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(isCount))
    return wrong('its shape is no list of counts');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return wrong('its data_offsets are no two counts');
  }
  const [begin, end] = offsets as [number, number];
  const wanted = shape.reduce((product, dim) => product * dim, dtypeInfo(dtype).bytes);
  if (!Number.isSafeInteger(wanted) || end - begin !== wanted) {
    return wrong(
      `${dtype}[${shape.join(',')}] takes ${wanted} bytes, its data_offsets ${end - begin}`,
    );
  }
  return { name, dtype, shape, begin, end };
}
