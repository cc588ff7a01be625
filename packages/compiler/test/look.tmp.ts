import * as core from '@hebb/core';
import * as ops from '@hebb/ops';
import { compileGraph, formatProgram } from '@hebb/compiler';
import type { Tensor, Graph } from '@hebb/core';
const P = (shape: number[], dtype: core.DType = 'float32') => core.placeholder({ shape, dtype });
function show(name: string, graph: Graph, options: any = {}) {
  compileGraph(graph, options);
  const t = performance.now();
  const program = compileGraph(graph, options);
  const ms = performance.now() - t;
  console.log(
    `==== ${name}: ${graph.nodes.length} nodes, lowered ${core.lower(graph).nodes.length}, ${ms.toFixed(1)} ms`,
  );
  console.log(formatProgram(program, { code: process.argv.includes('-c') }));
}
const only = process.argv[2] ?? '';
const cases: Record<string, () => void> = {
  layerNorm: () => {
    const x = P([64, 128]),
      w = P([128]),
      b = P([128]);
    show('ln', core.traceGraph([ops.layerNorm(x, [128], w, b)], [x, w, b]).graph);
    const g = core.gradients([core.sum(core.mul(ops.layerNorm(x, [128], w, b), x))], [x, w, b]);
    show('ln grad', core.traceGraph(g, [x, w, b]).graph);
  },
  batchNorm: () => {
    const x = P([8, 16, 28, 28]),
      w = P([16]),
      b = P([16]),
      m = P([16]),
      v = P([16]);
    show(
      'bn eval',
      core.traceGraph([ops.relu(ops.batchNorm(x, m, v, w, b))], [x, m, v, w, b]).graph,
    );
    const [y, m2, v2] = ops.batchNormTraining(x, m, v, w, b);
    const loss = core.sum(core.mul(ops.relu(y), x));
    show(
      'bn train',
      core.traceGraph([y, m2, v2, ...core.gradients([loss], [x, w, b])], [x, m, v, w, b]).graph,
      { donated: [1, 2] },
    );
  },
  xent: () => {
    const x = P([64, 10]),
      t = P([64], 'int32');
    const l = ops.crossEntropy(x, t);
    show('xent', core.traceGraph([l, ...core.gradients([l], [x])], [x, t]).graph);
  },
  linear: () => {
    const x = P([64, 784]),
      w = P([128, 784]),
      b = P([128]);
    show('linear relu', core.traceGraph([ops.relu(ops.linear(x, w, b))], [x, w, b]).graph);
    const w2 = P([10, 128]),
      b2 = P([10]),
      t = P([64], 'int32');
    const l = ops.crossEntropy(ops.linear(ops.relu(ops.linear(x, w, b)), w2, b2), t);
    const ps = [w, b, w2, b2];
    const gs = core.gradients([l], ps);
    const lr = 0.1;
    const up = ps.map((p, i) => core.sub(p, core.mul(gs[i]!, lr)));
    show('mlp sgd', core.traceGraph([l, ...up], [x, t, ...ps]).graph, { donated: [2, 3, 4, 5] });
  },
  gelu: () => {
    const x = P([64, 128]);
    show('gelu', core.traceGraph([ops.gelu(x)], [x]).graph);
    show('gelu grad', core.traceGraph(core.gradients([core.sum(ops.gelu(x))], [x]), [x]).graph);
  },
  maxpool: () => {
    const x = P([4, 8, 28, 28]);
    const y = ops.maxPool2d(x, 2);
    show('maxpool', core.traceGraph([y], [x]).graph);
    show(
      'maxpool grad',
      core.traceGraph(core.gradients([core.sum(core.mul(y, y))], [x]), [x]).graph,
    );
    const z = ops.maxPool2d(x, 3, { stride: 2, padding: 1 });
    show(
      'maxpool 3 2 grad',
      core.traceGraph(core.gradients([core.sum(core.mul(z, z))], [x]), [x]).graph,
    );
    const a = ops.avgPool2d(x, 2);
    show(
      'avg grad',
      core.traceGraph([a, ...core.gradients([core.sum(core.mul(a, a))], [x])], [x]).graph,
    );
  },
  attention: () => {
    const B = 8,
      T = 64,
      H = 4,
      D = 32;
    const q = P([B, T, H * D]),
      k = P([B, T, H * D]),
      v = P([B, T, H * D]),
      wo = P([H * D, H * D]);
    const heads = (x: Tensor) => x.reshape([B, T, H, D]).permute([0, 2, 1, 3]);
    const s = core.matmul(heads(q), heads(k), { transposeB: true }).mul(1 / Math.sqrt(D));
    const i = core.iota(T).reshape([T, 1]),
      j = core.iota(T).reshape([1, T]);
    const m = core.where(core.le(j, i), s, -Infinity);
    const o = core
      .matmul(ops.softmax(m), heads(v))
      .permute([0, 2, 1, 3])
      .reshape([B, T, H * D]);
    const y = core.add(core.matmul(o, wo, { transposeB: true }), q);
    show('attention', core.traceGraph([y], [q, k, v, wo]).graph);
    show(
      'attention grad',
      core.traceGraph(
        [y, ...core.gradients([core.sum(core.mul(y, y))], [q, k, v, wo])],
        [q, k, v, wo],
      ).graph,
    );
  },
  lenet: () => {
    const x = P([32, 1, 28, 28]),
      t = P([32], 'int32');
    const ps = [
      P([6, 1, 5, 5]),
      P([6]),
      P([16, 6, 5, 5]),
      P([16]),
      P([120, 400]),
      P([120]),
      P([84, 120]),
      P([84]),
      P([10, 84]),
      P([10]),
    ];
    const f = (x: Tensor) => {
      let h = ops.maxPool2d(ops.relu(ops.conv2d(x, ps[0]!, ps[1]!, { padding: 2 })), 2);
      h = ops.maxPool2d(ops.relu(ops.conv2d(h, ps[2]!, ps[3]!)), 2);
      h = h.reshape([32, 400]);
      h = ops.relu(ops.linear(h, ps[4]!, ps[5]!));
      h = ops.relu(ops.linear(h, ps[6]!, ps[7]!));
      return ops.linear(h, ps[8]!, ps[9]!);
    };
    show('lenet fwd', core.traceGraph([f(x)], [x, ...ps]).graph);
    const l = ops.crossEntropy(f(x), t);
    const gs = core.gradients([l], ps);
    const ms = ps.map((p) => P([...p.shape])),
      vs = ps.map((p) => P([...p.shape])),
      step = P([]);
    const out: Tensor[] = [l];
    const s2 = core.add(step, 1);
    out.push(s2);
    const c1 = core.sub(1, core.pow(0.9, s2)),
      c2 = core.sub(1, core.pow(0.999, s2));
    ps.forEach((p, i) => {
      const m = core.add(core.mul(ms[i]!, 0.9), core.mul(gs[i]!, 0.1));
      const v = core.add(core.mul(vs[i]!, 0.999), core.mul(core.mul(gs[i]!, gs[i]!), 0.001));
      const up = core.div(
        core.mul(core.div(m, c1), 0.001),
        core.add(core.sqrt(core.div(v, c2)), 1e-8),
      );
      out.push(core.sub(p, up), m, v);
    });
    show('lenet adam', core.traceGraph(out, [x, t, step, ...ps, ...ms, ...vs]).graph, {
      donated: Array.from({ length: 31 }, (_, i) => 2 + i),
    });
  },
  lstm: () => {
    const x = P([64, 16, 32]),
      w = P([32, 256]),
      u = P([64, 256]),
      b = P([256]);
    const h0 = P([16, 64]);
    const xw = core.add(core.matmul(x, w), b);
    const [[h], [hs]] = core.scan(
      ([h, c], [e]) => {
        const z = core.add(e!, core.matmul(h!, u));
        const g = [0, 1, 2, 3].map((i) => core.narrow(z, 1, 64 * i, 64));
        const c2 = core.add(
          core.mul(ops.sigmoid(g[1]!), c!),
          core.mul(ops.sigmoid(g[0]!), core.tanh(g[2]!)),
        );
        const h2 = core.mul(ops.sigmoid(g[3]!), core.tanh(c2));
        return [[h2, c2], [h2]];
      },
      [h0, h0],
      [xw],
    );
    show('lstm', core.traceGraph([h!, hs!], [x, w, u, b, h0]).graph);
    show(
      'lstm grad',
      core.traceGraph(core.gradients([core.sum(core.mul(hs!, hs!))], [x, w, u, b]), [
        x,
        w,
        u,
        b,
        h0,
      ]).graph,
    );
  },
};
for (const [name, f] of Object.entries(cases)) if (name.startsWith(only) || only === '-c') f();
