import {
  type Graph,
  add,
  attrsKey,
  cast,
  composite,
  exp,
  full,
  gradients,
  lower,
  mul,
  scan,
  simplify,
  sort,
  stopGradient,
  sum,
  tensor,
  traceFunction,
  traceGraph,
  withPath,
  zeros,
} from '../src/index.ts';
import type { Aval, Tensor } from '../src/index.ts';
import { expectClose, start } from './support.ts';

beforeAll(start);

const vector: Aval = { shape: [3], dtype: 'float32' };
const trace = (fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[], ...avals: Aval[]): Graph =>
  traceFunction('test', avals, fn);

describe('dump', () => {
  it('reads one line a node, with types, attributes and paths', () => {
    const graph = trace((x, y) => withPath('block.0', () => sum(add(x, y), [0])), vector, vector);
    expect(String(graph)).toBe(
      [
        'graph(%0: float32[3], %1: float32[3])',
        '  %2: float32[3] = add(%0, %1)  @ block.0',
        '  %3: float32[] = sum(%2) {axes: [0]}  @ block.0',
        '  return %3',
      ].join('\n'),
    );
  });

  it('shows bodies of loops', () => {
    const graph = trace((x) => scan(([c], [e]) => [[add(c!, e!)], []], [sum(x)], [x])[0], vector);
    expect(String(graph)).toMatch(/scan\(.*body: graph\(.*add\(/s);
  });
});

describe('hash and key', () => {
  const f = (x: Tensor) => sum(mul(x, 2), [0]);

  it('is the same in every process', () => {
    expect(trace(f, vector).hash).toBe('0f19c502af2104ae');
  });

  it('depends on structure alone: not on numbering or paths', () => {
    const one = trace((x, y) => mul(exp(x), add(x, y)), vector, vector);
    const other = withPath('layer', () => {
      return trace(
        (x, y) => {
          exp(y); // makes a node that the result does not need
          const e = exp(x);
          return mul(e, add(x, y));
        },
        vector,
        vector,
      );
    });
    expect(other.key).toBe(one.key);
    expect(other.hash).toBe(one.hash);
  });

  it('differs with ops, attributes, dtypes, shapes, wiring and outputs', () => {
    const long: Aval = { shape: [4], dtype: 'float32' };
    const double: Aval = { shape: [3], dtype: 'float64' };
    const graphs = [
      trace(f, vector),
      trace(f, long),
      trace(f, double),
      trace((x) => sum(mul(x, 3), [0]), vector),
      trace((x) => sum(add(x, 2), [0]), vector),
      trace((x) => x.max([0]), vector),
      trace((x) => mul(x, 0), vector),
      trace((x) => mul(x, -0), vector),
      trace((x) => mul(x, NaN), vector),
      trace((x) => mul(x, Infinity), vector),
      trace((x, y) => x.sub(y), vector, vector),
      trace((x, y) => y.sub(x), vector, vector),
      trace((x, y) => [x, y], vector, vector),
      trace((x, y) => [y, x], vector, vector),
      trace((x) => cast(x, 'int32'), vector),
      trace((x) => cast(x, 'int64'), vector),
      trace((x) => scan(([c], [e]) => [[add(c!, e!)], []], [zeros([])], [x])[0], vector),
      trace((x) => scan(([c], [e]) => [[mul(c!, e!)], []], [zeros([])], [x])[0], vector),
    ];
    expect(new Set(graphs.map((g) => g.key)).size).toBe(graphs.length);
    expect(new Set(graphs.map((g) => g.hash)).size).toBe(graphs.length);
  });

  it('tells two records of one name apart by key; text attributes count in the hash', () => {
    const make = () =>
      composite('same', {
        body: (x: Tensor, _: { mode?: string } = {}) => exp(x),
        samples: [],
      });
    const [a, b] = [make(), make()];
    const one = trace((x) => a(x), vector);
    const other = trace((x) => b(x), vector);
    expect(one.key).not.toBe(other.key);
    expect(one.hash).toBe(other.hash);
    const first = trace((x) => a(x, { mode: '#1' }), vector);
    const second = trace((x) => a(x, { mode: '#2' }), vector);
    expect(first.hash).not.toBe(second.hash);
  });

  it('writes attributes canonically', () => {
    expect(attrsKey({ b: 1, a: [1, -0] })).toBe(attrsKey({ a: [1, -0], b: 1 }));
    expect(attrsKey({ a: 0 })).not.toBe(attrsKey({ a: -0 }));
    expect(attrsKey({ a: 1 })).not.toBe(attrsKey({ a: 1n }));
    expect(attrsKey({ a: '1' })).not.toBe(attrsKey({ a: 1 }));
    expect(attrsKey({ a: 'true' })).not.toBe(attrsKey({ a: true }));
    expect(attrsKey({ a: undefined })).toBe(attrsKey({}));
    expect(() => attrsKey({ a: { nested: 1 } as never })).toThrow(/not a plain value/);
  });
});

describe('simplify and lower', () => {
  const names = (graph: Graph) => graph.nodes.map((n) => n.op.name);

  it('merges equal computations and drops dead ones', () => {
    const graph = trace((x) => {
      const a = add(exp(x), exp(x));
      return [a, add(exp(x), exp(x))];
    }, vector);
    expect(names(graph)).toHaveLength(6);
    const simple = simplify(graph);
    expect(names(simple)).toEqual(['exp', 'add']);
    expect(simple.outputs[0]).toBe(simple.outputs[1]);
  });

  it('keeps apart what differs in attributes only', () => {
    const graph = trace((x) => [cast(x, 'int32'), cast(x, 'int64')], vector);
    expect(names(simplify(graph))).toEqual(['cast', 'cast']);
  });

  it('drops nodes whose outputs nobody reads, but keeps both outputs of a node in use', () => {
    const all = trace((x) => {
      const values = sort(x)[0];
      const unused = exp(x);
      return [values, mul(unused, 1)].slice(0, 1);
    }, vector);
    expect(names(simplify(all))).toEqual(['sort']);
    expect(simplify(all).nodes[0]!.outputs).toHaveLength(2);
  });

  it('drops aliases, also when they are outputs', () => {
    const graph = trace((x) => [stopGradient(x), exp(stopGradient(x))], vector);
    const simple = lower(graph);
    expect(names(simple)).toEqual(['exp']);
    expect(simple.outputs[0]).toBe(simple.inputs[0]);
  });

  it('gives composites inside loops bodies too, with the path of the layer', () => {
    const twice = composite('twice', { body: (x: Tensor) => add(x, x), samples: [] });
    const graph = trace(
      (x) =>
        withPath('rnn', () => scan(([c], [e]) => [[add(c!, twice(e!))], []], [zeros([])], [x])[0]),
      vector,
    );
    const body = lower(graph).nodes.find((n) => n.op.name === 'scan')!.attrs['body'] as Graph;
    expect(names(body)).toEqual(['add', 'add']);
    const outer = trace((x) => withPath('a', () => twice(x)), vector);
    expect(lower(outer).nodes[0]!.path).toBe('a');
  });

  it('merges the forward pass that a gradient writes again with the original', () => {
    const squash = composite('squash', { body: (x: Tensor) => exp(mul(x, x)), samples: [] });
    const graph = trace((x) => {
      const y = sum(squash(x));
      return [y, ...gradients(y, [x])];
    }, vector);
    expect(names(lower(graph)).filter((name) => name === 'exp')).toHaveLength(1);
  });
});

describe('traceGraph', () => {
  it('lists captured tensors after the inputs, once each', () => {
    const a = tensor([1, 2, 3]);
    const b = tensor([4, 5, 6]);
    const { graph, captures } = traceGraph([add(mul(a, b), a)], []);
    expect(captures).toHaveLength(2);
    expect(graph.inputs).toHaveLength(2);
    expect(graph.nodes).toHaveLength(2);
  });

  it('reads realised values instead of computing them again', async () => {
    const x = exp(tensor([0, 1, 2]));
    const y = add(x, 1);
    await x.realize();
    expect(traceGraph([y], []).graph.nodes.map((n) => n.op.name)).not.toContain('exp');
    await expectClose(y, [2, 1 + Math.E, 1 + Math.E ** 2]);
  });

  it('refuses functions that capture', () => {
    const outside = full([3], 1);
    const real = tensor([1, 2, 3]);
    expect(() => traceFunction('f', [vector], (x) => add(x, outside))).not.toThrow();
    expect(() => traceFunction('f', [vector], (x) => add(x, real))).toThrow(/1 captured/);
  });
});
