import type { Op } from '@hebb/core';

/** An op's record, or the function that carries it. */
export type OpLike = Op | { readonly op: Op };

export function opOf(op: OpLike): Op {
  return 'op' in op ? op.op : op;
}
