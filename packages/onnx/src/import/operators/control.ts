/** Control flow. Branches and trip counts that are known while the graph is built leave no trace in it. */
import { concat, flip, full, isDType, permute, scan, stack, unsqueeze } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { numbersOf } from '../call.ts';
import { evaluateOnHost } from '../evaluate.ts';
import { LoopTooLong } from '../need.ts';
import type { Steps } from '../need.ts';
import type { Program } from '../program.ts';
import type { Built, OperatorTable } from '../table.ts';
import { valueType } from '../types.ts';
import { int64 } from '../value.ts';
import type { HostTensor, Value } from '../value.ts';
import { sequenceMap } from './sequence.ts';

/** A loop that would go on for longer than this is taken for one that never ends. */
const maxTrips = 1 << 20;

const truth = (value: boolean): HostTensor => ({
  dtype: 'bool',
  shape: [],
  data: Uint8Array.of(value ? 1 : 0),
});

function* branch(c: Call): Steps<Built> {
  const condition = yield* numbersOf(c, c.value(0));
  if (condition.data.length !== 1) c.invalid('the condition is not one element');
  const chosen = Number(condition.data[0]) !== 0 ? 'then_branch' : 'else_branch';
  return yield* c.subgraph(c.graph(chosen), []);
}

function* loop(c: Call): Steps<Built> {
  const body = c.graph('body');
  const limit = c.has(0) ? Number((yield* numbersOf(c, c.value(0))).data[0]) : Infinity;
  let condition: Value = c.has(1) ? c.value(1) : truth(true);
  let carried = c
    .values()
    .slice(2)
    .map((_, i) => c.value(2 + i));
  const stacks: Value[][] = body.outputs.slice(1 + carried.length).map(() => []);
  for (let trip = 0; trip < limit; trip++) {
    const goOn = yield* numbersOf(c, condition);
    if (Number(goOn.data[0]) === 0) break;
    if (trip >= c.maxUnrolled) throw new LoopTooLong();
    if (trip === maxTrips) c.invalid(`the loop does not end within ${maxTrips} steps`);
    const results = yield* c.subgraph(body, [int64([trip], []), condition, ...carried]);
    condition = results[0]!;
    carried = results.slice(1, 1 + carried.length);
    results.slice(1 + carried.length).forEach((value, i) => stacks[i]!.push(value));
  }
  const outer = body.outputInfo.slice(1 + carried.length);
  return [
    ...carried,
    ...stacks.map((values, i) => stackValues(c, values, () => nothing(outer[i]))),
  ];
}

/** The stack of no elements: the declared type says what there would have been. */
function nothing(info: Program['outputInfo'][number] | undefined): Value {
  const { dtype = 'float32', shape = [] } = info === undefined ? {} : valueType(info);
  const dims = shape.map((dim) => (typeof dim === 'number' ? dim : 0));
  return full([0, ...dims], 0, isDType(dtype) ? dtype : 'float32');
}

function stackValues(c: Call, values: readonly Value[], empty: () => Value, axis = 0): Value {
  if (values.length === 0) return empty();
  return stack(
    values.map((value) => c.asTensor(value)),
    axis,
  );
}

/** Elements of a sequence input of Scan along its axis, moved to the front. */
function leading(x: Tensor, axis: number): Tensor {
  const at = axis < 0 ? axis + x.rank : axis;
  if (at === 0) return x;
  return permute(x, [at, ...x.shape.map((_, i) => i).filter((i) => i !== at)]);
}

function trailing(x: Tensor, axis: number): Tensor {
  const at = axis < 0 ? axis + x.rank : axis;
  const order = Array.from({ length: x.rank - 1 }, (_, i) => i + 1);
  order.splice(at, 0, 0);
  return permute(x, order);
}

interface ScanParts {
  readonly body: Program;
  readonly states: readonly Tensor[];
  /** Steps lead, in the order of the run. */
  readonly sequences: readonly Tensor[];
}

/** Thrown inside a symbolic step that needs numbers: the loop is unrolled instead. */
class Unroll extends Error {}

