/** Arguments of single steps. */
import { fail, formatShape, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { requireTensor } from '../operands.ts';
import { wants } from './loop.ts';
import type { RecurrentWeights } from './loop.ts';

export type CellWeights = RecurrentWeights;

/** Checks what goes into one step: x [N, I], states [N, ·]. Returns both biases or none. */
export function cellArguments(
  op: string,
  x: Tensor,
  states: readonly Tensor[],
  { weightIh, weightHh, biasIh, biasHh }: CellWeights,
  gates: number,
): { readonly biasIh: Tensor | undefined; readonly biasHh: Tensor | undefined } {
  requireTensor(op, x);
  requireTensor(op, weightIh);
  requireTensor(op, weightHh);
  if (x.rank !== 2) fail(op, 'input does not fit', formatShape(x.shape), '[N, I]');
  const rows = weightIh.shape[0] ?? 0;
  const hidden = rows / gates;
  const state = weightHh.shape[1] ?? 0;
  wants(op, 'weightIh', weightIh, [Math.floor(hidden) * gates, x.shape[1]!]);
  wants(op, 'weightHh', weightHh, [rows, state]);
  states.forEach((each, i) =>
    wants(op, i === 0 ? 'h' : 'c', each, [x.shape[0]!, i === 0 ? state : hidden]),
  );
  if (biasIh != null) wants(op, 'biasIh', biasIh, [rows]);
  if (biasHh != null) wants(op, 'biasHh', biasHh, [rows]);
  if (biasIh == null && biasHh == null) return { biasIh: undefined, biasHh: undefined };
  return { biasIh: biasIh ?? zeros([rows], x.dtype), biasHh: biasHh ?? zeros([rows], x.dtype) };
}
