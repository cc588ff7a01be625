/** Recurrent ops against values of Keras 2 and candle, and against each other. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { concat, flip, init, random, tensor, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import * as ops from '../src/index.ts';
import type { LstmWeights, RecurrentActivation } from '../src/index.ts';

const data =
  process.env['HEBB_DATA'] ?? path.resolve(import.meta.dirname, '../../../../shared/data');

interface Stored {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface KerasCase {
  readonly input: Stored;
  readonly expected: Stored;
  readonly weights: readonly Stored[];
}

async function json<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path.join(data, file), 'utf8')) as T;
  } catch {
    return undefined;
  }
}
const of = ({ shape, data: values }: Stored): Tensor =>
  tensor(Float32Array.from(values), { shape });

beforeAll(async () => {
  await init(cpu());
});

function expectClose(got: ArrayLike<number>, want: readonly number[], within = 2e-5): void {
  expect(got.length).toBe(want.length);
  const worst = Math.max(...want.map((value, i) => Math.abs(value - got[i]!)));
  expect(worst).toBeLessThan(within);
}
const listed = async (x: Tensor): Promise<number[]> => [...((await x.data()) as Float32Array)];

/** Settings of the cases, as the notebooks that made them have them; the order within each layer is the same. */
const usual = { sequences: false, backwards: false, functions: 'usual', calls: 1 } as const;
/** The stateful ones were called a second time, which starts where the first call ended. */
const again = { ...usual, calls: 2 } as const;
const settings = [
  usual,
  { ...usual, functions: 'sigmoid' },
  { ...usual, sequences: true },
  { ...usual, backwards: true },
  { ...usual, sequences: true, backwards: true },
  again,
  { ...again, sequences: true },
  { ...again, backwards: true },
  { ...again, sequences: true, backwards: true },
] as const;

interface State {
  readonly h0?: Tensor;
  readonly c0?: Tensor | undefined;
}

type Weights = LstmWeights | readonly LstmWeights[];

const kinds = {
  SimpleRNN: {
    usual: ['tanh'],
    sigmoid: ['sigmoid'],
    run: (x: Tensor, weights: Weights, activations: readonly RecurrentActivation[], state: State) =>
      ops.rnn(x, weights, { ...state, activations }),
  },
  GRU: {
    usual: ['hardSigmoid', 'tanh'],
    sigmoid: ['sigmoid', 'sigmoid'],
    run: (x: Tensor, weights: Weights, activations: readonly RecurrentActivation[], state: State) =>
      ops.gru(x, weights, { ...state, activations, linearBeforeReset: false, gateOrder: 'zrn' }),
  },
  LSTM: {
    usual: ['hardSigmoid', 'tanh', 'tanh'],
    sigmoid: ['sigmoid', 'sigmoid', 'sigmoid'],
    run: (x: Tensor, weights: Weights, activations: readonly RecurrentActivation[], state: State) =>
      ops.lstm(x, weights, { ...state, activations }),
  },
} as const;

for (const [name, kind] of Object.entries(kinds)) {
  const file = `reference/keras-js/test/data/layers/recurrent/${name}.json`;
  const cases = await json<Record<string, KerasCase>>(file);
  describe(`Keras ${name}`, () => {
    if (cases === undefined) {
      it.skip(`needs ${file} in ${data}`, () => undefined);
      return;
    }
    it.each(Object.entries(cases))('%s', async (_title, { input, expected, weights }) => {
      const { sequences, backwards, functions, calls } =
        settings[Number(_title.split('.').at(-1))]!;
      // One sequence [T, I]; kernels are [I, G·H].
      const x = of(input).unsqueeze(1);
      const [w, r, b] = weights.map(of);
      const call = (state: State): readonly Tensor[] =>
        kind.run(
          backwards ? flip(x, 0) : x,
          { weightIh: w!.transpose(), weightHh: r!.transpose(), biasIh: b },
          kind[functions],
          state,
        );
      let [y, h0, c0] = call({}) as [Tensor, Tensor, Tensor | undefined];
      if (calls === 2) [y, h0, c0] = call({ h0, c0 }) as [Tensor, Tensor, Tensor | undefined];
      const all = y.reshape([y.shape[0]!, y.shape[2]!]);
      const got = await listed(sequences ? all : all.index(-1));
      expectClose(got, expected.data.map(Number), 1e-5);
    });
  });
}

