/** Bodies of JSON whose lists of numbers are read from the bytes into arrays: no text, no object for each number. */
import { doubleOf, headDigits } from './float.ts';
import { Numbers } from './numbers.ts';

/** Levels that are walked through here. */
const mostDepth = 32;
/** Flat lists of no more numbers are plain arrays: shapes, and what is not worth a view. */
const fewNumbers = 32;
/** Numbers for which memory is kept from one body to the next. */
const keptNumbers = 1 << 17;

/** Numbers of the body that is being read. */
let scratch = new Float64Array(1024);

/**
 * The value as JSON.parse gives it, but for long lists of numbers, which are `Numbers`. `undefined` for what it does
 * not read: text that is no JSON, numbers mixed with other things in one list, and a few rare forms; JSON.parse judges
 * those.
 */
export function parseNumbers(bytes: Uint8Array): { readonly value: unknown } | undefined {
  const parser = new Parser(bytes);
  try {
    return { value: parser.whole() };
  } catch (error) {
    if (error !== unread) throw error;
    return undefined;
  } finally {
    if (scratch.length > keptNumbers) scratch = new Float64Array(1024);
  }
}

const unread = new Error('not read');
const fail = (): never => {
  throw unread;
};

const decoder = new TextDecoder('utf-8', { fatal: true });
const [quote, comma, minus, dot, zero, colon] = [0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x3a];
const [upperE, lowerE] = [0x45, 0x65];
/** What numbers are written with beside digits. */
const marks: readonly number[] = [minus, 0x2b, dot, upperE, lowerE];
const [openList, backslash, closeList, openObject, closeObject] = [0x5b, 0x5c, 0x5d, 0x7b, 0x7d];

