/** Against PyTorch, streams against whole sequences, and bad input. */
import { cpu } from '@hebb/backend-cpu';
import { compile, concat, gradients, init, manualSeed, random, zeros } from '@hebb/core';
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
