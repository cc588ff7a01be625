/**
 * Arithmetic on indices: sums of strided loop variables, with division and remainder where a reshape needs
 * them. `sizes[v]` is the number of values of variable v, which runs from 0; ranges follow from it.
 */
import type { Index, Term } from './ir.ts';

export const zeroIndex: Index = { offset: 0, terms: [] };

export const constantIndex = (offset: number): Index =>
  offset === 0 ? zeroIndex : { offset, terms: [] };

export function variableIndex(variable: number, sizes: readonly number[]): Index {
  return sizes[variable] === 1
    ? zeroIndex
    : { offset: 0, terms: [{ variable, stride: 1, div: 1, mod: 0 }] };
}

/** Largest value of the term without its stride. */
function reach({ variable, div, mod }: Term, sizes: readonly number[]): number {
  const top = Math.floor(Math.max(0, sizes[variable]! - 1) / div);
  return mod === 0 ? top : Math.min(top, mod - 1);
}

/** Smallest and largest value; for an empty loop those of its first turn. */
export function rangeOf(index: Index, sizes: readonly number[]): readonly [number, number] {
  let low = index.offset;
  let high = index.offset;
  for (const term of index.terms) {
    const extent = term.stride * reach(term, sizes);
    if (extent < 0) low += extent;
    else high += extent;
  }
  return [low, high];
}

function compareTerms(a: Term, b: Term): number {
  return a.variable - b.variable || a.div - b.div || a.mod - b.mod;
}

/** Canonical form: equal terms added, digits of one variable that stand side by side joined, order fixed. */
function normalize(offset: number, terms: readonly Term[], sizes: readonly number[]): Index {
  const list: Term[] = [];
  for (const term of terms) {
    if (term.stride === 0) continue;
    const top = Math.floor(Math.max(0, sizes[term.variable]! - 1) / term.div);
    if (top === 0) continue;
    list.push(term.mod > top ? { ...term, mod: 0 } : term);
  }
  if (list.length > 1) {
    list.sort(compareTerms);
    combine(list);
  }
  return offset === 0 && list.length === 0 ? zeroIndex : { offset, terms: list };
}

/** In place, on a sorted list. */
function combine(list: Term[]): void {
  for (let i = 0; i + 1 < list.length;) {
    const a = list[i]!;
    const b = list[i + 1]!;
    if (compareTerms(a, b) !== 0) {
      i += 1;
      continue;
    }
    const stride = a.stride + b.stride;
    if (stride === 0) list.splice(i, 2);
    else list.splice(i, 2, { ...a, stride });
  }
  // (v mod m) * s + (v div m) * s * m = v * s, for any digit v.
  for (let i = 0; i < list.length; i++) {
    const low = list[i]!;
    if (low.mod === 0) continue;
    const k = list.findIndex(
      (high) =>
        high.variable === low.variable &&
        high.div === low.div * low.mod &&
        high.stride === low.stride * low.mod,
    );
    if (k < 0) continue;
    const high = list[k]!;
    list[i] = { ...low, mod: high.mod === 0 ? 0 : low.mod * high.mod };
    list.splice(k, 1);
    combine(list);
    return;
  }
}

export function addIndex(a: Index, b: Index, sizes: readonly number[]): Index {
  if (a.terms.length === 0) return shiftIndex(b, a.offset);
  if (b.terms.length === 0) return shiftIndex(a, b.offset);
  return normalize(a.offset + b.offset, [...a.terms, ...b.terms], sizes);
}

export function shiftIndex(a: Index, by: number): Index {
  return by === 0 ? a : { offset: a.offset + by, terms: a.terms };
}

export function scaleIndex(a: Index, by: number): Index {
  if (by === 0) return zeroIndex;
  if (by === 1) return a;
  return {
    offset: a.offset * by,
    terms: a.terms.map((term) => ({ ...term, stride: term.stride * by })),
  };
}

