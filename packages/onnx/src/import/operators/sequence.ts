/** Sequences and optionals: they exist only while the graph is built. */
import { concat, narrow, normalizeAxis, reshape, stack } from '@hebb/core';
import type { Call } from '../call.ts';
import type { Steps } from '../need.ts';
import { movement } from '../movement.ts';
import { since } from '../table.ts';
import type { Built, OperatorTable } from '../table.ts';
import { int64, isTensorValue } from '../value.ts';
import type { HostTensor, Sequence, Value } from '../value.ts';

const sequence = (items: readonly Value[]): Sequence => ({ kind: 'sequence', items });

/** A position that may count from the end. */
function position(c: Call, i: number, length: number, ends: number): number {
  const given = c.number(i);
  const at = given < 0 ? given + length : given;
  if (at < 0 || at > ends) c.invalid(`position ${given} is out of range for ${length} elements`);
  return at;
}

function splitToSequence(c: Call): Sequence {
  const shape = c.shape(0);
  const axis = normalizeAxis(c.op, c.attr.int('axis', 0), shape.length);
  const size = shape[axis]!;
  let sizes: number[];
  let squeezed = false;
  if (!c.has(1)) {
    sizes = new Array<number>(size).fill(1);
    squeezed = !c.attr.bool('keepdims', true);
  } else if (c.shape(1).length === 0) {
    const each = c.number(1);
    if (each < 1) c.invalid(`parts have size ${each}`);
    sizes = Array.from({ length: Math.ceil(size / each) }, (_, k) =>
      Math.min(each, size - k * each),
    );
  } else sizes = c.ints(1);
  if (sizes.reduce((a, b) => a + b, 0) !== size) {
    c.invalid(`parts [${sizes.join(',')}] do not add up to ${size}`);
  }
  let start = 0;
  return sequence(
    sizes.map((length, k) => {
      const from = start;
      start += length;
      return movement(
        c,
        c.value(0),
        (x) => {
          const part = narrow(x, axis, from, length);
          return squeezed
            ? reshape(
                part,
                shape.filter((_, i) => i !== axis),
              )
            : part;
        },
        `part ${k}`,
      );
    }),
  );
}

function concatFromSequence(c: Call): Value {
  const items = c.sequence(0).items.map((item) => c.asTensor(item));
  const [first] = items;
  if (first === undefined) return c.invalid('the sequence is empty');
  const axis = c.attr.int('axis');
  if (c.attr.bool('new_axis')) return stack(items, normalizeAxis(c.op, axis, first.rank + 1));
  return concat(items, normalizeAxis(c.op, axis, first.rank));
}

const truth = (value: boolean): HostTensor => ({
  dtype: 'bool',
  shape: [],
  data: Uint8Array.of(value ? 1 : 0),
});

function hasElement(c: Call): HostTensor {
  if (!c.has(0)) return truth(false);
  const value = c.value(0);
  return truth(isTensorValue(value) || value.kind !== 'optional' || value.value !== undefined);
}

function getElement(c: Call): Value {
  const optional = c.optional(0);
  if (optional === undefined) return c.value(0);
  return optional.value ?? c.invalid('the optional is empty');
}

/** Runs the body on the elements at each position of the sequences. */
export function* sequenceMap(c: Call): Steps<Built> {
  const body = c.graph('body');
  const { items } = c.sequence(0);
  const outputs: Value[][] = body.outputs.map(() => []);
  for (let k = 0; k < items.length; k++) {
    const inputs = c.values().map((value, i) => {
      if (value !== undefined && 'kind' in value && value.kind === 'sequence') {
        return value.items[k] ?? c.invalid(`sequence ${i} is shorter than the first`);
      }
      return c.value(i);
    });
    const results = yield* c.subgraph(body, inputs);
    results.forEach((value, i) => outputs[i]!.push(value));
  }
  return outputs.map(sequence);
}

export const sequenceOperators: OperatorTable = {
  SequenceEmpty: [since(1, () => sequence([]))],
  SequenceConstruct: [since(1, (c) => sequence(c.values().map((_, i) => c.value(i))))],
  SequenceInsert: [
    since(1, (c) => {
      const { items } = c.sequence(0);
      const at = c.has(2) ? position(c, 2, items.length, items.length) : items.length;
      return sequence([...items.slice(0, at), c.value(1), ...items.slice(at)]);
    }),
  ],
  SequenceErase: [
    since(1, (c) => {
      const { items } = c.sequence(0);
      if (items.length === 0) c.invalid('the sequence is empty');
      const at = c.has(1) ? position(c, 1, items.length, items.length - 1) : items.length - 1;
      return sequence(items.filter((_, i) => i !== at));
    }),
  ],
  SequenceAt: [
    since(1, (c) => {
      const { items } = c.sequence(0);
      return items[position(c, 1, items.length, items.length - 1)]!;
    }),
  ],
  SequenceLength: [since(1, (c) => int64([c.sequence(0).items.length], []))],
  SplitToSequence: [since(1, splitToSequence)],
  ConcatFromSequence: [since(1, concatFromSequence)],
  Optional: [
    since(1, (c) => (c.has(0) ? { kind: 'optional', value: c.value(0) } : { kind: 'optional' })),
  ],
  OptionalHasElement: [since(1, hasElement)],
  OptionalGetElement: [since(1, getElement)],
};
