/** Text, which is always known on the host. */
import { broadcastShapes, sizeOf } from '@hebb/core';
import { RE2JS } from 're2js';
import type { Call } from '../call.ts';
import { positionsOf, textCost } from '../movement.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import { float32, int64, strings } from '../value.ts';
import type { HostTensor, Value } from '../value.ts';

/** Two text inputs, element by element, broadcast. */
function pairs(c: Call): { shape: number[]; a: string[]; b: string[] } {
  const [x, y] = [c.text(0), c.text(1)];
  const shape = broadcastShapes(c.op, c.shape(0), c.shape(1));
  c.sized(sizeOf(shape) * textCost);
  const spread = (texts: readonly string[], from: readonly number[]): string[] =>
    positionsOf(from, shape).map((at) => texts[at]!);
  return { shape, a: spread(x, c.shape(0)), b: spread(y, c.shape(1)) };
}

function concatText(c: Call): HostTensor {
  const { shape, a, b } = pairs(c);
  const length = (texts: readonly string[]): number => texts.reduce((n, x) => n + x.length, 0);
  c.sized((length(a) + length(b)) * textCost);
  return strings(
    a.map((text, i) => text + b[i]!),
    shape,
  );
}

export function equalText(c: Call): HostTensor {
  const { shape, a, b } = pairs(c);
  return { dtype: 'bool', shape, data: Uint8Array.from(a, (text, i) => Number(text === b[i])) };
}

/** Parts of each element, filled up with empty ones to the longest. Without a delimiter at white space. */
function split(c: Call): Value[] {
  const texts = c.text(0);
  const delimiter = c.attr.string('delimiter', '');
  const limit = c.attr.has('maxsplit') ? c.attr.int('maxsplit') : Infinity;
  const parts = texts.map((text) => splitAt(text, delimiter, limit));
  const widest = Math.max(0, ...parts.map((list) => list.length));
  const filled = parts.flatMap((list) => [
    ...list,
    ...new Array<string>(widest - list.length).fill(''),
  ]);
  return [
    strings(filled, [...c.shape(0), widest]),
    int64(
      parts.map((list) => list.length),
      c.shape(0),
    ),
  ];
}

function splitAt(text: string, delimiter: string, limit: number): string[] {
  const blank = delimiter === '';
  let rest = blank ? text.trimStart() : text;
  if (blank && rest === '') return [];
  if (text === '') return [];
  const parts: string[] = [];
  while (parts.length < limit) {
    const found = blank ? /\s+/.exec(rest) : null;
    const at = blank ? (found?.index ?? -1) : rest.indexOf(delimiter);
    if (at < 0) break;
    parts.push(rest.slice(0, at));
    rest = rest.slice(at + (blank ? found![0].length : delimiter.length));
    if (blank && rest === '') return parts;
  }
  parts.push(blank && parts.length < limit ? rest.trimEnd() : rest);
  return parts;
}

function normalise(c: Call): HostTensor {
  const shape = c.shape(0);
  const change = c.attr.string('case_change_action', 'NONE');
  const exact = c.attr.bool('is_case_sensitive');
  const fold = (text: string): string => (exact ? text : text.toLowerCase());
  const stop = new Set((c.attr.strings('stopwords') ?? []).map(fold));
  const kept = c.text(0).filter((text) => !stop.has(fold(text)));
  const result = kept.map((text) =>
    change === 'UPPER' ? text.toUpperCase() : change === 'LOWER' ? text.toLowerCase() : text,
  );
  // Nothing left is one empty text.
  const list = result.length === 0 ? [''] : result;
  return strings(list, shape.length === 2 ? [1, list.length] : [list.length]);
}

/** The whole text must match. Patterns are RE2's, which are matched in linear time whatever they are. */
function fullMatch(c: Call): HostTensor {
  const source = c.attr.string('pattern', '');
  let pattern: RE2JS;
  try {
    pattern = RE2JS.compile(source);
  } catch {
    return c.invalid(`pattern ${source} is no regular expression`);
  }
  const data = Uint8Array.from(c.text(0), (text) => Number(pattern.testExact(text)));
  return { dtype: 'bool', shape: c.shape(0), data };
}

/** Counts of n-grams from a pool, with skips, weighted as TF, IDF or TFIDF. */
function tfIdf(c: Call): HostTensor {
  const host = c.host(0);
  const items =
    host.dtype === 'string'
      ? [...host.data]
      : Array.from(host.data as ArrayLike<number | bigint>, String);
  const pool = c.attr.strings('pool_strings') ?? c.attr.ints('pool_int64s', []).map(String);
  const starts = c.attr.ints('ngram_counts', []);
  const indexes = c.attr.ints('ngram_indexes', []);
  const [low, high] = [c.attr.int('min_gram_length'), c.attr.int('max_gram_length')];
  const maxSkip = c.attr.int('max_skip_count');
  const mode = c.attr.string('mode');
  const weights = c.attr.floats('weights');
  // n-gram -> column, for each length.
  const columns = new Map<string, number>();
  if (starts.some((start, k) => !(start >= (starts[k - 1] ?? 0) && start <= pool.length))) {
    c.invalid(`ngram_counts [${starts.join(',')}] do not divide ${pool.length} entries`);
  }
  let next = 0;
  starts.forEach((start, k) => {
    const n = k + 1;
    const end = starts[k + 1] ?? pool.length;
    for (let at = start; at + n <= end; at += n) {
      columns.set(JSON.stringify(pool.slice(at, at + n)), next++);
    }
  });
  const width = Math.max(-1, ...indexes) + 1;
  const shape = host.shape;
  const rows = shape.length === 2 ? shape[0]! : 1;
  const length = shape.length === 2 ? shape[1]! : items.length;
  const out = new Float32Array(c.sized(rows * width));
  for (let row = 0; row < rows; row++) {
    const line = items.slice(row * length, (row + 1) * length);
    // Longer ones than the pool has cannot be found.
    for (let n = Math.max(1, low); n <= Math.min(high, starts.length, line.length); n++) {
      // Single items have no gaps to skip; others must fit into the line.
      const strides = n === 1 ? 1 : Math.min(maxSkip + 1, Math.floor((line.length - 1) / (n - 1)));
      c.sized(strides * line.length);
      for (let stride = 1; stride <= strides; stride++) {
        for (let at = 0; at + (n - 1) * stride < line.length; at++) {
          const gram = Array.from({ length: n }, (_, k) => line[at + k * stride]!);
          const found = columns.get(JSON.stringify(gram));
          if (found !== undefined) out[row * width + indexes[found]!]! += 1;
        }
      }
    }
  }
  const weightOf = new Float32Array(width).fill(1);
  indexes.forEach((column, k) => (weightOf[column] = weights?.[k] ?? 1));
  const data = out.map((count, i) => {
    if (mode === 'TF') return count;
    const weight = weightOf[i % width]!;
    return mode === 'IDF' ? (count > 0 ? weight : 0) : count * weight;
  });
  return float32([...data], shape.length === 2 ? [rows, width] : [width]);
}

export const textOperators: OperatorTable = {
  StringConcat: [since(1, concatText)],
  StringSplit: [since(1, split)],
  StringNormalizer: [since(1, normalise)],
  RegexFullMatch: [since(1, fullMatch)],
  TfIdfVectorizer: [since(1, tfIdf)],
};
