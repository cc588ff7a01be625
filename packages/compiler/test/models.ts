/** Whole training steps as graphs: parameters, optimizer state and batch in, loss and new state out. */
import * as core from '@hebb/core';
import { gradients, placeholder, traceGraph } from '@hebb/core';
import type { DType, Graph, Shape, Tensor } from '@hebb/core';
import * as ops from '@hebb/ops';

export interface Step {
  readonly graph: Graph;
  /** Positions of parameters and optimizer state. */
  readonly donated: readonly number[];
  /** Ranges to draw inputs from, by position. */
  readonly ranges: readonly (readonly [number, number] | undefined)[];
}

class Parameters {
  readonly list: Tensor[] = [];

  make(...shape: number[]): Tensor {
    const x = placeholder({ shape, dtype: 'float32' });
    this.list.push(x);
    return x;
  }
}

const input = (shape: Shape, dtype: DType = 'float32'): Tensor => placeholder({ shape, dtype });

/** The step with plain gradient descent or AdamW on all parameters. */
function step(
  batch: readonly Tensor[],
  classes: number,
  parameters: Parameters,
  loss: Tensor,
  optimizer: 'sgd' | 'adamw',
  state: readonly (readonly [old: Tensor, next: Tensor])[] = [],
): Step {
  const ps = parameters.list;
  const grads = gradients([loss], ps);
  const inputs = [...batch, ...ps, ...state.map(([old]) => old)];
  const outputs = [loss];
  const ranges: (readonly [number, number] | undefined)[] = [
    ...batch.map(({ dtype }) => (dtype === 'int32' ? ([0, classes - 1] as const) : undefined)),
    ...ps.map(() => [-0.4, 0.4] as const),
    ...state.map(() => [0.5, 1] as const),
  ];
  if (optimizer === 'sgd') {
    ps.forEach((p, i) => outputs.push(core.sub(p, core.mul(grads[i]!, 0.1))));
    state.forEach(([, next]) => outputs.push(next));
  } else {
    const count = input([]);
    const next = core.add(count, 1);
    const correct = (beta: number): Tensor => core.sub(1, core.pow(beta, next));
    const [c1, c2] = [correct(0.9), correct(0.999)];
    const moments = ps.map(({ shape }) => [input(shape), input(shape)] as const);
    const updated: Tensor[] = [];
    ps.forEach((p, i) => {
      const [m, v] = moments[i]!;
      const g = grads[i]!;
      const m2 = core.add(core.mul(m, 0.9), core.mul(g, 0.1));
      const v2 = core.add(core.mul(v, 0.999), core.mul(core.mul(g, g), 0.001));
      const scale = core.add(core.sqrt(core.div(v2, c2)), 1e-8);
      const p2 = core.sub(core.mul(p, 0.999), core.mul(core.div(core.div(m2, c1), scale), 1e-3));
      outputs.push(p2);
      updated.push(m2, v2);
    });
    state.forEach(([, value]) => outputs.push(value));
    outputs.push(next, ...updated);
    inputs.push(count, ...moments.flat());
    ranges.push(
      [1, 3],
      ...moments.flatMap(
        () =>
          [
            [-0.1, 0.1],
            [0.01, 0.1],
          ] as const,
      ),
    );
  }
  const { graph } = traceGraph(outputs, inputs);
  const donated = inputs.map((_, i) => i).filter((i) => i >= batch.length);
  return { graph, donated, ranges };
}

export function mlp(batch: number, sizes: readonly number[]): Step {
  const p = new Parameters();
  const [x, target] = [input([batch, sizes[0]!]), input([batch], 'int32')];
  let h = x;
  for (let i = 1; i < sizes.length; i++) {
    h = ops.linear(h, p.make(sizes[i]!, sizes[i - 1]!), p.make(sizes[i]!));
    if (i + 1 < sizes.length) h = ops.relu(h);
  }
  return step([x, target], sizes.at(-1)!, p, ops.crossEntropy(h, target), 'sgd');
}

