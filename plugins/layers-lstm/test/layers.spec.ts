/** Against PyTorch, streams against whole sequences, and bad input. */
import { cpu } from '@hebb/backend-cpu';
import {
  compile,
  concat,
  gather,
  gradients,
  init,
  manualSeed,
  random,
  tensor,
  zeros,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Stateful, timeChunks, zeroState } from '@hebb/nn';
import { ConvLSTM2d, LSTM, LSTMCell } from '../src/index.ts';
import { casesOf, eachCase, expectClose, numbers, toTensor } from './reference.ts';
import type { Case } from './reference.ts';

const recurrent = (await casesOf('recurrent')).filter(({ op }) => op.startsWith('lstm'));

function outputsOf(
  { op, attrs, inputs, params }: Case,
  x: Tensor,
): { layer: LSTM | LSTMCell; outputs: Record<string, Tensor> } {
  const sizes = [Number(attrs.input_size), Number(attrs.hidden_size)] as const;
  const load = Object.fromEntries(Object.entries(params).map(([k, v]) => [k, toTensor(v)]));
  const state = (h: string, c: string): [Tensor, Tensor] | undefined =>
    inputs[h] === undefined ? undefined : [toTensor(inputs[h]), toTensor(inputs[c]!)];
  if (op === 'lstm_cell') {
    const layer = new LSTMCell(...sizes, { dtype: 'float64' });
    layer.loadStateDict(load);
    const [h, c] = layer.forward(x, state('h', 'c'));
    return { layer, outputs: { h_next: h, c_next: c } };
  }
  const layer = new LSTM(...sizes, {
    numLayers: Number(attrs.num_layers ?? 1),
    bidirectional: attrs.bidirectional === true,
    batchFirst: attrs.batch_first === true,
    bias: attrs.bias !== false,
    projSize: Number(attrs.proj_size ?? 0),
    dtype: 'float64',
  });
  layer.loadStateDict(load);
  const lengths = inputs.lengths?.data.map(Number);
  const [y, [hN, cN]] = layer.forward(x, state('h0', 'c0'), { lengths });
  if (op === 'lstm') return { layer, outputs: { output: y, h_n: hN, c_n: cN } };
  const { used } = attrs;
  const output = used === 'mean' ? y.mean(0) : used === 'state' ? hN.index(0) : y.index(-1);
  return { layer, outputs: { output } };
}

describe('PyTorch', () => {
  beforeAll(async () => {
    await init(cpu());
  });
  eachCase(recurrent, async (given) => {
    const x = toTensor(given.inputs.x!);
    const { layer, outputs } = outputsOf(given, x);
    const names = Object.keys(given.cotangents);
    const parameters = layer.namedParameters();
    expect([...parameters.keys()].sort()).toEqual(Object.keys(given.params).sort());
    const grads = gradients(
      names.map((name) => outputs[name]!),
      [x, ...[...parameters.values()].map((each) => each.value)],
      { cotangents: names.map((name) => toTensor(given.cotangents[name]!)) },
    );
    const wanted = [given.grads.x!, ...[...parameters.keys()].map((name) => given.grads[name]!)];
    for (const [name, value] of Object.entries(given.outputs)) {
      const got = (await outputs[name]!.data()) as Float64Array;
      expectClose(got, numbers(value), given.tolerance, name);
    }
    for (const [i, want] of wanted.entries()) {
      const got = (await grads[i]!.data()) as Float64Array;
      expectClose(got, numbers(want), given.tolerance, `gradient ${i}`);
    }
  });

  it('ConvLSTM2d over one pixel is an LSTM', async () => {
    manualSeed(3);
    const lstm = new LSTM(3, 4);
    const conv = new ConvLSTM2d(3, 4, 1);
    const state = await lstm.stateDict();
    conv.loadStateDict({
      weight_ih: state.weight_ih_l0!.reshape([16, 3, 1, 1]),
      weight_hh: state.weight_hh_l0!.reshape([16, 4, 1, 1]),
      bias: state.bias_ih_l0!.add(state.bias_hh_l0!),
    });
    const x = random.normal(random.key(1), [5, 2, 3]);
    const [want] = lstm.forward(x);
    const [got] = conv.forward(x.reshape([5, 2, 3, 1, 1]));
    expectClose((await got.data()) as Float32Array, [...((await want.data()) as Float32Array)], {
      rtol: 1e-5,
      atol: 1e-6,
    });
  });
});

