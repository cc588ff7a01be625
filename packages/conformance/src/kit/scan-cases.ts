/** Cases for `scan`, whose body is a graph, so that no sample can be written down for it. */
import { add, argmax, cast, exp, full, matmul, mul, scan, sub, sum, tanh, where } from '@hebb/core';
import type { DType, SampleInput, Tensor } from '@hebb/core';

export interface ScanCase {
  readonly name: string;
  readonly inputs: readonly SampleInput[];
  readonly call: (inputs: readonly Tensor[]) => readonly Tensor[];
  /** False: not to be differentiated. */
  readonly grad?: boolean;
  /** False: has integers or sizes that make other float types pointless. */
  readonly types?: readonly DType[];
}

const flat = ([carries, outputs]: [Tensor[], Tensor[]]): Tensor[] => [...carries, ...outputs];

const cumulative = (x: Tensor, start: Tensor, reverse = false): Tensor[] =>
  flat(
    scan(
      ([total], [e]) => {
        const next = add(total!, e!);
        return [[next], [next]];
      },
      [start],
      [x],
      { reverse },
    ),
  );

/** tanh(x W + h U + b), the bias added outside what depends on the step where it can be. */
const rnn = ([x, h, w, u, b]: readonly Tensor[], reverse = false, checkpoint?: number): Tensor[] =>
  flat(
    scan(
      ([state], [e]) => {
        const next = tanh(add(add(matmul(e!, w!), matmul(state!, u!)), exp(b!)));
        return [[next], [next]];
      },
      [h!],
      [x!],
      { reverse, checkpoint },
    ),
  );
const rnnInputs: readonly SampleInput[] = [[5, 2, 3], [2, 4], [3, 4], [4, 4], [4]];

export const scanCases: readonly ScanCase[] = [
  { name: 'cumulative sum', inputs: [[7, 3], [3]], call: ([x, s]) => cumulative(x!, s!) },
  {
    name: 'cumulative sum, reversed',
    inputs: [[7, 3], [3]],
    call: ([x, s]) => cumulative(x!, s!, true),
  },
  { name: 'no steps', inputs: [[0, 3], [3]], call: ([x, s]) => cumulative(x!, s!) },
  { name: 'one step', inputs: [[1, 3], [3]], call: ([x, s]) => cumulative(x!, s!) },
  { name: 'empty elements', inputs: [[4, 0], [0]], call: ([x, s]) => cumulative(x!, s!) },
  { name: 'recurrent cell', inputs: rnnInputs, call: (inputs) => rnn(inputs) },
  { name: 'recurrent cell, reversed', inputs: rnnInputs, call: (inputs) => rnn(inputs, true) },
  {
    name: 'recurrent cell in segments',
    inputs: rnnInputs,
    call: (inputs) => rnn(inputs, false, 2),
  },
  {
    name: 'recurrent cell in segments, reversed',
    inputs: rnnInputs,
    call: (inputs) => rnn(inputs, true, 2),
  },
  {
    name: 'carries without sequences',
    inputs: [[3], [3]],
    call: ([a, b]) =>
      flat(scan(([x, y]) => [[y!, add(mul(x!, 0.5), y!)], [x!]], [a!, b!], [], { length: 6 })),
  },
  {
    name: 'outputs without carries',
    inputs: [[4, 3], [3]],
    call: ([x, w]) => flat(scan((_, [e]) => [[], [mul(e!, w!)]], [], [x!])),
  },
  {
    name: 'outputs that are inputs',
    inputs: [[4, 3], [3], [2]],
    call: ([x, c, k]) => flat(scan(([s], [e]) => [[s!], [e!, s!, k!]], [c!], [x!])),
  },
  {
    name: 'two sequences and a carry that skips a step',
    inputs: [[5, 2], [5, 2], [2], [2]],
    call: ([x, y, a, b]) =>
      flat(
        scan(
          ([p, q], [e, f]) => [
            [q!, mul(p!, e!)],
            [add(q!, f!), sub(p!, e!)],
          ],
          [a!, b!],
          [x!, y!],
        ),
      ),
  },
  {
    name: 'integer carry and constant',
    inputs: [[4, 3], [3]],
    call: ([x, w]) => {
      const zero = full([], 0, 'int32');
      return flat(
        scan(
          ([step, total], [e]) => {
            const even = where(cast(step!, 'bool'), mul(e!, w!), e!);
            return [[add(step!, 1), add(total!, even)], [argmax(e!, 0)]];
          },
          [zero, mul(w!, 0)],
          [x!],
        ),
      );
    },
  },
  {
    name: 'a loop in a loop',
    inputs: [[3, 4, 2], [2]],
    call: ([x, s]) =>
      flat(
        scan(
          ([outer], [row]) => {
            const [[last]] = scan(
              ([inner], [e]) => [[mul(add(inner!, e!), outer!)], []],
              [outer!],
              [row!],
            );
            return [[tanh(last!)], [sum(last!)]];
          },
          [s!],
          [x!],
        ),
      ),
  },
];