/** How the cases of the wrapper join the directions, and whether they give all steps; in their order. */
const wrapped = [
  ['sum', 'last'],
  ['mul', 'last'],
  ['concat', 'last'],
  ['ave', 'last'],
  ['concat', 'all'],
  ['concat', 'all'],
  ['concat', 'all'],
  ['sum', 'all'],
] as const;
const joins = {
  sum: (a: Tensor, b: Tensor) => a.add(b),
  mul: (a: Tensor, b: Tensor) => a.mul(b),
  ave: (a: Tensor, b: Tensor) => a.add(b).mul(0.5),
  concat: (a: Tensor, b: Tensor) => concat([a, b], 1),
};

const wrapper = 'reference/keras-js/test/data/layers/wrappers/Bidirectional.json';
const both = await json<Record<string, KerasCase>>(wrapper);

describe('Keras Bidirectional', () => {
  if (both === undefined) {
    it.skip(`needs ${wrapper} in ${data}`, () => undefined);
    return;
  }
  it.each(Object.entries(both))('%s', async (title, { input, expected, weights }) => {
    const [join, steps] = wrapped[Number(title.split('.').at(-1))]!;
    const list = weights.map(of);
    const directions = [0, 3].map((k) => ({
      weightIh: list[k]!.transpose(),
      weightHh: list[k + 1]!.transpose(),
      biasIh: list[k + 2]!,
    }));
    const hidden = list[1]!.shape[0]!;
    const gates = list[0]!.shape[1]! / hidden;
    const kind = gates === 1 ? kinds.SimpleRNN : gates === 3 ? kinds.GRU : kinds.LSTM;
    const [y] = kind.run(of(input).unsqueeze(1), directions, kind.usual, {});
    const rows = y.reshape([y.shape[0]!, 2 * hidden]);
    const [forwards, backwards] = [0, 1].map((k) => rows.narrow(1, k * hidden, hidden));
    // Its last step is for the backward direction the first one.
    const end = (z: Tensor, at: number): Tensor => (steps === 'all' ? z : z.narrow(0, at, 1));
    const got = joins[join](end(forwards!, rows.shape[0]! - 1), end(backwards!, 0));
    expectClose(await listed(got), expected.data.map(Number), 1e-5);
  });
});

interface Candle {
  readonly lstm: {
    readonly b_ih: number[];
    readonly inputs: number[];
    readonly h: number[];
    readonly c: number[];
  };
}
const candle = await json<Candle>('reference/candle/candle_values.json');
describe('candle', () => {
  if (candle === undefined) {
    it.skip(`needs reference/candle in ${data}`, () => undefined);
    return;
  }
  const { b_ih: bias, inputs, h: wantH, c: wantC } = candle.lstm;
  const made = (f: (x: number) => number, rows: number, columns: number): Tensor =>
    tensor(
      Float32Array.from({ length: rows * columns }, (_, i) => f(i)),
      {
        shape: [rows, columns],
      },
    );
  it('LSTM', async () => {
    const x = tensor(Float32Array.from(inputs.flatMap((value) => [value, value * 0.5])), {
      shape: [inputs.length, 1, 2],
    });
    const [, h, c] = ops.lstm(x, {
      weightIh: made(Math.cos, 12, 2),
      weightHh: made(Math.sin, 12, 3),
      biasIh: tensor(Float32Array.from(bias)),
      biasHh: tensor(Float32Array.from(bias, Math.cos)),
    });
    expectClose(await listed(h), wantH, 1e-4);
    expectClose(await listed(c), wantC, 1e-3);
  });
});