describe('streams', () => {
  beforeAll(async () => {
    await init(cpu());
  });

  it('pieces with the state carried along are the whole sequence', async () => {
    manualSeed(1);
    const lstm = new LSTM(3, 4, { numLayers: 2, projSize: 2 });
    const x = random.normal(random.key(5), [7, 2, 3]);
    const [whole, [, cell]] = lstm.forward(x);
    let state: [Tensor, Tensor] | undefined;
    const steps: Tensor[] = [];
    for (const piece of timeChunks(x, 1)) {
      const [y, next] = lstm.forward(piece, state);
      steps.push(y);
      state = next;
    }
    expect(await concat(steps, 0).data()).toEqual(await whole.data());
    expect(await state![1].data()).toEqual(await cell.data());
    const stream = new Stateful(lstm, [zeroState(lstm, 2, 2), zeroState(lstm, 2)] as const);
    const run = compile((piece: Tensor) => stream.forward(piece));
    const got: number[] = [];
    for (const piece of timeChunks(x, 2)) {
      got.push(...((await (await run(piece)).data()) as Float32Array));
    }
    expectClose(got, [...((await whole.data()) as Float32Array)], { rtol: 1e-6, atol: 1e-6 });
  });
});

describe('checkpoints', () => {
  beforeAll(async () => {
    await init(cpu());
  });

  const gradientsOf = async (
    layer: LSTM | ConvLSTM2d,
    run: () => readonly Tensor[],
    x: Tensor,
  ): Promise<number[][]> => {
    const outputs = run();
    const loss = outputs.map((y) => y.mul(y).sum()).reduce((a, b) => a.add(b));
    const found = gradients([loss], [x, ...layer.parameters().map(({ value }) => value)]);
    return Promise.all(
      [...outputs, ...found].map(async (value) => [...((await value.data()) as Float64Array)]),
    );
  };
  const expectSame = (got: number[][], wanted: number[][]): void => {
    expect(got.map(({ length }) => length)).toEqual(wanted.map(({ length }) => length));
    got.forEach((values, i) => expectClose(values, wanted[i]!, { rtol: 1e-9, atol: 1e-12 }));
  };

  it.each([1, 3, 4, 50])('of %s steps change no value and no gradient', async (checkpoint) => {
    const lengths = [8, 3, 5];
    const x = random.normal(random.key(4), [8, 3, 3], { dtype: 'float64' });
    const of = async (steps?: number): Promise<number[][]> => {
      manualSeed(2);
      const options = { bidirectional: true, numLayers: 2, projSize: 2, dtype: 'float64' } as const;
      const layer = new LSTM(3, 4, { ...options, checkpoint: steps });
      const run = (): Tensor[] => {
        const [y, states] = layer.forward(x, undefined, { lengths });
        return [y, ...states];
      };
      return gradientsOf(layer, run, x);
    };
    expectSame(await of(checkpoint), await of());
  });

  it('of images too', async () => {
    const x = random.normal(random.key(4), [5, 1, 2, 4, 4], { dtype: 'float64' });
    const of = async (checkpoint?: number): Promise<number[][]> => {
      manualSeed(2);
      const layer = new ConvLSTM2d(2, 3, 3, { dtype: 'float64', checkpoint });
      return gradientsOf(layer, () => [layer.forward(x)[0]], x);
    };
    expectSame(await of(2), await of());
  });
});

