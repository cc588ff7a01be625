/** Learning of merges: pairs are counted once, and then only where a merge has changed a word. */

interface Word {
  symbols: number[];
  readonly count: number;
}

/** A pair of symbols as one number; symbols are below 2^26. */
const keyOf = (a: number, b: number): number => a * 0x4000000 + b;
const halves = (key: number): readonly [number, number] => [
  Math.floor(key / 0x4000000),
  key % 0x4000000,
];

/** The pairs by count, the greatest first, then by their symbols, the least first. */
class Heap {
  readonly #counts: number[] = [];
  readonly #keys: number[] = [];

  get size(): number {
    return this.#keys.length;
  }

  #before(i: number, j: number): boolean {
    const difference = this.#counts[i]! - this.#counts[j]!;
    return difference > 0 || (difference === 0 && this.#keys[i]! < this.#keys[j]!);
  }

  #swap(i: number, j: number): void {
    [this.#counts[i], this.#counts[j]] = [this.#counts[j]!, this.#counts[i]!];
    [this.#keys[i], this.#keys[j]] = [this.#keys[j]!, this.#keys[i]!];
  }

  push(count: number, key: number): void {
    let at = this.#keys.push(key) - 1;
    this.#counts.push(count);
    for (let up = (at - 1) >> 1; at > 0 && this.#before(at, up); up = (at - 1) >> 1) {
      this.#swap(at, up);
      at = up;
    }
  }

  pop(): readonly [count: number, key: number] {
    const top = [this.#counts[0]!, this.#keys[0]!] as const;
    this.#swap(0, this.#keys.length - 1);
    this.#counts.pop();
    this.#keys.pop();
    for (let at = 0; ;) {
      let first = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        if (below < this.#keys.length && this.#before(below, first)) first = below;
      }
      if (first === at) return top;
      this.#swap(at, first);
      at = first;
    }
  }
}

/**
 * Merges the most frequent pair again and again; ties go to the pair with the smaller symbols.
 *
 * @param words their symbols are changed.
 * @param merge gives the new symbol of a pair, or undefined when there shall be no more.
 */
export function learnMerges(
  words: readonly Word[],
  { minFrequency }: { readonly minFrequency: number },
  merge: (a: number, b: number) => number | undefined,
): void {
  const counts = new Map<number, number>();
  const where = new Map<number, Set<number>>();
  const note = (key: number, count: number, word: number): void => {
    counts.set(key, (counts.get(key) ?? 0) + count);
    if (count < 0) return;
    const places = where.get(key);
    if (places === undefined) where.set(key, new Set([word]));
    else places.add(word);
  };
  words.forEach(({ symbols, count }, word) => {
    for (let i = 0; i + 1 < symbols.length; i++) {
      note(keyOf(symbols[i]!, symbols[i + 1]!), count, word);
    }
  });
  const heap = new Heap();
  for (const [key, count] of counts) heap.push(count, key);
  while (heap.size > 0) {
    const [count, key] = heap.pop();
    const now = counts.get(key) ?? 0;
    if (now !== count) {
      // Counted anew since it was put here.
      if (now > 0) heap.push(now, key);
      continue;
    }
    if (count < minFrequency || count < 1) return;
    const [a, b] = halves(key);
    const symbol = merge(a, b);
    if (symbol === undefined) return;
    const grown = new Set<number>();
    for (const index of where.get(key) ?? []) {
      const word = words[index]!;
      const { symbols } = word;
      const next: number[] = [];
      const change = (left: number, right: number, by: number): void => {
        const pair = keyOf(left, right);
        note(pair, by * word.count, index);
        if (by > 0) grown.add(pair);
      };
      for (let i = 0; i < symbols.length; i++) {
        if (symbols[i] !== a || symbols[i + 1] !== b) {
          next.push(symbols[i]!);
          continue;
        }
        const before = next.at(-1);
        const after = symbols[i + 2];
        if (before !== undefined) {
          change(before, a, -1);
          change(before, symbol, 1);
        }
        if (after !== undefined) {
          change(b, after, -1);
          change(symbol, after, 1);
        }
        next.push(symbol);
        i += 1;
      }
      word.symbols = next;
    }
    counts.delete(key);
    where.delete(key);
    for (const pair of grown) {
      const total = counts.get(pair) ?? 0;
      if (total > 0 && pair !== key) heap.push(total, pair);
    }
  }
}