class Parser {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Numbers in `scratch`. */
  #used = 0;
  #exact: Map<number, bigint> | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    // A byte order mark, which decoders of text pass over as well.
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
  }

  whole(): unknown {
    const value = this.#value(0);
    this.#space();
    return this.#at === this.#bytes.length ? value : fail();
  }

  /** The next byte that is no space; equal to none at the end. */
  #space(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at]!;
    while (isSpace(byte)) byte = bytes[++at]!;
    this.#at = at;
    return byte;
  }

  #value(depth: number): unknown {
    if (depth > mostDepth) return fail();
    const byte = this.#space();
    if (byte === quote) return this.#text();
    if (byte === openObject) return this.#object(depth);
    if (byte === openList) return this.#list(depth);
    if (byte === 0x74) return this.#word('true', true);
    if (byte === 0x66) return this.#word('false', false);
    if (byte === 0x6e) return this.#word('null', null);
    const at = this.#used;
    this.#number();
    this.#used = at;
    // An integer that a double does not hold is what JSON.parse makes of it, outside of lists.
    this.#exact?.delete(at);
    return scratch[at];
  }

  #word<T>(word: string, value: T): T {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) fail();
    }
    this.#at += word.length;
    return value;
  }

  #text(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start + 1;
    let escaped = false;
    for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) {
      if (byte === undefined || byte < 0x20) return fail();
      if (byte === backslash) {
        escaped = true;
        at += 1;
      }
    }
    this.#at = at + 1;
    try {
      // With its quotes: a decoder passes over a mark at the beginning.
      const text = decoder.decode(bytes.subarray(start, at + 1));
      return escaped ? (JSON.parse(text) as string) : text.slice(1, -1);
    } catch {
      return fail();
    }
  }

  #object(depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#at += 1;
    if (this.#space() === closeObject) {
      this.#at += 1;
      return object;
    }
    for (;;) {
      if (this.#space() !== quote) return fail();
      const name = this.#text();
      if (name === '__proto__' || this.#space() !== colon) return fail();
      this.#at += 1;
      object[name] = this.#value(depth + 1);
      const byte = this.#space();
      this.#at += 1;
      if (byte === closeObject) return object;
      if (byte !== comma) return fail();
    }
  }

  #list(depth: number): unknown {
    const open = this.#at;
    this.#at += 1;
    const byte = this.#space();
    if (byte === openList || byte === minus || isDigit(byte)) {
      this.#at = open;
      return this.#numbers(depth);
    }
    const list: unknown[] = [];
    if (byte === closeList) {
      this.#at += 1;
      return list;
    }
    for (;;) {
      list.push(this.#value(depth + 1));
      const next = this.#space();
      this.#at += 1;
      if (next === closeList) return list;
      if (next !== comma) return fail();
    }
  }

  #numbers(depth: number): Numbers | number[] {
    const from = this.#used;
    this.#exact = undefined;
    const shape: number[] = [];
    this.#level(shape, 0, depth);
    const data = scratch.subarray(from, this.#used);
    const exact = this.#exact as ReadonlyMap<number, bigint> | undefined;
    if (exact !== undefined) {
      const own = new Map(Array.from(exact, ([at, value]) => [at - from, value]));
      return new Numbers(shape, data, own);
    }
    if (shape.length > 1 || data.length > fewNumbers) return new Numbers(shape, data, undefined);
    return Array.from(data);
  }

  /** One level of nested lists; the first of each says how long the others must be. */
  #level(shape: number[], axis: number, depth: number): void {
    if (depth + axis > mostDepth) fail();
    const isFirst = shape.length === axis;
    if (isFirst) shape.push(0);
    this.#at += 1;
    let count = 0;
    if (this.#space() === openList) {
      // Deeper than the lists before it.
      if (!isFirst && axis === shape.length - 1) fail();
      for (;;) {
        if (this.#space() !== openList) fail();
        this.#level(shape, axis + 1, depth);
        count += 1;
        const byte = this.#space();
        this.#at += 1;
        if (byte === closeList) break;
        if (byte !== comma) fail();
      }
    } else if (axis === shape.length - 1) count = this.#row();
    else fail();
    if (isFirst) shape[axis] = count;
    else if (shape[axis] !== count) fail();
  }

  /** Numbers up to the end of their list. */
  #row(): number {
    const bytes = this.#bytes;
    const from = this.#used;
    for (;;) {
      this.#number();
      let at = this.#at;
      let byte = bytes[at]!;
      while (isSpace(byte)) byte = bytes[++at]!;
      if (byte === comma) {
        byte = bytes[++at]!;
        while (isSpace(byte)) byte = bytes[++at]!;
        this.#at = at;
      } else {
        this.#at = at + 1;
        return byte === closeList ? this.#used - from : fail();
      }
    }
  }

  /** One number into `scratch`. */
  #number(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    const isNegative = bytes[at] === minus;
    if (isNegative) at += 1;
    const first = at;
    let head = 0;
    let tail = 0;
    let digit = bytes[at]! - zero;
    if (!(digit >= 0 && digit <= 9)) fail();
    let end = at + headDigits;
    do {
      head = (head * 10 + digit) | 0;
      digit = bytes[++at]! - zero;
    } while (digit >= 0 && digit <= 9 && at < end);
    if (bytes[first] === zero && at > first + 1) fail();
    let digits = head === 0 ? 0 : at - first;
    let exponent = 0;
    if (digit === dot - zero) {
      const point = at + 1;
      digit = bytes[++at]! - zero;
      // Zeros in front say nothing.
      if (head === 0) while (digit === 0) digit = bytes[++at]! - zero;
      let from = at;
      end = from + headDigits - digits;
      while (digit >= 0 && digit <= 9 && at < end) {
        head = (head * 10 + digit) | 0;
        digit = bytes[++at]! - zero;
      }
      digits += at - from;
      from = at;
      end = from + headDigits;
      while (digit >= 0 && digit <= 9 && at < end) {
        tail = (tail * 10 + digit) | 0;
        digit = bytes[++at]! - zero;
      }
      digits += at - from;
      exponent = at - point;
      if (exponent === 0) fail();
    }
    const hasMore =
      (digit >= 0 && digit <= 9) || digit === upperE - zero || digit === lowerE - zero;
    const value = hasMore ? NaN : doubleOf(head, tail, digits, exponent);
    if (Number.isNaN(value)) this.#put(this.#rare(start));
    else {
      this.#at = at;
      this.#put(isNegative ? -value : value);
    }
  }

  #put(value: number): void {
    if (this.#used === scratch.length) {
      const larger = new Float64Array(2 * scratch.length);
      larger.set(scratch);
      scratch = larger;
    }
    scratch[this.#used++] = value;
  }

  /** Numbers with many digits or an exponent, by the engine. */
  #rare(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    let byte = bytes[at]!;
    while (isDigit(byte) || marks.includes(byte)) byte = bytes[++at]!;
    const text = decoder.decode(bytes.subarray(start, at));
    if (!form.test(text)) fail();
    this.#at = at;
    const value = Number(text);
    if (text.length <= 20 && !Number.isSafeInteger(value) && /^-?\d+$/.test(text)) {
      this.#exact ??= new Map();
      this.#exact.set(this.#used, BigInt(text));
    }
    return value;
  }
}

const form = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

const isSpace = (byte: number): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const isDigit = (byte: number): boolean => byte >= zero && byte <= 0x39;
