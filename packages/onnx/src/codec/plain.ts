/**
 * Turns a message of the generated code, or one of onnx-proto, into a plain object as types.ts
 * describes it: own fields only, lists always there, integers as number or bigint, number lists of
 * tensors as typed arrays.
 *
 * It works by the names of fields, which the schema keeps unambiguous, instead of a function for
 * each of thirty messages.
 */
import { OnnxFormatError } from './errors.ts';

/** 64-bit fields in which any value may occur; all others hold small numbers. */
const BIGINT_FIELDS: ReadonlySet<string> = new Set(['i', 'ints', 'keys', 'modelVersion']);

const TYPED_FIELDS = {
  floatData: Float32Array,
  doubleData: Float64Array,
  int32Data: Int32Array,
  int64Data: BigInt64Array,
  uint64Data: BigUint64Array,
} as const;

const NONE: readonly never[] = Object.freeze([]);

type Integer = number | bigint;
type Source = Readonly<Record<string, unknown>>;

/** protobufjs 6 hands out 64-bit integers as Long objects. */
interface LongLike {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

/** @param maxDepth How deep messages may nest: protobuf's customary limit of 100. */
export function plain(message: object, maxDepth = 100): object {
  if (maxDepth < 0) throw new OnnxFormatError('messages are nested deeper than 100 levels');
  const source = message as Source;
  const result: Record<string, unknown> = {};
  // The prototype of a message class holds the default of every field, own properties what is set.
  for (const key in source) {
    const value = source[key];
    if (typeof value === 'function') continue;
    const own = Object.hasOwn(source, key) && value !== undefined && value !== null;
    if (key in TYPED_FIELDS) {
      const numbers = own ? typed(key as keyof typeof TYPED_FIELDS, value as Pieces) : undefined;
      if (numbers !== undefined && numbers.length > 0) result[key] = numbers;
    } else if (Array.isArray(value)) {
      result[key] = own ? list(key, value, maxDepth) : NONE;
    } else if (own) {
      result[key] = single(key, value, maxDepth);
    }
  }
  const unknowns = source['$unknowns'];
  if (Array.isArray(unknowns) && unknowns.length > 0) result['$unknowns'] = unknowns;
  return result;
}

function list(key: string, values: readonly unknown[], maxDepth: number): readonly unknown[] {
  if (values.length === 0) return NONE;
  const result: unknown[] = [];
  for (const value of values) {
    // A packed list comes as a typed array of its values.
    if (isTyped(value)) {
      for (const number of value) {
        result.push(typeof number === 'bigint' ? integer(key, number) : number);
      }
    } else result.push(single(key, value, maxDepth));
  }
  return result;
}

function single(key: string, value: unknown, maxDepth: number): unknown {
  switch (typeof value) {
    case 'number':
      return BIGINT_FIELDS.has(key) ? integer(key, value) : value;
    case 'bigint':
      return integer(key, value);
    case 'object':
      if (value instanceof Uint8Array) return value;
      if (isLong(value)) return integer(key, fromLong(value));
      if (value !== null) return plain(value, maxDepth - 1);
  }
  return value;
}

function integer(key: string, value: Integer): Integer {
  if (BIGINT_FIELDS.has(key)) return BigInt(value);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new OnnxFormatError(`${key}: ${value} is out of range`);
  return number;
}

function isLong(value: unknown): value is LongLike {
  return typeof value === 'object' && value !== null && 'low' in value && 'high' in value;
}

function fromLong({ low, high, unsigned }: LongLike): bigint {
  const value = (BigInt(high) << 32n) | BigInt(low >>> 0);
  return unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value);
}

type Typed = InstanceType<(typeof TYPED_FIELDS)[keyof typeof TYPED_FIELDS]>;
/** Single values where the file's list is not packed, typed arrays where it is. */
type Pieces = readonly (Typed | Integer | LongLike)[];

function isTyped(value: unknown): value is Typed {
  return Object.values(TYPED_FIELDS).some((type) => value instanceof type);
}

function typed(key: keyof typeof TYPED_FIELDS, pieces: Pieces): Typed {
  const Type = TYPED_FIELDS[key];
  const first = pieces[0];
  if (pieces.length === 1 && first instanceof Type) return first;
  let length = 0;
  for (const piece of pieces) length += isTyped(piece) ? piece.length : 1;
  const big = key === 'int64Data' || key === 'uint64Data';
  const result = new Type(length);
  let at = 0;
  for (const piece of pieces) {
    if (isTyped(piece)) {
      // All pieces of one field are of the field's own kind.
      (result as { set(values: Typed, offset: number): void }).set(piece, at);
      at += piece.length;
    } else {
      const value = isLong(piece) ? fromLong(piece) : piece;
      result[at++] = big ? BigInt(value) : Number(value);
    }
  }
  return result;
}
