/** Einstein summation: each term is laid out over all letters, multiplied, and summed over those left out. */
import { broadcastTo, matmul, permute, reshape, sizeOf, sum } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Call } from '../call.ts';

/** Letters of a term; the axes behind an ellipsis get letters of their own, aligned at the end. */
function lettersOf(c: Call, term: string, rank: number, ellipsis: readonly string[]): string[] {
  const [head, tail, more] = term.split('...');
  if (more !== undefined) c.invalid(`'...' occurs twice in ${term}`);
  if (tail === undefined) {
    if (term.length !== rank) c.invalid(`term ${term} does not fit rank ${rank}`);
    return [...term];
  }
  const count = rank - head!.length - tail.length;
  if (count < 0 || count > ellipsis.length) c.invalid(`term ${term} does not fit rank ${rank}`);
  return [...head!, ...ellipsis.slice(ellipsis.length - count), ...tail];
}

/** Takes diagonals of letters that occur twice. */
function distinct(x: Tensor, letters: string[]): [Tensor, string[]] {
  for (let i = 0; i < letters.length; i++) {
    const j = letters.indexOf(letters[i]!, i + 1);
    if (j < 0) continue;
    const n = x.shape[i]!;
    const rest = letters.map((_, k) => k).filter((k) => k !== i && k !== j);
    const front = permute(x, [i, j, ...rest]);
    const shape = front.shape.slice(2);
    const flat = reshape(front, [n * n, ...shape]);
    const diagonal = flat.index([0, null, n + 1]);
    return distinct(diagonal, [letters[i]!, ...rest.map((k) => letters[k]!)]);
  }
  return [x, letters];
}

interface Term {
  readonly x: Tensor;
  readonly letters: readonly string[];
}

export function einsum(c: Call, equation: string, operands: readonly Tensor[]): Tensor {
  const [left, right] = equation.replaceAll(/\s/g, '').split('->');
  const terms = left!.split(',');
  if (terms.length !== operands.length) {
    c.invalid(`${equation} has ${terms.length} terms for ${operands.length} inputs`);
  }
  const widest = Math.max(
    0,
    ...terms.map((term, i) => (term.includes('...') ? operands[i]!.rank - term.length + 3 : 0)),
  );
  // Private letters beyond the alphabet stand for the axes of an ellipsis.
  const ellipsis = Array.from({ length: widest }, (_, i) => String.fromCharCode(0x3b1 + i));
  const parsed: Term[] = operands.map((x, i) => {
    const [y, letters] = distinct(x, lettersOf(c, terms[i]!, x.rank, ellipsis));
    return { x: y, letters };
  });
  const all = parsed.flatMap((term) => term.letters);
  const implied = [...new Set(all)]
    .filter((letter) => !ellipsis.includes(letter) && all.filter((l) => l === letter).length === 1)
    .sort();
  const output =
    right === undefined
      ? [...ellipsis, ...implied]
      : lettersOf(
          c,
          right,
          right.replace('...', '').length + (right.includes('...') ? widest : 0),
          ellipsis,
        );

  const sizes = new Map<string, number>();
  for (const { x, letters } of parsed) {
    letters.forEach((letter, i) =>
      sizes.set(letter, Math.max(sizes.get(letter) ?? 1, x.shape[i]!)),
    );
  }
  let result = parsed[0]!;
  for (let k = 1; k < parsed.length; k++) {
    const later = parsed.slice(k + 1).flatMap((term) => term.letters);
    const needed = new Set([...output, ...later]);
    result = combine(result, parsed[k]!, needed, sizes);
  }
  return arrange(result, output, sizes);
}

/** One contraction as a batched matrix product: letters of both that stay, of each alone, of both that go. */
function combine(
  a: Term,
  b: Term,
  needed: ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): Term {
  const shared = a.letters.filter((l) => b.letters.includes(l));
  const batch = shared.filter((l) => needed.has(l));
  const inner = shared.filter((l) => !needed.has(l));
  const [ra, rb] = [reduceTo(a, needed, shared), reduceTo(b, needed, shared)];
  const onlyA = ra.letters.filter((l) => !shared.includes(l));
  const onlyB = rb.letters.filter((l) => !shared.includes(l));
  const size = (letters: readonly string[]) => sizeOf(letters.map((l) => sizes.get(l)!));
  const xa = spread(ra, [...batch, ...onlyA, ...inner], sizes);
  const xb = spread(rb, [...batch, ...inner, ...onlyB], sizes);
  const letters = [...batch, ...onlyA, ...onlyB];
  const shape = letters.map((l) => sizes.get(l)!);
  const product = matmul(
    reshape(xa, [size(batch), size(onlyA), size(inner)]),
    reshape(xb, [size(batch), size(inner), size(onlyB)]),
  );
  return { x: reshape(product, shape), letters };
}

/** Sums away the letters that nobody needs. */
function reduceTo(term: Term, needed: ReadonlySet<string>, shared: readonly string[]): Term {
  const gone = term.letters
    .map((_, i) => i)
    .filter((i) => !needed.has(term.letters[i]!) && !shared.includes(term.letters[i]!));
  if (gone.length === 0) return term;
  return { x: sum(term.x, gone), letters: term.letters.filter((_, i) => !gone.includes(i)) };
}

/** The term with its axes in the order of `letters`, each at its full size. */
function spread(
  term: Term,
  letters: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Tensor {
  const present = letters.filter((l) => term.letters.includes(l));
  const moved = permute(
    term.x,
    present.map((l) => term.letters.indexOf(l)),
  );
  return broadcastTo(
    moved,
    letters.map((l) => sizes.get(l)!),
  );
}

function arrange(
  term: Term,
  output: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Tensor {
  const summed = reduceTo(term, new Set(output), []);
  return spread(summed, output, sizes);
}