describe('recurrent ops among themselves', () => {
  const draw = (seed: number, ...shape: number[]): Tensor => random.normal(random.key(seed), shape);
  const weights = (seed: number, gates: number): LstmWeights => ({
    weightIh: draw(seed, gates * 4, 3),
    weightHh: draw(seed + 1, gates * 4, 4),
    biasIh: draw(seed + 2, gates * 4),
    biasHh: draw(seed + 3, gates * 4),
  });
  const x = (): Tensor => draw(50, 5, 2, 3);

  it('reverse is forward on the reversed sequence', async () => {
    const w = weights(1, 4);
    const [y, h] = ops.lstm(x(), w, { reverse: true });
    const [turned, last] = ops.lstm(flip(x(), 0), w);
    expectClose(await listed(y), await listed(flip(turned, 0)), 1e-6);
    expectClose(await listed(h), await listed(last), 1e-6);
  });

  it('cells in a row are the sequence', async () => {
    for (const linearBeforeReset of [true, false]) {
      const w = weights(9, 3);
      const [, last] = ops.gru(x(), w, { linearBeforeReset });
      let h: Tensor = zeros([2, 4]);
      for (let t = 0; t < 5; t++) h = ops.gruCell(x().index(t), h, w, { linearBeforeReset });
      expectClose(await listed(h), await listed(last), 1e-6);
    }
  });

  it('clip bounds what goes into the functions', async () => {
    const w = weights(20, 1);
    const [y] = ops.rnn(x(), w, { clip: 0.1 });
    expect(Math.max(...(await listed(y)).map(Math.abs))).toBeLessThanOrEqual(Math.tanh(0.1) + 1e-6);
  });
});

describe('bad input', () => {
  const w = {
    weightIh: zeros([16, 3]),
    weightHh: zeros([16, 4]),
    biasIh: zeros([16]),
    biasHh: zeros([16]),
  };
  const x = zeros([5, 2, 3]);
  it.each<[string, () => unknown, RegExp]>([
    ['rank', () => ops.lstm(zeros([5, 3]), w), /^lstm: input does not fit .*\[T, N, I\]/],
    ['features', () => ops.lstm(zeros([5, 2, 4]), w), /^lstm: weightIh does not fit/],
    ['gates', () => ops.gru(x, w), /^gru: rows of weightIh are 3 gates/],
    ['bias', () => ops.lstm(x, { ...w, biasIh: zeros([4]) }), /^lstm: biasIh does not fit/],
    ['state', () => ops.lstm(x, w, { h0: zeros([2, 2, 4]) }), /^lstm: h0 does not fit/],
    ['cell state', () => ops.lstm(x, w, { c0: zeros([1, 1, 4]) }), /^lstm: c0 does not fit/],
    ['directions', () => ops.lstm(x, [w, w, w]), /^lstm: weights are for one direction or two/],
    ['reverse', () => ops.lstm(x, [w, w], { reverse: true }), /`reverse` has no meaning/],
    ['lengths', () => ops.lstm(x, w, { lengths: [1, 9] }), /^lstm: a length is out of range/],
    ['clip', () => ops.lstm(x, w, { clip: -1 }), /^lstm: clip/],
    [
      'activation',
      () => ops.lstm(x, w, { activations: JSON.parse('["sigmoid","tanh","gelu"]') as ['tanh'] }),
      /^lstm: unknown activation/,
    ],
    ['activations', () => ops.lstm(x, w, { activations: ['tanh'] }), /number of activations/],
    ['peephole', () => ops.lstm(x, { ...w, peephole: zeros([4]) }), /^lstm: peephole does not fit/],
    ['projection', () => ops.lstm(x, { ...w, weightHr: zeros([2, 4]) }), /^lstm: weightHr/],
    [
      'cell',
      () => ops.lstmCell(zeros([2, 3]), zeros([2, 3]), zeros([2, 4]), w),
      /^lstmCell: h does not fit/,
    ],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});
