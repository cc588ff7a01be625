/** RNN, GRU and LSTM with every attribute, as one loop a direction over inputs projected beforehand. */
import {
  add,
  cast,
  gatherElements,
  iota,
  matmul,
  maximum,
  minimum,
  mul,
  narrow,
  permute,
  reshape,
  scan,
  stack,
  sub,
  tanh,
  where,
  zeros,
  broadcastTo,
  flip,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { elu, leakyRelu, relu, sigmoid, softplus, softsign, threshold } from '@hebb/ops';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';

type Activation = (x: Tensor) => Tensor;

interface ActivationKind {
  /** Values of alpha and beta where none are given; how many of them it takes. */
  readonly alpha?: number;
  readonly beta?: number;
  make(alpha: number, beta: number): Activation;
}

const activationKinds: Readonly<Record<string, ActivationKind>> = {
  relu: { make: () => relu },
  tanh: { make: () => tanh },
  sigmoid: { make: () => sigmoid },
  softsign: { make: () => softsign },
  softplus: { make: () => (x) => softplus(x) },
  affine: { alpha: 1, beta: 0, make: (alpha, beta) => (x) => add(mul(x, alpha), beta) },
  leakyrelu: { alpha: 0.01, make: (alpha) => (x) => leakyRelu(x, { negativeSlope: alpha }) },
  thresholdedrelu: { alpha: 1, make: (alpha) => (x) => threshold(x, alpha, 0) },
  scaledtanh: { alpha: 1, beta: 1, make: (alpha, beta) => (x) => mul(tanh(mul(x, beta)), alpha) },
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    make: (alpha, beta) => (x) => minimum(maximum(add(mul(x, alpha), beta), 0), 1),
  },
  elu: { alpha: 1, make: (alpha) => (x) => elu(x, { alpha }) },
};

/** Activation functions of one direction after the other; alphas and betas are dealt out in order. */
function activations(c: Call, defaults: readonly string[], directions: number): Activation[][] {
  const names =
    c.attr.strings('activations') ?? Array.from({ length: directions }, () => defaults).flat();
  if (names.length !== defaults.length * directions) {
    c.invalid(`${names.length} activations for ${defaults.length * directions}`);
  }
  const alphas = [...(c.attr.floats('activation_alpha') ?? [])];
  const betas = [...(c.attr.floats('activation_beta') ?? [])];
  const made = names.map((name) => {
    const key = name.toLowerCase();
    const kind = Object.hasOwn(activationKinds, key)
      ? activationKinds[key]!
      : c.unsupported(`activation ${name}`);
    const alpha = kind.alpha === undefined ? 0 : (alphas.shift() ?? kind.alpha);
    const beta = kind.beta === undefined ? 0 : (betas.shift() ?? kind.beta);
    return kind.make(alpha, beta);
  });
  return Array.from({ length: directions }, (_, d) =>
    made.slice(d * defaults.length, (d + 1) * defaults.length),
  );
}

/** One direction's parameters and inputs. */
interface Direction {
  /** [steps, batch, gates · hidden]: the inputs' part of every gate, with the input's bias. */
  readonly projected: Tensor;
  /** [gates · hidden, hidden] */
  readonly recurrent: Tensor;
  /** [gates · hidden], or undefined */
  readonly bias: Tensor | undefined;
  /** [3 · hidden] */
  readonly peephole: Tensor | undefined;
  readonly functions: readonly Activation[];
  readonly hidden: number;
  readonly clip: (x: Tensor) => Tensor;
}

type Cell = (direction: Direction) => (x: Tensor, state: readonly Tensor[]) => Tensor[];

interface Kind {
  readonly gates: number;
  /** Values carried: h, and c for LSTM. */
  readonly states: number;
  readonly defaults: readonly string[];
  readonly cell: (c: Call) => Cell;
}

const gate = (x: Tensor, k: number, hidden: number): Tensor =>
  narrow(x, x.rank - 1, k * hidden, hidden);

const rnnCell: Kind['cell'] =
  () =>
  ({ recurrent, functions, bias, clip }) => {
    const [f] = functions;
    return (x, [h]) => {
      const total = add(x, matmul(h!, recurrent, { transposeB: true }));
      return [f!(clip(bias === undefined ? total : add(total, bias)))];
    };
  };

const gruCell: Kind['cell'] = (c) => (direction) => {
  const { recurrent, functions, hidden, bias, clip } = direction;
  const [f, g] = functions;
  const after = c.attr.bool('linear_before_reset');
  const part = (w: Tensor, from: number, count: number): Tensor =>
    narrow(w, 0, from * hidden, count * hidden);
  const rowsOf = (from: number, count: number): Tensor => part(recurrent, from, count);
  const biasOf = (from: number, count: number, y: Tensor): Tensor =>
    bias === undefined ? y : add(y, part(bias, from, count));
  return (x, [h]) => {
    const gates = biasOf(0, 2, matmul(h!, rowsOf(0, 2), { transposeB: true }));
    const both = f!(clip(add(narrow(x, x.rank - 1, 0, 2 * hidden), gates)));
    const [update, reset] = [gate(both, 0, hidden), gate(both, 1, hidden)];
    const fresh = gate(x, 2, hidden);
    const candidate = after
      ? add(fresh, mul(reset, biasOf(2, 1, matmul(h!, rowsOf(2, 1), { transposeB: true }))))
      : biasOf(2, 1, add(fresh, matmul(mul(reset, h!), rowsOf(2, 1), { transposeB: true })));
    const next = g!(clip(candidate));
    return [add(mul(sub(1, update), next), mul(update, h!))];
  };
};

