/** Against PyTorch, streams against whole sequences, and bad input. */
import { cpu } from '@hebb/backend-cpu';
import { compile, concat, gradients, init, manualSeed, random, tensor, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Stateful, timeChunks, truncatedBptt, zeroState } from '@hebb/nn';
import { GRU, GRUCell, RNN, RNNCell } from '../src/index.ts';
import { casesOf, eachCase, expectClose, numbers, toTensor } from './reference.ts';
import type { Case } from './reference.ts';

const recurrent = (await casesOf('recurrent')).filter(({ op }) => /^(rnn|gru)/.test(op));

function sequenceLayer({ op, attrs }: Case): RNN | GRU {
  const sizes = [Number(attrs.input_size), Number(attrs.hidden_size)] as const;
  const options = {
    numLayers: Number(attrs.num_layers ?? 1),
    bidirectional: attrs.bidirectional === true,
    batchFirst: attrs.batch_first === true,
    bias: attrs.bias !== false,
    dtype: 'float64',
  } as const;
  if (op.startsWith('gru')) return new GRU(...sizes, options);
  const nonlinearity = attrs.nonlinearity === 'relu' ? 'relu' : 'tanh';
  return new RNN(...sizes, { ...options, nonlinearity });
}

function outputsOf(
  given: Case,
  x: Tensor,
): { layer: RNN | GRU | RNNCell | GRUCell; outputs: Record<string, Tensor> } {
  const { op, attrs, inputs, params } = given;
  const state = (name: string): Tensor | undefined =>
    inputs[name] === undefined ? undefined : toTensor(inputs[name]);
  const load = Object.fromEntries(Object.entries(params).map(([k, v]) => [k, toTensor(v)]));
  if (op.endsWith('_cell')) {
    const sizes = [Number(attrs.input_size), Number(attrs.hidden_size)] as const;
    const options = { dtype: 'float64' } as const;
    const layer =
      op === 'gru_cell' ? new GRUCell(...sizes, options) : new RNNCell(...sizes, options);
    layer.loadStateDict(load);
    return { layer, outputs: { h_next: layer.forward(x, state('h')) } };
  }
  const layer = sequenceLayer(given);
  layer.loadStateDict(load);
  const [y, hN] = layer.forward(x, state('h0'), { lengths: inputs.lengths?.data.map(Number) });
  if (!op.endsWith('_part')) return { layer, outputs: { output: y, h_n: hN } };
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
});

