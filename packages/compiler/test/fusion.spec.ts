/** What becomes one kernel, and that it computes the right numbers. */
import * as core from '@hebb/core';
import { gradients, placeholder, traceGraph } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import * as ops from '@hebb/ops';
import { formatProgram } from '../src/dump.ts';
import type { Kernel, Program } from '../src/ir.ts';
import { compare, draw, randomSource } from './compare.ts';
import type { CompareOptions } from './compare.ts';

const input = (shape: number[], dtype: DType = 'float32'): Tensor => placeholder({ shape, dtype });

/** Compiles, compares with the oracle, and returns the program. */
function check(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: CompareOptions = {},
): Program {
  const { graph } = traceGraph(outputs, inputs);
  const random = randomSource(3);
  const data = graph.inputs.map((id, i) => {
    const aval = graph.values[id]!;
    return draw(aval, random, aval.dtype === 'int32' ? [0, 4] : i === 0 ? [-1.5, 1.5] : [0.1, 1]);
  });
  return compare(graph, data, { relative: 5e-5, ...options });
}

const names = ({ kernels }: Program): string[] => kernels.map(({ name }) => name);
const count = ({ kernels }: Program, kind: Kernel['kind']): number =>
  kernels.filter((kernel) => kernel.kind === kind).length;

describe('one kernel', () => {
  it('an elementwise chain with several results', () => {
    const [x, y] = [input([6, 5]), input([5])];
    const a = core.add(core.mul(x, y), 1);
    const program = check([core.tanh(a), core.neg(a), a], [x, y]);
    expect(names(program)).toEqual(['mul+add+neg+tanh']);
  });

  it('softmax, with the exponentials kept in the row of the result', () => {
    const x = input([8, 16]);
    const program = check([ops.softmax(x)], [x]);
    expect(program.kernels).toHaveLength(1);
    expect(program.arenaBytes).toBe(0);
    const code = formatProgram(program, { code: true });
    expect(code.match(/exp\(/g)).toHaveLength(1);
  });

  it('softmax along the first axis', () => {
    const x = input([16, 8]);
    expect(check([ops.softmax(x, 0)], [x]).kernels).toHaveLength(1);
  });

  it('logSoftmax, layerNorm, rmsNorm, groupNorm', () => {
    const [x, w, b] = [input([6, 4, 8]), input([8]), input([8])];
    expect(check([ops.logSoftmax(x)], [x]).kernels).toHaveLength(1);
    expect(check([ops.layerNorm(x, [8], w, b)], [x, w, b]).kernels).toHaveLength(1);
    expect(check([ops.rmsNorm(x, [8], w)], [x, w]).kernels).toHaveLength(1);
    const [g, gw] = [input([4]), input([4])];
    expect(check([ops.groupNorm(x, 2, g, gw)], [x, g, gw]).kernels).toHaveLength(1);
  });

  it('a value kept between two bounds, as a minimum and a maximum', () => {
    const x = input([4, 9]);
    expect(names(check([ops.relu6(x)], [x]))).toEqual(['minimum+maximum']);
    expect(names(check([ops.hardtanh(x)], [x]))).toEqual(['minimum+maximum']);
    // Another bound than the one that is compared with is no maximum.
    expect(names(check([core.where(core.le(x, 1), 0, x)], [x]))).toEqual(['le+where']);
  });

  it('the gradient of softmax', () => {
    const [x, g] = [input([8, 16]), input([8, 16])];
    const [dx] = gradients([ops.softmax(x)], [x], { cotangents: [g] });
    expect(check([dx!], [x, g]).kernels).toHaveLength(1);
  });

  it('gelu and its gradient', () => {
    const [x, g] = [input([64]), input([64])];
    const [dx] = gradients([ops.gelu(x)], [x], { cotangents: [g] });
    expect(check([ops.gelu(x), dx!], [x, g]).kernels).toHaveLength(1);
  });

  it('batch norm in inference with relu, statistics worked on once a channel', () => {
    const [x, m, v, w, b] = [
      input([2, 16, 8, 8]),
      input([16]),
      input([16]),
      input([16]),
      input([16]),
    ];
    const program = check([ops.relu(ops.batchNorm(x, m, v, w, b))], [x, m, v, w, b]);
    expect(program.kernels).toHaveLength(1);
    expect(program.kernels[0]).toMatchObject({ dims: [2, 16, 64], outer: 2 });
  });

  it('batch norm in training, running statistics in place', () => {
    const [x, m, v, w, b] = [input([2, 4, 6, 6]), input([4]), input([4]), input([4]), input([4])];
    const program = check(ops.batchNormTraining(x, m, v, w, b), [x, m, v, w, b], {
      donated: [1, 2],
    });
    // The rows are read in one kernel; the running statistics may take another, tiny one.
    const [rows] = program.kernels.filter(({ cost }) => cost.flops > 200);
    expect(program.kernels.filter(({ cost }) => cost.flops > 200)).toHaveLength(1);
    expect(rows).toMatchObject({ outer: 1, dims: [4, 2, 36] });
    const places = program.outputs.map((id) => program.buffers[id]!.place);
    expect(places.slice(1)).toEqual([
      { kind: 'output', position: 1, alias: 1 },
      { kind: 'output', position: 2, alias: 2 },
    ]);
  });

  it('an Adam update, in place', () => {
    const [p, g, m, v] = [0, 1, 2, 3].map(() => input([7, 9])) as [Tensor, Tensor, Tensor, Tensor];
    const m2 = core.add(core.mul(m, 0.9), core.mul(g, 0.1));
    const v2 = core.add(core.mul(v, 0.999), core.mul(core.mul(g, g), 0.001));
    const p2 = core.sub(p, core.div(core.mul(m2, 0.001), core.add(core.sqrt(v2), 1e-8)));
    const program = check([p2, m2, v2], [p, g, m, v], { donated: [0, 2, 3] });
    expect(program.kernels).toHaveLength(1);
    const aliases = program.outputs.map((id) => program.buffers[id]!.place);
    expect(aliases).toEqual(
      [0, 2, 3].map((alias, position) => ({ kind: 'output', position, alias })),
    );
  });

  it('pooling over a padded border', () => {
    const x = input([2, 3, 7, 7]);
    expect(check([ops.maxPool2d(x, 3, { stride: 2, padding: 1 })], [x]).kernels).toHaveLength(1);
    expect(check([ops.avgPool2d(x, 2)], [x]).kernels).toHaveLength(1);
  });

  it('an embedding lookup with what follows', () => {
    const [table, index] = [input([10, 6]), input([3, 4], 'int32')];
    const y = core.mul(core.gather(table, index, 0), 2);
    expect(names(check([y], [table, index]))).toEqual(['gather+mul']);
  });

  it('argmax with what goes before and after', () => {
    const x = input([5, 9]);
    const y = core.add(core.argmax(core.mul(x, x), 1), 1);
    expect(check([y], [x]).kernels).toHaveLength(1);
  });

  it('a rotation of halves: concatenation, slices and arithmetic', () => {
    const [x, c, s] = [input([4, 8]), input([8]), input([8])];
    const turned = core.concat([core.neg(core.narrow(x, 1, 4, 4)), core.narrow(x, 1, 0, 4)], 1);
    const program = check([core.add(core.mul(x, c), core.mul(turned, s))], [x, c, s]);
    expect(program.kernels.length).toBeLessThanOrEqual(2);
  });
});

describe('epilogues', () => {
  it('a linear layer with bias and relu is one routine', () => {
    const [x, w, b] = [input([6, 10]), input([4, 10]), input([4])];
    const program = check([ops.relu(ops.linear(x, w, b))], [x, w, b]);
    expect(names(program)).toEqual(['matmul+add+maximum']);
    expect(program.kernels[0]).toMatchObject({ kind: 'routine', op: 'matmul', outputs: [-1] });
  });

  it('a convolution with batch norm, residual and relu', () => {
    const [x, w] = [input([2, 3, 6, 6]), input([4, 3, 3, 3])];
    const [m, v, g, b, r] = [input([4]), input([4]), input([4]), input([4]), input([2, 4, 6, 6])];
    const y = ops.batchNorm(ops.conv2d(x, w, undefined, { padding: 1 }), m, v, g, b);
    const program = check([ops.relu(core.add(y, r))], [x, w, m, v, g, b, r]);
    expect(count(program, 'routine')).toBe(1);
    // The scale of each channel is a kernel of its own at most.
    expect(program.kernels.length).toBeLessThanOrEqual(2);
  });

  it('a result that is needed raw as well', () => {
    const [x, w] = [input([6, 10]), input([10, 4])];
    const y = core.matmul(x, w);
    expect(names(check([y, core.tanh(y)], [x, w]))).toEqual(['matmul+tanh']);
  });

  it('a weight updated by the product that is its gradient, in place', () => {
    const [x, g, w] = [input([8, 5]), input([8, 3]), input([5, 3])];
    const update = core.sub(w, core.mul(core.matmul(x, g, { transposeA: true }), 0.1));
    const program = check([update], [x, g, w], { donated: [2] });
    expect(names(program)).toEqual(['matmul+mul+sub']);
    expect(program.buffers[program.outputs[0]!]!.place).toMatchObject({ alias: 2 });
  });

  it('attention: heads are split and joined without copies', () => {
    const [B, T, H, D] = [2, 6, 2, 4];
    const [q, k, v] = [0, 1, 2].map(() => input([B, T, H * D])) as [Tensor, Tensor, Tensor];
    const heads = (x: Tensor): Tensor => x.reshape([B, T, H, D]).permute([0, 2, 1, 3]);
    const scores = core.mul(core.matmul(heads(q), heads(k), { transposeB: true }), 0.5);
    const causal = core.le(core.iota(T).reshape([1, T]), core.iota(T).reshape([T, 1]));
    const weights = ops.softmax(core.where(causal, scores, -Infinity));
    const y = core
      .matmul(weights, heads(v))
      .permute([0, 2, 1, 3])
      .reshape([B, T, H * D]);
    const program = check([y], [q, k, v]);
    expect(program.kernels).toHaveLength(3);
    expect(count(program, 'routine')).toBe(2);
  });
});

describe('loops over steps', () => {
  const [T, B, I, H] = [5, 3, 4, 6];
  const cell = (x: Tensor, h0: Tensor, u: Tensor): Tensor => {
    const [, [hs]] = core.scan(
      ([h, c], [e]) => {
        const z = core.add(e!, core.matmul(h!, u));
        const gate = (i: number): Tensor => core.narrow(z, 1, H * i, H);
        const kept = core.mul(ops.sigmoid(gate(1)), c!);
        const next = core.add(kept, core.mul(ops.sigmoid(gate(0)), core.tanh(gate(2))));
        const out = core.mul(ops.sigmoid(gate(3)), core.tanh(next));
        return [[out, next], [out]];
      },
      [h0, h0],
      [x],
    );
    return hs!;
  };

  it('an LSTM step is a product and a loop, forwards and backwards', () => {
    const [x, w, u, h0] = [input([T, B, I]), input([I, 4 * H]), input([H, 4 * H]), input([B, H])];
    const hs = cell(core.matmul(x, w), h0, u);
    const loss = core.sum(core.mul(hs, hs));
    const program = check([loss, ...gradients([loss], [x, w, u])], [x, w, u, h0], {
      relative: 2e-4,
    });
    const scans = program.kernels.filter((kernel) => kernel.kind === 'scan');
    // The forward loop that the gradient runs again is the one that runs anyway.
    expect(scans).toHaveLength(2);
    for (const { body, spares } of scans) {
      expect(body.kernels).toHaveLength(2);
      expect(spares.every((id) => id === -1) || body.kernels.length > 0).toBe(true);
    }
    // The weight's gradient is one product over all steps, not a sum that is carried along.
    expect(scans[1]!.body.kernels.filter((kernel) => kernel.kind === 'routine')).toHaveLength(1);
  });

  it('carries that swap places need a second buffer', () => {
    const [a, b] = [input([4]), input([4])];
    const [carries] = core.scan(([x, y]) => [[y!, core.add(x!, y!)], []], [a, b], [], {
      length: 5,
    });
    const program = check(carries, [a, b]);
    expect(program.kernels.some((kernel) => kernel.kind === 'scan')).toBe(true);
  });
});

describe('memory', () => {
  it('a chain of products works in little memory', () => {
    const ws = [0, 1, 2, 3, 4, 5].map(() => input([8, 8]));
    const x = input([8, 8]);
    const y = ws.reduce((h, w) => core.tanh(core.matmul(h, w)), x);
    const program = check([y], [x, ...ws]);
    expect(program.arenaBytes).toBeLessThanOrEqual(2 * 8 * 8 * 4);
  });

  it('passes inputs through and hands out one value twice', () => {
    const x = input([2, 3]);
    const y = core.exp(x);
    const program = check([x, y, y, core.reshape(y, [6])], [x]);
    expect(program.kernels).toHaveLength(1);
    const [a, b, c, d] = program.outputs;
    expect(a).toBe(program.inputs[0]);
    expect([c, d]).toEqual([b, b]);
  });

  it('keeps a donated input that is also an output', () => {
    const x = input([3]);
    const program = check([x, core.neg(x)], [x], { donated: [0] });
    expect(program.buffers[program.outputs[1]!]!.place).toEqual({ kind: 'output', position: 1 });
  });
});

it('is deterministic', () => {
  const [x, w] = [input([8, 16]), input([16, 4])];
  const y = ops.softmax(core.matmul(ops.layerNorm(x, [16]), w));
  const grads = gradients([core.sum(core.mul(y, y))], [x, w]);
  const program = check([y, ...grads], [x, w]);
  const again = check([y, ...grads], [x, w]);
  expect(JSON.stringify(again)).toBe(JSON.stringify(program));
});

it('compiles long chains', () => {
  const [x, w] = [input([4]), input([4])];
  let y: Tensor = x;
  for (let i = 0; i < 4000; i++) y = core.mul(core.add(y, w), 0.5);
  const program = check([y], [x, w]);
  expect(program.kernels.length).toBeGreaterThan(20);
  let z: Tensor = core.pad(x, { low: [0], high: [0], interior: [1] });
  for (let i = 0; i < 4000; i++) z = core.add(core.flip(z), 1);
  expect(check([z], [x]).kernels.length).toBeGreaterThan(0);
});
