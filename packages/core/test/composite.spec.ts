import {
  HebbError,
  Variable,
  add,
  argumentLayout,
  callOp,
  composite,
  concat,
  exp,
  grad,
  gradients,
  lower,
  mul,
  placeholder,
  sum,
  tensor,
  traceGraph,
  withPath,
  zeros,
} from '../src/index.ts';
import type { Tensor } from '../src/index.ts';
import { expectClose, start } from './support.ts';

beforeAll(start);

const scale = composite('scale', {
  body: (x: Tensor, { by = 2 }: { by?: number } = {}) => mul(x, by),
  samples: [{ in: [[3]] }],
});
const affine = composite('affine', {
  body: (
    x: Tensor,
    weight?: Tensor,
    bias?: Tensor,
    { gain = 1 }: { gain?: number } = {},
  ): Tensor => {
    let y = mul(x, gain);
    if (weight !== undefined) y = mul(y, weight);
    return bias === undefined ? y : add(y, bias);
  },
  samples: [],
});
const total = composite('total', {
  body: (xs: readonly Tensor[], start: Tensor) => xs.reduce((a, b) => add(a, b), start),
  samples: [],
});
const minmax = composite('minmax', { body: (x: Tensor) => [x.min(), x.max()], samples: [] });

const nodesOf = (x: Tensor): string[] => traceGraph([x], []).graph.nodes.map((n) => n.op.name);

describe('composites', () => {
  it('stay one named node until they are lowered', async () => {
    const y = scale(tensor([1, 2]));
    expect(nodesOf(y)).toEqual(['scale']);
    const { graph } = traceGraph([y], []);
    expect(lower(graph).nodes.map((n) => n.op.name)).toEqual(['full', 'mul']);
    expect(lower(graph, (op) => op === scale.op).nodes.map((n) => n.op.name)).toEqual(['scale']);
    await expectClose(y, [2, 4]);
  });

  it('are taken in parts by who asks for it', async () => {
    const halves = composite('halves', {
      body: (x: Tensor) => exp(x),
      inParts: (x) => concat([exp(x.narrow(0, 0, 1)), exp(x.narrow(0, 1, 1))], 0),
      samples: [],
    });
    const y = halves(placeholder({ shape: [2], dtype: 'float32' }));
    const { graph } = traceGraph([y], []);
    const names = (inParts: boolean): string[] =>
      lower(graph, () => false, inParts).nodes.map((n) => n.op.name);
    expect(names(false)).toEqual(['exp']);
    expect(names(true).filter((name) => name === 'exp')).toHaveLength(2);
    await expectClose(halves(tensor([0, 1])), [1, Math.E]);
  });

  it('pass settings, and only those given', async () => {
    const y = scale(tensor([1, 2]), { by: 5 });
    expect(y.node.attrs).toEqual({ by: 5 });
    await expectClose(y, [5, 10]);
    await expectClose(scale(tensor([1, 2]), {}), [2, 4]);
  });

  it('keep the place of optional tensors that are left out', async () => {
    const x = tensor([1, 2]);
    const w = tensor([3, 4]);
    const b = tensor([10, 20]);
    await expectClose(affine(x), [1, 2]);
    await expectClose(affine(x, w), [3, 8]);
    await expectClose(affine(x, undefined, b), [11, 22]);
    await expectClose(affine(x, w, b, { gain: 2 }), [16, 36]);
    await expectClose(affine(x, undefined, b, { gain: 2 }), [12, 24]);
    await expectClose(affine(x, undefined, undefined, { gain: 2 }), [2, 4]);
    expect(argumentLayout(affine(x, undefined, b).node.attrs)).toEqual(['x', '-', 'x']);
    expect(argumentLayout(affine(x, w).node.attrs)).toBeUndefined();
  });

  it('take lists of tensors', async () => {
    const [a, b, c] = [tensor([1]), tensor([2]), tensor([4])];
    await expectClose(total([a, b], c), [7]);
    await expectClose(total([], c), [4]);
    expect(argumentLayout(total([a, b], c).node.attrs)).toEqual(['2', 'x']);
    await expectClose(callOp(total.op, [[a, b], c])[0]!, [7]);
  });

  it('return one tensor or several, as the body does', async () => {
    const [low, high] = minmax(tensor([3, 1, 2])) as [Tensor, Tensor];
    await expectClose(low, [1]);
    await expectClose(high, [3]);
  });

  it('differentiate through their bodies, and by their own rule where there is one', async () => {
    const doubled = composite('doubled', {
      body: (x: Tensor) => mul(x, 2),
      vjp: ({ grads }) => [mul(grads[0]!, 100)],
      samples: [],
    });
    await expectClose(grad((x: Tensor) => sum(scale(x, { by: 3 })))(tensor([1, 2])), [3, 3]);
    await expectClose(grad((x: Tensor) => sum(doubled(x)))(tensor([1, 2])), [100, 100]);
    const x = tensor([1, 2]);
    const g = gradients(sum(mul(affine(x, x), 1)), [x]);
    await expectClose(g[0]!, [2, 4]);
    // Second order, through two levels of composites.
    const outer = composite('outer', {
      body: (z: Tensor) => exp(scale(z, { by: 2 })),
      samples: [],
    });
    const second = grad((z: Tensor) => sum(grad((y: Tensor) => sum(outer(y)))(z)));
    await expectClose(second(tensor([0.5])), [4 * Math.E], 1e-6);
  });

  it('refuse a gradient rule that returns another shape', () => {
    const wrong = composite('wrong', {
      body: (x: Tensor) => mul(x, 2),
      vjp: ({ grads }) => [sum(grads[0]!)],
      samples: [],
    });
    const x = zeros([3]);
    expect(() => gradients(sum(wrong(x)), [x])).toThrow(
      /wrong: its gradient rule is wrong: gradient of input 0 \(got float32\[\], wanted float32\[3\]\)/,
    );
  });

  it('refuse bodies that use tensors from outside', () => {
    const outside = tensor([1]);
    const leaky = composite('leaky', { body: (x: Tensor) => add(x, outside), samples: [] });
    expect(() => leaky(tensor([2]))).toThrow(/^leaky: the body uses a tensor that is not one/);
  });

  it('refuse what is neither tensor nor settings, also in the last place', () => {
    const variable = new Variable(zeros([2]));
    expect(() => affine(zeros([2]), 3 as never)).toThrow(
      /affine: an argument is not a tensor.*number/,
    );
    expect(() => affine(zeros([2]), variable as never)).toThrow(/not a tensor.*Variable/);
    expect(() => scale(zeros([2]), { by: { nested: 1 } } as never)).toThrow(HebbError);
  });

  it('say their own name and the path of the layer when the body fails', () => {
    const joined = composite('joined', {
      body: (a: Tensor, b: Tensor) => concat([a, b], 0),
      samples: [],
    });
    const outer = composite('outerJoin', {
      body: (a: Tensor, b: Tensor) => joined(a, b),
      samples: [],
    });
    const call = () =>
      withPath('encoder', () => withPath('0', () => outer(zeros([1, 2]), zeros([1, 3]))));
    expect(call).toThrow(/^outerJoin at encoder\.0: input 1 does not fit along axis 0/);
    try {
      call();
    } catch (error) {
      expect(error).toBeInstanceOf(HebbError);
      expect((error as HebbError).op).toBe('outerJoin');
      expect((error as HebbError).path).toBe('encoder.0');
    }
    // The path is gone afterwards.
    expect(() => outer(zeros([1, 2]), zeros([1, 3]))).toThrow(/^outerJoin: /);
  });
});