describe('streams', () => {
  beforeAll(async () => {
    await init(cpu());
  });
  const sequence = (): Tensor => random.normal(random.key(5), [7, 2, 3]);

  it('one step at a time is the whole sequence', async () => {
    manualSeed(1);
    const gru = new GRU(3, 4, { numLayers: 2 });
    const x = sequence();
    const [whole, last] = gru.forward(x);
    let state: Tensor | undefined;
    const steps: Tensor[] = [];
    for (const piece of timeChunks(x, 1)) {
      const [y, next] = gru.forward(piece, state);
      steps.push(y);
      state = next;
    }
    expect(await concat(steps, 0).data()).toEqual(await whole.data());
    expect(await state!.data()).toEqual(await last.data());
  });

  it('cells in a row are the layer', async () => {
    manualSeed(2);
    const layer = new RNN(3, 4);
    const cell = new RNNCell(3, 4);
    const weights = await layer.stateDict();
    cell.loadStateDict(
      Object.fromEntries(Object.entries(weights).map(([k, v]) => [k.replace('_l0', ''), v])),
    );
    const x = sequence();
    const [whole] = layer.forward(x);
    let h: Tensor | undefined;
    for (let t = 0; t < 7; t++) h = cell.forward(x.index(t), h);
    expectClose(
      (await h!.data()) as Float32Array,
      [...((await whole.index(6).data()) as Float32Array)],
      { rtol: 1e-6, atol: 1e-6 },
    );
  });

  it('a stateful layer goes on where it stopped, compiled too', async () => {
    manualSeed(3);
    const gru = new GRU(3, 4);
    const x = sequence();
    const [whole] = gru.forward(x);
    const want = [...((await whole.data()) as Float32Array)];
    const stream = new Stateful(gru, zeroState(gru, 2));
    const run = compile((piece: Tensor) => stream.forward(piece));
    for (let round = 0; round < 2; round++) {
      const got: number[] = [];
      for (const piece of timeChunks(x, 3)) {
        got.push(...((await (await run(piece)).data()) as Float32Array));
      }
      expectClose(got, want, { rtol: 1e-6, atol: 1e-6 });
      stream.reset();
    }
    expect(Object.keys(await stream.stateDict())).toContain('layer.weight_ih_l0');
    expect(Object.keys(await stream.stateDict())).toHaveLength(4);
  });

  it('truncated backpropagation stops at the pieces', async () => {
    manualSeed(4);
    const rnn = new RNN(3, 4);
    const x = sequence();
    const [losses] = truncatedBptt(x, zeros([1, 2, 4]), 4, (piece, h) => {
      const [y, next] = rnn.forward(piece, h);
      return [y.sum(), next];
    });
    const [gradient] = gradients([losses[1]!], [x]);
    const early = (await gradient!.narrow(0, 0, 4).data()) as Float32Array;
    const late = (await gradient!.narrow(0, 4, 3).data()) as Float32Array;
    expect(early.every((value) => value === 0)).toBe(true);
    expect(late.some((value) => value !== 0)).toBe(true);
  });

  it('padding changes nothing', async () => {
    manualSeed(6);
    const gru = new GRU(3, 4, { bidirectional: true, numLayers: 2 });
    const x = sequence();
    const [y, hN] = gru.forward(x, undefined, { lengths: [3, 7] });
    const [alone, alone1] = gru.forward(x.narrow(0, 0, 3).narrow(1, 0, 1));
    const close = { rtol: 1e-6, atol: 1e-6 };
    const listed = async (t: Tensor): Promise<number[]> => [...((await t.data()) as Float32Array)];
    expectClose(await listed(y.narrow(0, 0, 3).narrow(1, 0, 1)), await listed(alone), close);
    expectClose(await listed(hN.narrow(1, 0, 1)), await listed(alone1), close);
    expect((await listed(y.narrow(0, 3, 4).narrow(1, 0, 1))).every((value) => value === 0)).toBe(
      true,
    );
  });
});

describe('bad input', () => {
  beforeAll(async () => {
    await init(cpu());
  });
  const gru = new GRU(3, 4);
  const x = zeros([5, 2, 3]);
  it.each<[string, () => unknown, RegExp]>([
    ['features', () => gru.forward(zeros([5, 2, 4])), /^GRU: input does not fit .*\[5,2,4\]/],
    ['rank', () => gru.forward(zeros([3])), /^GRU: input does not fit/],
    ['no steps', () => gru.forward(zeros([0, 2, 3])), /at least one step/],
    [
      'state',
      () => gru.forward(x, zeros([1, 3, 4])),
      /^GRU: h0 does not fit .*\[1,3,4\].*\[1,2,4\]/,
    ],
    [
      'zero length',
      () => gru.forward(x, undefined, { lengths: [0, 5] }),
      /a length is out of range .*0.*1 to 5/,
    ],
    [
      'long length',
      () => gru.forward(x, undefined, { lengths: [6, 5] }),
      /a length is out of range .*6/,
    ],
    [
      'count of lengths',
      () => gru.forward(x, undefined, { lengths: [5] }),
      /one length for each sequence/,
    ],
    [
      'float lengths',
      () => gru.forward(x, undefined, { lengths: tensor([1.5, 2]) }),
      /lengths are integers/,
    ],
    ['hidden size', () => new GRU(3, 0), /^GRU: hiddenSize is a positive whole number/],
    ['dropout', () => new GRU(3, 4, { dropout: 2 }), /^GRU: dropout is out of range/],
    [
      'nonlinearity',
      () => new RNN(3, 4, { nonlinearity: JSON.parse('"gelu"') as 'relu' }),
      /^RNN: unknown nonlinearity/,
    ],
    [
      'cell state',
      () => new GRUCell(3, 4).forward(zeros([2, 3]), zeros([2, 3])),
      /^GRUCell: h does not fit/,
    ],
    ['chunks', () => timeChunks(x, 0), /^timeChunks: size/],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });

  it('takes an empty batch', async () => {
    const [y, hN] = gru.forward(zeros([5, 0, 3]));
    expect([y.shape, hN.shape]).toEqual([
      [5, 0, 4],
      [1, 0, 4],
    ]);
    expect(await y.data()).toHaveLength(0);
  });
});