/** Σ coords[i] * strides[i]. */
export function dotIndex(
  coords: readonly Index[],
  strides: readonly number[],
  sizes: readonly number[],
): Index {
  let offset = 0;
  const terms: Term[] = [];
  coords.forEach((coord, i) => {
    const stride = strides[i]!;
    offset += coord.offset * stride;
    for (const term of coord.terms) terms.push({ ...term, stride: term.stride * stride });
  });
  return normalize(offset, terms, sizes);
}

export interface Division {
  readonly quotient: Index;
  readonly remainder: Index;
}

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return Math.abs(a);
}

/**
 * floor(index / by) and the remainder in [0, by), both as indices; `undefined` where they cannot be written
 * as sums of terms of single variables.
 */
export function divideIndex(
  index: Index,
  by: number,
  sizes: readonly number[],
): Division | undefined {
  if (by === 1) return { quotient: index, remainder: zeroIndex };
  const quotient: Term[] = [];
  const rest: Term[] = [];
  for (const term of index.terms) {
    const whole = Math.trunc(term.stride / by);
    const left = term.stride - whole * by;
    if (whole !== 0) quotient.push({ ...term, stride: whole });
    if (left !== 0) rest.push({ ...term, stride: left });
  }
  let wholeOffset = Math.floor(index.offset / by);
  const low: Index = { offset: index.offset - wholeOffset * by, terms: rest };
  const [least, most] = rangeOf(low, sizes);
  const bucket = Math.floor(least / by);
  if (bucket === Math.floor(most / by)) {
    // The rest never reaches the next multiple: the quotient is exact without it.
    wholeOffset += bucket;
    return {
      quotient: normalize(wholeOffset, quotient, sizes),
      remainder: normalize(low.offset - bucket * by, rest, sizes),
    };
  }
  const inner = divideRest(low, by, sizes);
  if (inner === undefined) return undefined;
  return {
    quotient: normalize(
      wholeOffset + inner.quotient.offset,
      [...quotient, ...inner.quotient.terms],
      sizes,
    ),
    remainder: inner.remainder,
  };
}

function divideRest(low: Index, by: number, sizes: readonly number[]): Division | undefined {
  const [only] = low.terms;
  if (low.terms.length === 1 && low.offset === 0 && only!.stride > 0) {
    return divideTerm(only!, by, sizes);
  }
  // Terms that are multiples of a common divisor a of `by` decide the quotient when the others, together,
  // stay within [0, a).
  const divisors = [...new Set(low.terms.map((term) => gcd(term.stride, by)))].sort(
    (a, b) => a - b,
  );
  for (const a of divisors) {
    if (a === 1 || a >= by) continue;
    const big = low.terms.filter((term) => term.stride % a === 0);
    const small = low.terms.filter((term) => term.stride % a !== 0);
    const bigOffset = Math.floor(low.offset / a);
    const others: Index = { offset: low.offset - bigOffset * a, terms: small };
    const [least, most] = rangeOf(others, sizes);
    if (least < 0 || most >= a) continue;
    const scaled: Index = {
      offset: bigOffset,
      terms: big.map((term) => ({ ...term, stride: term.stride / a })),
    };
    const inner = divideIndex(scaled, by / a, sizes);
    if (inner === undefined) continue;
    return {
      quotient: inner.quotient,
      remainder: addIndex(scaleIndex(inner.remainder, a), others, sizes),
    };
  }
  return undefined;
}

/** One term stride * t. With g the common divisor, floor(s t / by) = floor((s/g) t / (by/g)). */
function divideTerm(term: Term, by: number, sizes: readonly number[]): Division | undefined {
  const g = gcd(term.stride, by);
  if (g !== term.stride) return undefined;
  const divisor = by / g;
  const { div, mod } = term;
  if (mod !== 0 && mod % divisor !== 0) return undefined;
  const high: Term = {
    ...term,
    stride: 1,
    div: div * divisor,
    mod: mod === 0 ? 0 : mod / divisor,
  };
  const low: Term = { ...term, stride: g, mod: divisor };
  return {
    quotient: normalize(0, [high], sizes),
    remainder: normalize(0, [low], sizes),
  };
}

