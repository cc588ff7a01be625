/**
 * Sizes as formulas of named axes. A size was seen at several values of the axes; the formula is the
 * polynomial (each axis at most once a term) or the rounded quotient that gives all of them.
 */
import type { Dim } from '../import/types.ts';

export type Sizes = Readonly<Record<string, number>>;

/**
 * Assignments that tell formulas apart: a base, some values of each axis alone, and each pair together.
 * `scale`: all sizes are multiples of it, for models that work at no others.
 */
export function assignments(names: readonly string[], scale: number): readonly Sizes[] {
  const base: Record<string, number> = {};
  names.forEach((name, i) => (base[name] = scale * primes[i % primes.length]!));
  const alone = names.flatMap((name) => {
    const p = base[name]! / scale;
    // Far ones too: they tell the divisor of a quotient.
    const others = [p + 1, p + 2, 2 * p + 3, 4 * p + 5, 37 * p + 11, 401 * p + 17];
    return others.map((n) => ({ ...base, [name]: scale * n }));
  });
  const pairs = names.flatMap((a, i) =>
    names.slice(i + 1).map((b) => ({ ...base, [a]: base[a]! + scale, [b]: base[b]! + scale })),
  );
  return [base, ...alone, ...pairs];
}

/** Different, so that no two axes agree by accident. */
const primes = [5, 7, 11, 13, 17, 19, 23];

/** The formula behind the sizes at these assignments; null where there is none of these kinds. */
export function fitSize(sizes: readonly number[], at: readonly Sizes[]): Dim {
  const [first] = sizes as [number];
  if (sizes.every((size) => size === first)) return first;
  return polynomial(sizes, at) ?? quotient(sizes, at) ?? null;
}

const deciding = (sizes: readonly number[], at: readonly Sizes[]): string[] => {
  const names = Object.keys(at[0]!);
  return names.filter((name) =>
    at.some((a, t) => sizes[t] !== sizes[0] && a[name] !== at[0]![name]),
  );
};

interface Term {
  readonly factor: number;
  readonly names: readonly string[];
}

function polynomial(sizes: readonly number[], at: readonly Sizes[]): string | undefined {
  const base = at[0]!;
  const names = deciding(sizes, at);
  const find = (changed: readonly string[]): number =>
    at.findIndex((a) =>
      Object.keys(a).every((name) => (a[name] !== base[name]) === changed.includes(name)),
    );
  const step = (name: string, t: number): number => at[t]![name]! - base[name]!;
  const slopes = new Map<string, number>();
  for (const name of names) {
    const t = find([name]);
    if (t < 0) return undefined;
    slopes.set(name, (sizes[t]! - sizes[0]!) / step(name, t));
  }
  const terms: Term[] = [];
  names.forEach((a, i) =>
    names.slice(i + 1).forEach((b) => {
      const t = find([a, b]);
      if (t < 0) return;
      const [da, db] = [step(a, t), step(b, t)];
      const both = sizes[t]! - sizes[0]! - slopes.get(a)! * da - slopes.get(b)! * db;
      if (both !== 0) terms.push({ factor: both / (da * db), names: [a, b] });
    }),
  );
  for (const name of names) {
    const shared = terms
      .filter((term) => term.names.length === 2 && term.names.includes(name))
      .reduce((sum, term) => {
        const other = term.names.find((n) => n !== name)!;
        return sum + term.factor * base[other]!;
      }, 0);
    const factor = slopes.get(name)! - shared;
    if (factor !== 0) terms.push({ factor, names: [name] });
  }
  const value = (sizesAt: Sizes): number =>
    terms.reduce((sum, { factor, names: list }) => {
      return sum + list.reduce((product, name) => product * sizesAt[name]!, factor);
    }, 0);
  const rest = sizes[0]! - value(base);
  if (rest !== 0) terms.push({ factor: rest, names: [] });
  const whole = terms.every(({ factor }) => Number.isInteger(factor));
  return whole && at.every((a, t) => value(a) === sizes[t]) ? written(terms) : undefined;
}

function written(terms: readonly Term[]): string {
  return terms
    .map(({ factor, names }, i) => {
      const size = Math.abs(factor);
      const parts = size === 1 && names.length > 0 ? names : [String(size), ...names];
      const sign = factor < 0 ? '-' : i === 0 ? '' : '+';
      return sign + parts.join('*');
    })
    .join('');
}

/** Strides and pooling: (axis + q) / k, rounded down. */
function quotient(sizes: readonly number[], at: readonly Sizes[]): string | undefined {
  const [name, ...others] = deciding(sizes, at);
  if (name === undefined || others.length > 0) return undefined;
  const from = at[0]![name]!;
  const sized = at.map((a, t) => [a[name]!, sizes[t]!] as const);
  const [far, most] = sized.reduce((best, each) => (each[0] > best[0] ? each : best));
  // Rounding moves a size by less than one.
  const rise = Math.max(1, most - sizes[0]!);
  const [low, high] = [(far - from) / (rise + 1), (far - from) / Math.max(1, rise - 1)];
  let found: { k: number; q: number } | undefined;
  for (let k = Math.max(2, Math.floor(low)); k <= Math.ceil(high); k++) {
    // Strides multiply: of divisors that fit what was seen the most even one is meant.
    if (found !== undefined && evenness(k) <= evenness(found.k)) continue;
    for (let r = 0; r < k; r++) {
      const q = sizes[0]! * k + r - from;
      if (at.every((a, t) => Math.floor((a[name]! + q) / k) === sizes[t])) {
        found = { k, q };
        break;
      }
    }
  }
  if (found === undefined) return undefined;
  const { k, q } = found;
  if (q === 0 && at.every((a) => a[name]! % k === 0)) return `${name}/${k}`;
  const inner = q === 0 ? name : q > 0 ? `(${name}+${q})` : `(${name}${q})`;
  return `floor(${inner}/${k})`;
}

/** How often two divides it. */
function evenness(k: number): number {
  return 31 - Math.clz32(k & -k);
}