/** One loop node, where a step can be built without numbers; else as many copies as there are steps. */
function* runScan(c: Call, { body, states, sequences }: ScanParts): Steps<[Value[], Tensor[]]> {
  const steps = sequences[0]?.shape[0] ?? 0;
  try {
    const [last, stacked] = scan(
      (carries, elements) => {
        const run = c.subgraph(body, [...carries, ...elements]);
        let next = run.next();
        while (next.done !== true) {
          const need = next.value;
          const known = 'tensor' in need ? evaluateOnHost(need.tensor, 1 << 16) : undefined;
          if (known === undefined) {
            run.return([]);
            throw new Unroll();
          }
          next = run.next(known);
        }
        const values = next.value.map((value) => c.asTensor(value));
        return [values.slice(0, states.length), values.slice(states.length)];
      },
      states,
      sequences,
    );
    return [last, stacked];
  } catch (error) {
    if (!(error instanceof Unroll)) throw error;
  }
  let carried: readonly Value[] = states;
  const stacks: Value[][] = body.outputs.slice(states.length).map(() => []);
  for (let k = 0; k < steps; k++) {
    const results = yield* c.subgraph(body, [...carried, ...sequences.map((x) => x.index(k))]);
    carried = results.slice(0, states.length);
    results.slice(states.length).forEach((value, i) => stacks[i]!.push(value));
  }
  return [[...carried], stacks.map((values) => stack(values.map((value) => c.asTensor(value))))];
}

function* scanOperator(c: Call): Steps<Built> {
  const body = c.graph('body');
  const count = c.attr.int('num_scan_inputs');
  const split = c.count - count;
  const states = c.tensors().slice(0, split);
  const axes = c.attr.ints('scan_input_axes') ?? [];
  const directions = c.attr.ints('scan_input_directions') ?? [];
  const sequences = c.tensors(split).map((x, i) => {
    const moved = leading(x, axes[i] ?? 0);
    return directions[i] === 1 ? flip(moved, 0) : moved;
  });
  const [last, stacked] = yield* runScan(c, { body, states, sequences });
  const outAxes = c.attr.ints('scan_output_axes') ?? [];
  const outDirections = c.attr.ints('scan_output_directions') ?? [];
  const outputs = stacked.map((x, i) =>
    trailing(outDirections[i] === 1 ? flip(x, 0) : x, outAxes[i] ?? 0),
  );
  return [...last, ...outputs];
}

/** Opset 8: a batch axis leads everywhere, and each item may have its own length. */
function* batchedScan(c: Call): Steps<Built> {
  const body = c.graph('body');
  const count = c.attr.int('num_scan_inputs');
  const directions = c.attr.ints('directions') ?? [];
  const given = c
    .values()
    .slice(1)
    .map((_, i) => c.tensor(1 + i));
  const split = given.length - count;
  const batch = given[0]!.shape[0]!;
  const sequences = given.slice(split);
  const lengths = c.has(0)
    ? Array.from((yield* numbersOf(c, c.value(0))).data as ArrayLike<bigint>, Number)
    : new Array<number>(batch).fill(sequences[0]!.shape[1]!);
  const longest = sequences[0]!.shape[1]!;
  const results: Tensor[][] = [];
  for (let item = 0; item < batch; item++) {
    const length = lengths[item]!;
    const own = sequences.map((x, i) => {
      const part = x.index(item).narrow(0, 0, length);
      return directions[i] === 1 ? flip(part, 0) : part;
    });
    const states = given.slice(0, split).map((x) => x.index(item));
    const [last, stacked] = yield* runScan(c, { body, states, sequences: own });
    const wide = stacked.map((x) => {
      if (length === longest) return x;
      const rest = full([longest - length, ...x.shape.slice(1)], 0, x.dtype);
      return concat([x, rest], 0);
    });
    results.push([...last.map((value) => c.asTensor(value)), ...wide]);
  }
  return results[0]!.map((_, k) =>
    concat(
      results.map((outputs) => unsqueeze(outputs[k]!, 0)),
      0,
    ),
  );
}

export const controlOperators: OperatorTable = {
  If: [{ since: 1, run: branch }],
  Loop: [{ since: 1, run: loop }],
  Scan: [
    { since: 8, run: batchedScan },
    { since: 9, run: scanOperator },
  ],
  SequenceMap: [{ since: 1, run: sequenceMap }],
};