/**
 * The index with each variable replaced by `values[variable]`, an index over variables of `sizes`;
 * `undefined` where a digit of a replaced variable cannot be written.
 */
export function substitute(
  index: Index,
  values: readonly Index[],
  sizes: readonly number[],
): Index | undefined {
  let offset = index.offset;
  const terms: Term[] = [];
  for (const { variable, stride, div, mod } of index.terms) {
    let value: Index | undefined = values[variable]!;
    if (div !== 1) value = divideIndex(value, div, sizes)?.quotient;
    if (value !== undefined && mod !== 0) value = divideIndex(value, mod, sizes)?.remainder;
    if (value === undefined) return undefined;
    offset += value.offset * stride;
    for (const term of value.terms) terms.push({ ...term, stride: term.stride * stride });
  }
  return normalize(offset, terms, sizes);
}

/** The value at given loop variables. */
export function evaluateIndex({ offset, terms }: Index, variables: readonly number[]): number {
  let sum = offset;
  for (const { variable, stride, div, mod } of terms) {
    let value = variables[variable]!;
    if (div !== 1) value = Math.floor(value / div);
    if (mod !== 0) value %= mod;
    sum += value * stride;
  }
  return sum;
}

export function indexKey({ offset, terms }: Index): string {
  let key = String(offset);
  for (const { variable, stride, div, mod } of terms) {
    key += `+${stride}v${variable}`;
    if (div !== 1 || mod !== 0) key += `/${div}%${mod}`;
  }
  return key;
}

export function sameIndex(a: Index, b: Index): boolean {
  return (
    a.offset === b.offset &&
    a.terms.length === b.terms.length &&
    a.terms.every((x, i) => {
      const y = b.terms[i]!;
      return (
        x.variable === y.variable && x.stride === y.stride && x.div === y.div && x.mod === y.mod
      );
    })
  );
}

/** No division and no remainder. */
export const isLinear = (index: Index): boolean =>
  index.terms.every(({ div, mod }) => div === 1 && mod === 0);

/** A digit of a loop variable, `extent` values long, and the stride it has in an index. */
export interface Digit {
  readonly variable: number;
  readonly div: number;
  readonly extent: number;
  readonly stride: number;
}

/**
 * The digits of a bijection between the loops `variables` and 0 … count - 1, smallest stride first;
 * `undefined` when the index is not one. Loops of size 1 do not matter.
 */
export function bijection(
  index: Index,
  variables: readonly number[],
  sizes: readonly number[],
  count: number,
): Digit[] | undefined {
  if (index.offset !== 0) return undefined;
  const digits: Digit[] = [];
  const next = new Map<number, number>();
  for (const variable of variables) if (sizes[variable] !== 1) next.set(variable, 1);
  for (const { variable, stride, div, mod } of index.terms) {
    // Terms are sorted by div within a variable: each continues where the one before ended.
    if (next.get(variable) !== div || stride <= 0) return undefined;
    const size = sizes[variable]!;
    if (mod !== 0 && size % (div * mod) !== 0) return undefined;
    const extent = mod === 0 ? size / div : mod;
    if (!Number.isInteger(extent)) return undefined;
    next.set(variable, div * extent);
    digits.push({ variable, div, extent, stride });
  }
  for (const [variable, reached] of next) if (reached !== sizes[variable]) return undefined;
  digits.sort((a, b) => a.stride - b.stride);
  let expected = 1;
  for (const digit of digits) {
    if (digit.stride !== expected) return undefined;
    expected *= digit.extent;
  }
  return expected === count ? digits : undefined;
}

/** Variables that occur in the index. */
export function variablesOf(index: Index, into: Set<number> = new Set()): Set<number> {
  for (const { variable } of index.terms) into.add(variable);
  return into;
}
