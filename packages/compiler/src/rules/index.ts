/** Local rewrites, tried on each node as it is made. Each gives the same bits, or closer ones to the truth. */
import type { Attrs, Aval } from '@hebb/core';
import type { Builder, Value } from '../dag.ts';
import { isElementwise } from '../elementwise.ts';
import { isMovement } from '../movement.ts';
import { rewriteElementwise } from './elementwise.ts';
import { rewriteIndexing } from './indexing.ts';
import { rewriteMovement } from './movement.ts';
import { rewriteReduction } from './reduction.ts';

/** The value in simpler terms, or `undefined` when no rule applies. */
export function rewrite(
  builder: Builder,
  op: string,
  inputs: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  if (isElementwise(op)) return rewriteElementwise(builder, op, inputs, attrs, aval);
  if (isMovement(op) || op === 'concat' || op === 'fold') {
    return rewriteMovement(builder, op, inputs, attrs, aval);
  }
  return (
    rewriteReduction(builder, op, inputs, attrs, aval) ??
    rewriteIndexing(builder, op, inputs, attrs, aval)
  );
}
