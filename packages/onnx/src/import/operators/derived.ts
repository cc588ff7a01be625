/** Operators that are one op record each: the record's ONNX mapping read backwards. */
import { apply, broadcastShapes, broadcastTo, callOp } from '@hebb/core';
import type { Op, Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import type { OperatorEntry, OperatorTable } from '../table.ts';

/** Inputs of a primitive node have equal shapes; ONNX broadcasts. */
function broadcastAll(op: string, inputs: readonly Tensor[]): Tensor[] {
  const shape = broadcastShapes(op, ...inputs.map((x) => x.shape));
  return inputs.map((x) => broadcastTo(x, shape, op));
}

function build(op: Op, call: Call): Tensor[] {
  const inputs = call.tensors();
  if (op.kind === 'composite') return callOp(op, inputs);
  return apply(op, inputs.length > 1 ? broadcastAll(call.op, inputs) : inputs, {});
}

/**
 * Entries for the records whose mapping is the bare operator. A mapping with attributes or an emitter says
 * how to write, not how to read: such operators have entries of their own.
 */
export function derivedOperators(records: Iterable<Op>): OperatorTable {
  const table: Record<string, readonly OperatorEntry[]> = {};
  for (const op of records) {
    const { onnx } = op;
    if (onnx === undefined || onnx.attrs !== undefined || onnx.emit !== undefined) continue;
    table[onnx.op] ??= [{ since: 1, build: (call) => build(op, call) }];
  }
  return table;
}