/** Two convolutions with batch norm and pooling, then a linear layer. */
export function convnet(batch: number, size: number, channels: number): Step {
  const p = new Parameters();
  const [x, target] = [input([batch, 1, size, size]), input([batch], 'int32')];
  const [mean, variance] = [input([channels]), input([channels])];
  const y = ops.conv2d(x, p.make(channels, 1, 3, 3), undefined, { padding: 1 });
  const [n, mean2, variance2] = ops.batchNormTraining(
    y,
    mean,
    variance,
    p.make(channels),
    p.make(channels),
  );
  let h = ops.maxPool2d(ops.relu(n), 2);
  h = ops.conv2d(h, p.make(channels, channels, 3, 3), p.make(channels), { stride: 2 });
  h = ops.maxPool2d(ops.leakyRelu(h), 3, { stride: 2, padding: 1 });
  h = core.reshape(h, [batch, h.size / batch]);
  h = ops.linear(h, p.make(5, h.shape[1]!), p.make(5));
  return step([x, target], 5, p, ops.crossEntropy(h, target), 'adamw', [
    [mean, mean2],
    [variance, variance2],
  ]);
}

export interface DecoderSizes {
  readonly batch: number;
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly vocabulary: number;
}

/** A causal transformer with learned positions, trained on the next token. */
export function decoder({ batch, tokens, width, heads, layers, vocabulary }: DecoderSizes): Step {
  const p = new Parameters();
  const [index, target] = [input([batch, tokens], 'int32'), input([batch, tokens], 'int32')];
  const causal = core.le(
    core.iota(tokens).reshape([1, tokens]),
    core.iota(tokens).reshape([tokens, 1]),
  );
  const split = (x: Tensor): Tensor =>
    x.reshape([batch, tokens, heads, width / heads]).permute([0, 2, 1, 3]);
  const dense = (x: Tensor, to: number): Tensor =>
    ops.linear(x, p.make(to, x.shape[x.rank - 1]!), p.make(to));
  const norm = (x: Tensor): Tensor => ops.layerNorm(x, [width], p.make(width), p.make(width));
  let h = core.add(core.gather(p.make(vocabulary, width), index, 0), p.make(tokens, width));
  for (let layer = 0; layer < layers; layer++) {
    const qkv = dense(norm(h), 3 * width);
    const [q, k, v] = [0, 1, 2].map((i) => split(core.narrow(qkv, 2, i * width, width))) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const scores = core.mul(core.matmul(q, k, { transposeB: true }), 1 / Math.sqrt(width / heads));
    const weights = ops.softmax(core.where(causal, scores, -Infinity));
    const mixed = core.matmul(weights, v).permute([0, 2, 1, 3]).reshape([batch, tokens, width]);
    h = core.add(h, dense(mixed, width));
    h = core.add(h, dense(ops.gelu(dense(norm(h), 4 * width)), width));
  }
  const logits = dense(norm(h), vocabulary).reshape([batch * tokens, vocabulary]);
  const loss = ops.crossEntropy(logits, target.reshape([batch * tokens]));
  return step([index, target], vocabulary, p, loss, 'adamw');
}

export function lstm(batch: number, length: number, inputs: number, width: number): Step {
  const p = new Parameters();
  const [x, target] = [input([length, batch, inputs]), input([batch], 'int32')];
  const [w, u, b] = [p.make(4 * width, inputs), p.make(4 * width, width), p.make(4 * width)];
  const zero = core.zeros([batch, width]);
  const [[last]] = core.scan(
    ([h, c], [e]) => {
      const z = core.add(e!, core.matmul(h!, u, { transposeB: true }));
      const gate = (i: number): Tensor => core.narrow(z, 1, i * width, width);
      const [i, f, o] = [gate(0), gate(1), gate(3)].map((y) => ops.sigmoid(y)) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const next = core.add(core.mul(f, c!), core.mul(i, core.tanh(gate(2))));
      return [[core.mul(o, core.tanh(next)), next], []];
    },
    [zero, zero],
    [core.add(core.matmul(x, w, { transposeB: true }), b)],
  );
  const logits = ops.linear(last!, p.make(4, width), p.make(4));
  return step([x, target], 4, p, ops.crossEntropy(logits, target), 'adamw');
}
