import {
  HebbError,
  add,
  arange,
  grad,
  lower,
  matmul,
  mul,
  ones,
  realize,
  scalar,
  scan,
  sum,
  tanh,
  tensor,
  traceGraph,
  valueAndGrad,
  zeros,
  exp,
} from '../src/index.ts';
import type { Graph, Tensor } from '../src/index.ts';
import { expectClose, numbers, start } from './support.ts';

beforeAll(start);

const prefixSums = (x: Tensor, reverse = false): [Tensor[], Tensor[]] =>
  scan(
    ([c], [e]) => {
      const next = add(c!, e!);
      return [[next], [next]];
    },
    [scalar(0)],
    [x],
    { reverse },
  );

describe('scan', () => {
  it('carries forwards and backwards', async () => {
    const [last, all] = prefixSums(tensor([1, 2, 3]));
    await expectClose(last[0]!, [6]);
    await expectClose(all[0]!, [1, 3, 6]);
    await expectClose(prefixSums(tensor([1, 2, 3]), true)[1][0]!, [6, 5, 3]);
  });

  it('runs no steps, and one', async () => {
    const [last, all] = prefixSums(zeros([0]));
    await expectClose(last[0]!, [0]);
    expect(all[0]!.shape).toEqual([0]);
    await expectClose(all[0]!, []);
    await expectClose(prefixSums(tensor([5]))[1][0]!, [5]);
  });

  it('runs for a length without sequences', async () => {
    const [last] = scan(([c]) => [[mul(c!, 2)], []], [scalar(1)], [], { length: 10 });
    await expectClose(last[0]!, [1024]);
  });

  it('computes what does not depend on the step outside the loop', () => {
    const w = tensor([1, 2]);
    const [, [y]] = scan(([c], [e]) => [[c!], [mul(e!, exp(w).sum())]], [scalar(0)], [arange(3)]);
    const { graph } = traceGraph([y!], []);
    const node = graph.nodes.find((n) => n.op.name === 'scan')!;
    expect(graph.nodes.map((n) => n.op.name)).toContain('exp');
    expect((node.attrs['body'] as Graph).nodes.map((n) => n.op.name)).toEqual(['mul']);
  });

  it('differentiates carries, sequences and constants', async () => {
    const w = tensor([0.3], { dtype: 'float64' });
    const f = (h: Tensor, x: Tensor, k: Tensor): Tensor => {
      const [[last], [all]] = scan(
        ([c], [e]) => {
          const next = tanh(add(mul(c!, k), e!));
          return [[next], [mul(next, k)]];
        },
        [h],
        [x],
      );
      return add(sum(last!), sum(all!));
    };
    const loop = (h: number, x: number[], k: number): number => {
      let total = 0;
      for (const e of x) {
        h = Math.tanh(h * k + e);
        total += h * k;
      }
      return total + h;
    };
    const [h0, xs, k0] = [0.2, [0.5, -0.4, 0.9], 0.3];
    const args = [
      tensor([h0], { dtype: 'float64' }),
      tensor(
        xs.map((x) => [x]),
        { dtype: 'float64' },
      ),
      w,
    ] as const;
    const step = 1e-6;
    const slope = (g: (d: number) => number) => (g(step) - g(-step)) / (2 * step);
    await expectClose(f(...args), [loop(h0, xs, k0)], 1e-12);
    await expectClose(grad(f)(...args), [slope((d) => loop(h0 + d, xs, k0))], 1e-8);
    await expectClose(
      grad(f, { argument: 1 })(...args),
      xs.map((_, i) =>
        slope((d) =>
          loop(
            h0,
            xs.map((x, j) => (i === j ? x + d : x)),
            k0,
          ),
        ),
      ),
      1e-8,
    );
    await expectClose(
      grad(f, { argument: 2 })(...args),
      [slope((d) => loop(h0, xs, k0 + d))],
      1e-8,
    );
  });

  it('runs forward once for value and gradient', async () => {
    const w = tensor([
      [0.5, -0.2],
      [0.1, 0.3],
    ]);
    const layer = (x: Tensor): Tensor =>
      scan(
        ([h], [e]) => {
          const next = tanh(matmul(h!, w).add(e!));
          return [[next], [next]];
        },
        [zeros([1, 2])],
        [x],
      )[1][0]!;
    const x = arange(6).reshape([3, 1, 2]);
    const [loss, g] = valueAndGrad((z: Tensor) => sum(layer(layer(z))))(x);
    const { graph } = traceGraph([loss, g], []);
    const loops = (traced: Graph) => traced.nodes.filter(({ op }) => op.name === 'scan').length;
    // Two layers, each written forward, forward with inner values, and backward.
    expect(loops(graph)).toBe(6);
    expect(loops(lower(graph))).toBe(4);
    // The same numbers as when value and gradient are computed apart.
    const apart = grad((z: Tensor) => sum(layer(layer(z))))(x);
    await expectClose(g, await numbers(apart));
    await expectClose(loss, await numbers(sum(layer(layer(x)))));
  });

  it('keeps loops apart whose recurrences differ', async () => {
    const run = (by: number): [Tensor[], Tensor[]] =>
      scan(([c], [e]) => [[mul(c!, by).add(e!)], [mul(e!, by)]], [scalar(1)], [arange(3)]);
    const [[a], [as]] = run(2);
    const [[b], [bs]] = run(3);
    await realize(a!, b!, as!, bs!);
    await expectClose(a!, [12]);
    await expectClose(b!, [32]);
    await expectClose(as!, [0, 2, 4]);
    await expectClose(bs!, [0, 3, 6]);
  });

  it('joins loops of one recurrence that stack different things, and stacks nothing for nobody', async () => {
    const [first, x] = [scalar(1), arange(3)];
    const run = (stacked: (c: Tensor, e: Tensor) => Tensor[]): [Tensor[], Tensor[]] =>
      scan(([c], [e]) => [[add(c!, e!)], stacked(c!, e!)], [first], [x]);
    const [[a], [before, twice]] = run((c, e) => [c, mul(e, 2)]);
    const [[b], [again, product]] = run((c, e) => [mul(e, 2), mul(c, e)]);
    const wanted = [a!, b!, before!, twice!, again!, product!];
    const lowered = lower(traceGraph(wanted, []).graph);
    const node = lowered.nodes.find(({ op }) => op.name === 'scan')!;
    expect(lowered.nodes.filter(({ op }) => op.name === 'scan')).toHaveLength(1);
    // One carry and three different sequences.
    expect(node.outputs).toHaveLength(4);
    await realize(...wanted);
    expect(await Promise.all(wanted.map(numbers))).toEqual([
      [4],
      [4],
      [1, 1, 2],
      [0, 2, 4],
      [0, 2, 4],
      [0, 1, 4],
    ]);
    const [[c]] = run((y, e) => [exp(y), exp(e)]);
    const alone = lower(traceGraph([c!], []).graph).nodes.find(({ op }) => op.name === 'scan')!;
    expect(alone.outputs).toHaveLength(1);
    expect((alone.attrs['body'] as Graph).nodes.map(({ op }) => op.name)).toEqual(['add']);
  });

  it('gives second order', async () => {
    // y = product of x; d²y / dx0 dxj is the product of the others.
    const f = (x: Tensor): Tensor =>
      scan(([c], [e]) => [[mul(c!, e!)], []], [scalar(1)], [x])[0][0]!;
    const x = tensor([2, 3, 5]);
    await expectClose(grad(f)(x), [15, 10, 6]);
    const row = grad((z: Tensor) => sum(mul(grad(f)(z), tensor([1, 0, 0]))));
    await expectClose(row(x), [0, 5, 3]);
  });

  describe('in segments', () => {
    const weight = tensor([
      [0.5, -0.3],
      [0.2, 0.7],
    ]);
    const x = tensor([
      [1, 2],
      [-1, 0.5],
      [0.3, -2],
      [0.1, 0.4],
      [-0.6, 1],
      [2, 0.2],
      [-0.5, 0.9],
    ]);
    const start = tensor([0.1, -0.2]);
    const run = ([w, sequence, first]: readonly Tensor[], reverse: boolean, checkpoint?: number) =>
      scan(
        ([h], [e]) => {
          const next = tanh(add(matmul(h!.reshape([1, 2]), w!).reshape([2]), e!));
          return [[next], [mul(next, h!)]];
        },
        [first!],
        [sequence!],
        { reverse, checkpoint },
      );
    const loss = (inputs: readonly Tensor[], reverse: boolean, checkpoint?: number): Tensor => {
      const [[last], [y]] = run(inputs, reverse, checkpoint);
      return add(sum(mul(y!, inputs[1]!)), sum(last!));
    };
    const inputs = [weight, x, start];

    it.each([false, true])('computes the same, gradients too (reverse %s)', async (reverse) => {
      const all = (checkpoint?: number): Tensor[] => {
        const [last, outputs] = run(inputs, reverse, checkpoint);
        const first = grad((list: readonly Tensor[]) => loss(list, reverse, checkpoint));
        const second = grad((list: readonly Tensor[]) => {
          const [w, sequence] = first(list);
          return add(sum(mul(w!, w!)), sum(mul(sequence!, sequence!)));
        });
        return [...last, ...outputs, ...first(inputs), ...second(inputs)];
      };
      const wanted = await Promise.all(all().map(numbers));
      for (const checkpoint of [1, 2, 3, 7, 20]) {
        const got = await Promise.all(all(checkpoint).map(numbers));
        got.flat().forEach((value, i) => expect(value).toBeCloseTo(wanted.flat()[i]!, 3));
      }
    });

    it.each([undefined, 3])('prepares what the steps read (segments of %s)', async (checkpoint) => {
      const seen: number[] = [];
      const [[last]] = scan(([h], [e]) => [[add(h!, e!)], []], [zeros([2])], [x], {
        checkpoint,
        prepare: ([rows]) => {
          seen.push(rows!.shape[0]!);
          return [mul(rows!, 2)];
        },
      });
      await expectClose(last!, [2 * 1.3, 2 * 3]);
      expect(seen).toEqual(checkpoint === undefined ? [7] : [3, 1]);
    });

    it('keeps the carries of the segments alone', () => {
      const stackedBytes = (checkpoint?: number): number => {
        const long = zeros([64, 2]);
        const found = grad((list: readonly Tensor[]) => loss(list, false, checkpoint))([
          weight,
          long,
          start,
        ]);
        const { nodes, values } = lower(traceGraph(found, []).graph);
        return nodes
          .filter(({ op }) => op.name === 'scan')
          .flatMap(({ outputs, attrs }) => outputs.slice(Number(attrs['carries'])))
          .reduce((total, id) => total + values[id]!.shape.reduce((a, b) => a * b, 4), 0);
      };
      // The gradient of the sequence itself is 64 steps long in both.
      expect(stackedBytes(8)).toBeLessThan(stackedBytes() / 2);
    });

    it.each([0, -1, 1.5])('refuses segments of %s steps', (checkpoint) => {
      expect(() => run(inputs, false, checkpoint)).toThrow(
        /scan: checkpoint is a positive whole number of steps/,
      );
    });
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'a carry that changes its shape',
      () => scan(([c]) => [[add(c!, ones([2]))], []], [zeros([])], [], { length: 2 }),
      /carry 0 changes its type.*float32\[2\].*float32\[\]/,
    ],
    [
      'a carry that changes its dtype',
      () => scan(([c]) => [[c!.to('float64')], []], [zeros([])], [], { length: 2 }),
      /carry 0/,
    ],
    [
      'another number of carries',
      () => scan(() => [[], []], [zeros([])], [], { length: 2 }),
      /number of carries/,
    ],
    [
      'sequences of different lengths',
      () => scan(() => [[], []], [], [zeros([2]), zeros([3])]),
      /sequence 1 has another length/,
    ],
    ['no length', () => scan(() => [[], []], [], []), /no length|no sequence/],
    ['a scalar sequence', () => scan(() => [[], []], [], [zeros([])]), /sequence 0 is a scalar/],
    [
      'a negative length',
      () => scan(([c]) => [[c!], []], [zeros([])], [], { length: -1 }),
      /length/,
    ],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(HebbError);
    expect(call).toThrow(message);
  });
});