const lstmCell: Kind['cell'] = (c) => (direction) => {
  const { recurrent, functions, hidden, bias, peephole, clip } = direction;
  const [f, g, hFunction] = functions;
  const coupled = c.attr.bool('input_forget');
  const peep = (k: number, state: Tensor, x: Tensor): Tensor =>
    peephole === undefined ? x : add(x, mul(narrow(peephole, 0, k * hidden, hidden), state));
  return (x, [h, cell]) => {
    let gates = add(x, matmul(h!, recurrent, { transposeB: true }));
    if (bias !== undefined) gates = add(gates, bias);
    // ONNX orders the gates input, output, forget, cell.
    const input = f!(clip(peep(0, cell!, gate(gates, 0, hidden))));
    const forget = coupled ? sub(1, input) : f!(clip(peep(2, cell!, gate(gates, 2, hidden))));
    const next = add(mul(forget, cell!), mul(input, g!(clip(gate(gates, 3, hidden)))));
    const output = f!(clip(peep(1, next, gate(gates, 1, hidden))));
    return [mul(output, hFunction!(next)), next];
  };
};

const kinds = {
  rnn: { gates: 1, states: 1, defaults: ['Tanh'], cell: rnnCell },
  gru: { gates: 3, states: 1, defaults: ['Sigmoid', 'Tanh'], cell: gruCell },
  lstm: { gates: 4, states: 2, defaults: ['Sigmoid', 'Tanh', 'Tanh'], cell: lstmCell },
} satisfies Record<string, Kind>;

/** Each item's steps in the other order, up to its own length; the rest stays where it is. */
function reversed(x: Tensor, lengths: Tensor | undefined): Tensor {
  if (lengths === undefined) return flip(x, 0);
  const [steps, batch] = x.shape as [number, number];
  const at = reshape(iota(steps), [steps, 1]);
  const ends = reshape(lengths, [1, batch]);
  const from = where(at.lt(ends), sub(sub(ends, 1), at), at);
  const index = reshape(from, [steps, batch, ...x.shape.slice(2).map(() => 1)]);
  return gatherElements(x, broadcastTo(index, x.shape), 0);
}

function recurrentOperator(kind: Kind): (c: Call) => Tensor[] {
  return (c) => {
    const batchFirst = c.attr.int('layout', 0) === 1;
    const name = c.attr.string('direction', 'forward');
    if (name !== 'forward' && name !== 'reverse' && name !== 'bidirectional') {
      c.invalid(`direction is ${name}`);
    }
    const directions = name === 'bidirectional' ? 2 : 1;
    const given = c.tensor(0);
    const x = batchFirst ? permute(given, [1, 0, 2]) : given;
    const [steps, batch] = x.shape as [number, number, number];
    const hidden = c.shape(2)[2]!;
    const lengths = c.has(4) ? cast(c.tensor(4), 'int32') : undefined;
    const functions = activations(c, kind.defaults, directions);
    const limit = c.attr.has('clip') ? c.attr.float('clip') : undefined;
    const clip = (y: Tensor): Tensor =>
      limit === undefined ? y : minimum(maximum(y, -limit), limit);

    /** Initial states lie in input 5 and, for the cell of LSTM, 6. */
    const initial = (k: number, d: number): Tensor => {
      if (!c.has(5 + k)) return zeros([batch, hidden], x.dtype);
      const all = c.tensor(5 + k);
      return batchFirst ? all.index([null], d) : all.index(d);
    };

    const outputs: Tensor[] = [];
    const last: Tensor[][] = [];
    for (let d = 0; d < directions; d++) {
      const backward = name === 'reverse' || d === 1;
      const biases = c.has(3) ? c.tensor(3).index(d) : undefined;
      const width = kind.gates * hidden;
      const projected = matmul(backward ? reversed(x, lengths) : x, c.tensor(1).index(d), {
        transposeB: true,
      });
      const step = kind.cell(c)({
        projected,
        recurrent: c.tensor(2).index(d),
        bias: biases === undefined ? undefined : narrow(biases, 0, width, width),
        peephole: c.has(7) && kind.states === 2 ? c.tensor(7).index(d) : undefined,
        functions: functions[d]!,
        hidden,
        clip,
      });
      const inputs = biases === undefined ? projected : add(projected, narrow(biases, 0, 0, width));
      const init = Array.from({ length: kind.states }, (_, k) => initial(k, d));
      const [states, [y]] = scan(
        (carried, [xt, t]) => {
          const next = step(xt!, carried);
          if (lengths === undefined) return [next, [next[0]!]];
          const live = reshape(t!.lt(lengths), [batch, 1]);
          const kept = next.map((value, k) => where(live, value, carried[k]!));
          return [kept, [where(live, next[0]!, 0)]];
        },
        init,
        [inputs, iota(steps)],
      );
      outputs.push(backward ? reversed(y!, lengths) : y!);
      last.push(states);
    }
    // [steps, directions, batch, hidden], or batch first.
    const y = stack(outputs, 1);
    const finals = Array.from({ length: kind.states }, (_, k) =>
      stack(
        last.map((states) => states[k]!),
        batchFirst ? 1 : 0,
      ),
    );
    return [batchFirst ? permute(y, [2, 0, 1, 3]) : y, ...finals];
  };
}

export const recurrentOperators: OperatorTable = {
  RNN: [since(1, recurrentOperator(kinds.rnn))],
  GRU: [since(1, recurrentOperator(kinds.gru))],
  LSTM: [since(1, recurrentOperator(kinds.lstm))],
};
