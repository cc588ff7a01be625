/** Attention over blocks of queries, one after the other in a loop: only one block's scores exist at a time. */
import { add, concat, iota, narrow, permute, reshape, scan, sizeOf, zerosLike } from '@hebb/core';
import type { Shape, Tensor } from '@hebb/core';
import { dropoutRows } from './dropout.ts';

/** What one call reads. Leading axes of q, k and v are equal but for shared heads; the mask broadcasts. */
export interface Operands {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly mask: Tensor | undefined;
  /** Keys of the dropout, one for each `dropoutRows` queries: [blocks, 2]. */
  readonly keys: Tensor | undefined;
}

export interface Limits {
  /** A call with more scores than this is cut into blocks, and its gradient computes them again. */
  readonly whole: number;
  /** Scores of a block: enough to be worth a turn of the loop, few enough to stay in a cache. */
  readonly block: number;
}
export const limits: Limits = { whole: 2 ** 22, block: 2 ** 19 };

/**
 * Rows of a block; at least two blocks, since parts that are no loops would be computed side by side.
 * `undefined` where the queries are too few.
 */
export function rowsOfBlock(
  q: Shape,
  keys: number,
  dropout: boolean,
  { block }: Limits,
): number | undefined {
  const queries = q.at(-2)!;
  const perRow = sizeOf(q.slice(0, -2)) * keys;
  const unit = dropout ? dropoutRows : 8;
  const most = Math.min(block / perRow, queries / 2);
  const rows = Math.max(unit, Math.floor(most / unit) * unit);
  return rows < queries ? rows : undefined;
}

const byQuery = (x: Tensor | undefined): x is Tensor =>
  x !== undefined && x.rank >= 2 && x.shape.at(-2)! > 1;

/** [..., L, E] -> [steps, ..., rows, E]. */
function intoBlocks(x: Tensor, steps: number, rows: number): Tensor {
  const axis = x.rank - 2;
  const cut = reshape(narrow(x, axis, 0, steps * rows), [
    ...x.shape.slice(0, -2),
    steps,
    rows,
    x.shape.at(-1)!,
  ]);
  const order = Array.from({ length: x.rank + 1 }, (_, i) => i).filter((i) => i !== axis);
  return permute(cut, [axis, ...order]);
}

/** [steps, ..., rows, E] -> [..., steps · rows, E]. */
function outOfBlocks(y: Tensor): Tensor {
  const axis = y.rank - 3;
  const order = Array.from({ length: y.rank - 1 }, (_, i) => i + 1);
  const back = permute(y, [...order.slice(0, axis), 0, ...order.slice(axis)]);
  const shape = back.shape;
  return reshape(back, [...shape.slice(0, -3), shape.at(-3)! * shape.at(-2)!, shape.at(-1)!]);
}

type Blocks = {
  readonly steps: number;
  readonly rows: number;
  readonly sequences: readonly Tensor[];
  /** The operands of a step, its elements given, and the position of its first query among all. */
  readonly at: (elements: readonly Tensor[]) => { block: Operands; first: Tensor; g: Tensor };
  /** Operands of the queries that do not fill a block. */
  readonly rest:
    { readonly block: Operands; readonly first: number; readonly g: Tensor } | undefined;
};

function blocksOf(all: Operands, g: Tensor, rows: number): Blocks {
  const { q, mask, keys } = all;
  const queries = q.shape.at(-2)!;
  const steps = Math.floor(queries / rows);
  const done = steps * rows;
  const perBlock = rows / dropoutRows;
  const cutMask = byQuery(mask);
  const sequences = [
    reshape(iota(steps).mul(rows), [steps]),
    intoBlocks(q, steps, rows),
    intoBlocks(g, steps, rows),
    ...(cutMask ? [intoBlocks(mask, steps, rows)] : []),
    ...(keys === undefined
      ? []
      : [reshape(narrow(keys, 0, 0, steps * perBlock), [steps, perBlock, 2])]),
  ];
  const tail = (x: Tensor): Tensor => narrow(x, x.rank - 2, done, queries - done);
  const rest =
    done === queries
      ? undefined
      : {
          first: done,
          g: tail(g),
          block: {
            ...all,
            q: tail(q),
            mask: cutMask ? tail(mask) : mask,
            keys: keys && narrow(keys, 0, steps * perBlock, keys.shape[0]! - steps * perBlock),
          },
        };
  return {
    steps,
    rows,
    sequences,
    at: ([first, qb, gb, ...others]) => ({
      first: first!,
      g: gb!,
      block: {
        ...all,
        q: qb!,
        mask: cutMask ? others[0] : mask,
        keys: keys && others.at(-1),
      },
    }),
    rest,
  };
}

export function overBlocks(
  all: Operands,
  rows: number,
  attend: (block: Operands, first: Tensor | number) => Tensor,
): Tensor {
  const { sequences, at, rest } = blocksOf(all, all.q, rows);
  const [, [y]] = scan(
    (_, elements) => {
      const { block, first } = at(elements);
      return [[], [attend(block, first)]];
    },
    [],
    sequences,
  );
  const most = outOfBlocks(y!);
  return rest === undefined ? most : concat([most, attend(rest.block, rest.first)], most.rank - 2);
}

/** Gradients of q, k, v and, where `withMask`, of the mask. */
export function gradientOverBlocks(
  all: Operands,
  g: Tensor,
  rows: number,
  withMask: boolean,
  start: readonly [k: Tensor, v: Tensor] | undefined,
  gradient: (block: Operands, g: Tensor, first: Tensor | number) => Tensor[],
): Tensor[] {
  const { sequences, at, rest } = blocksOf(all, g, rows);
  const { k, v, mask } = all;
  const maskRows = withMask && byQuery(mask);
  const maskSum = withMask && !maskRows;
  const zero = [...(start ?? [zerosLike(k), zerosLike(v)]), ...(maskSum ? [zerosLike(mask!)] : [])];
  const split = ([dq, dk, dv, dm]: readonly Tensor[]): [sums: Tensor[], rows: Tensor[]] => [
    [dk!, dv!, ...(maskSum ? [dm!] : [])],
    [dq!, ...(maskRows ? [dm!] : [])],
  ];
  const [sums, stacked] = scan(
    (carried, elements) => {
      const { block, g: rowsOfG, first } = at(elements);
      const [more, own] = split(gradient(block, rowsOfG, first));
      return [carried.map((x, i) => add(x, more[i]!)), own];
    },
    zero,
    sequences,
  );
  let [totals, parts] = [sums, stacked.map(outOfBlocks)];
  if (rest !== undefined) {
    const [more, own] = split(gradient(rest.block, rest.g, rest.first));
    totals = totals.map((x, i) => add(x, more[i]!));
    parts = parts.map((x, i) => concat([x, own[i]!], x.rank - 2));
  }
  const masks = maskSum ? totals.slice(2) : parts.slice(1);
  return [parts[0]!, totals[0]!, totals[1]!, ...masks];
}