describe('lengths and batches', () => {
  beforeAll(async () => {
    await init(cpu());
  });

  const allZero = async (x: Tensor): Promise<boolean> =>
    ((await x.data()) as Float32Array).every((value) => value === 0);

  it('lengths need not be sorted', async () => {
    manualSeed(5);
    const layer = new LSTM(3, 4, { bidirectional: true });
    const x = random.normal(random.key(6), [5, 3, 3]);
    const [y, [h, c]] = layer.forward(x, undefined, { lengths: [2, 5, 3] });
    const order = tensor([1, 2, 0], { dtype: 'int32' });
    const sorted = layer.forward(gather(x, order, 1), undefined, { lengths: [5, 3, 2] });
    for (const [mine, other] of [
      [y, sorted[0]],
      [h, sorted[1][0]],
      [c, sorted[1][1]],
    ] as const) {
      expect(await gather(mine, order, 1).data()).toEqual(await other.data());
    }
  });

  it('a batch may be empty, forwards and backwards', async () => {
    const layer = new LSTM(3, 4, { numLayers: 2, bidirectional: true });
    const x = zeros([5, 0, 3]);
    const [y, [h, c]] = layer.forward(x);
    expect([y.shape, h.shape, c.shape]).toEqual([
      [5, 0, 8],
      [4, 0, 4],
      [4, 0, 4],
    ]);
    const [weight] = gradients([y.sum()], [layer.parameters()[0]!.value]);
    expect(await allZero(weight!)).toBe(true);
  });

  it('lengths in a tensor count as far as there are steps', async () => {
    manualSeed(5);
    const layer = new LSTM(3, 4);
    const x = random.normal(random.key(6), [5, 2, 3]);
    const [y, [h]] = layer.forward(x, undefined, {
      lengths: tensor([0, 9], { dtype: 'int32' }),
    });
    const [whole] = layer.forward(x);
    expect(await y.narrow(1, 1, 1).data()).toEqual(await whole.narrow(1, 1, 1).data());
    expect(await allZero(y.narrow(1, 0, 1))).toBe(true);
    expect(await allZero(h.narrow(1, 0, 1))).toBe(true);
  });
});

describe('bad input', () => {
  const lstm = new LSTM(3, 4, { projSize: 2 });
  const x = zeros([5, 2, 3]);
  it.each<[string, () => unknown, RegExp]>([
    ['features', () => lstm.forward(zeros([5, 2, 4])), /^LSTM: input does not fit/],
    [
      'h0',
      () => lstm.forward(x, [zeros([1, 2, 4]), zeros([1, 2, 4])]),
      /^LSTM: h0 does not fit .*\[1,2,4\].*\[1,2,2\]/,
    ],
    [
      'c0',
      () => lstm.forward(x, [zeros([1, 2, 2]), zeros([1, 2, 2])]),
      /^LSTM: c0 does not fit .*\[1,2,2\].*\[1,2,4\]/,
    ],
    [
      'zero length',
      () => lstm.forward(x, undefined, { lengths: [0, 5] }),
      /a length is out of range .*0.*1 to 5/,
    ],
    [
      'long length',
      () => lstm.forward(x, undefined, { lengths: [6, 5] }),
      /a length is out of range .*6.*1 to 5/,
    ],
    ['checkpoint', () => new LSTM(3, 4, { checkpoint: 0 }), /^LSTM: checkpoint is a positive/],
    ['projSize', () => new LSTM(3, 4, { projSize: 4 }), /^LSTM: projSize/],
    ['image rank', () => new ConvLSTM2d(1, 1, 3).forward(x), /^ConvLSTM2d: input does not fit/],
    ['even kernel', () => new ConvLSTM2d(1, 1, 2), /^ConvLSTM2d: kernel sizes are odd/],
    [
      'image state',
      () =>
        new ConvLSTM2d(1, 1, 3).forward(zeros([2, 1, 1, 4, 4]), [
          zeros([1, 1, 4, 5]),
          zeros([1, 1, 4, 4]),
        ]),
      /^ConvLSTM2d: state does not fit/,
    ],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});
