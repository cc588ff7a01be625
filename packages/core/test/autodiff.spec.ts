import {
  HebbError,
  Variable,
  alias,
  concat,
  exp,
  full,
  grad,
  gradients,
  matmul,
  maximum,
  mul,
  ones,
  pow,
  prod,
  scalar,
  sin,
  sort,
  stopGradient,
  sum,
  tensor,
  valueAndGrad,
  vjp,
  zeros,
} from '../src/index.ts';
import type { Tensor } from '../src/index.ts';
import { expectClose, numbers, start } from './support.ts';

beforeAll(start);

describe('gradients', () => {
  it('sums over outputs and over uses', async () => {
    const x = tensor([2, 3]);
    const [g] = gradients([sum(mul(x, x)), sum(x)], [x]);
    await expectClose(g!, [5, 7]);
  });

  it('takes cotangents', async () => {
    const x = tensor([2, 3]);
    const [g] = gradients([mul(x, x)], [x], { cotangents: [tensor([1, 10])] });
    await expectClose(g!, [4, 60]);
  });

  it('gives zeros, or an error, for what the outputs do not depend on', async () => {
    const x = tensor([2, 3]);
    const y = zeros([2, 2]);
    const [gx, gy] = gradients(sum(x), [x, y]);
    await expectClose(gx!, [1, 1]);
    expect(gy!.shape).toEqual([2, 2]);
    await expectClose(gy!, [0, 0, 0, 0]);
    expect(() => gradients(sum(x), [x, y], { unused: 'error' })).toThrow(/tensor 1.*\[2,2\]/);
  });

  it('stops at stopGradient and at integer casts', async () => {
    const g = grad((x: Tensor) => sum(mul(stopGradient(x), x).add(x.to('int32').to('float32'))));
    await expectClose(g(tensor([2, 3])), [2, 3]);
  });

  it('flows through several outputs of one node', async () => {
    const g = grad((x: Tensor) => {
      const [values] = sort(x, 0);
      return sum(mul(values, tensor([1, 10, 100])));
    });
    await expectClose(g(tensor([3, 1, 2])), [100, 1, 10]);
  });

  it('shares ties as PyTorch does, and is exact at zeros of a product', async () => {
    await expectClose(grad((x: Tensor) => x.max())(tensor([1, 2, 2])), [0, 0.5, 0.5]);
    await expectClose(grad((x: Tensor) => sum(maximum(x, 1)))(tensor([1, 2])), [0.5, 1]);
    await expectClose(grad((x: Tensor) => prod(x))(tensor([0, 2, 3])), [6, 0, 0]);
    await expectClose(grad((x: Tensor) => prod(x))(tensor([0, 2, 0])), [0, 0, 0]);
    await expectClose(grad((x: Tensor) => sum(pow(x, 2)))(tensor([0, -3])), [0, -6]);
    await expectClose(grad((x: Tensor) => sum(pow(x, 0)))(tensor([0, -3])), [0, 0]);
  });

  it('keeps the dtype of each tensor', () => {
    const a = tensor([1, 2], { dtype: 'float16' });
    const b = tensor([1, 2], { dtype: 'float64' });
    const [ga, gb] = gradients(sum(mul(a, b)), [a, b]);
    expect([ga!.dtype, gb!.dtype]).toEqual(['float16', 'float64']);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'outputs that are no scalars',
      () => gradients(ones([2]), [ones([2])]),
      /output 0 is not a scalar/,
    ],
    ['integer outputs', () => gradients(full([], 1, 'int32'), []), /output 0 is not real.*int32/],
    ['integer arguments', () => gradients(ones([]), [full([], 1, 'int32')]), /int32/],
    [
      'too few cotangents',
      () => gradients([ones([]), ones([])], [], { cotangents: [ones([])] }),
      /cotangents/,
    ],
    [
      'a cotangent of another shape',
      () => gradients([ones([2])], [], { cotangents: [ones([3])] }),
      /cotangent 0/,
    ],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(HebbError);
    expect(call).toThrow(message);
  });

  it('refuses an output whose history is gone, rather than giving zeros', async () => {
    const x = tensor([2, 3]);
    const loss = sum(mul(x, x));
    await loss.data();
    expect(() => gradients(loss, [x])).toThrow(/history is gone/);
    // With respect to itself it is fine.
    await expectClose(gradients(loss, [loss])[0]!, [1]);
  });

  it('keeps the history of what is read inside a differentiated function', async () => {
    const g = grad((x: Tensor) => {
      const h = mul(x, x);
      h.dataSync();
      return sum(mul(h, x));
    });
    await expectClose(g(tensor([2, 3])), [12, 27]);
  });
});

describe('grad, valueAndGrad, vjp', () => {
  it('differentiates trees, and passes extras through', async () => {
    const f = valueAndGrad(
      (params: { w: Tensor; b: [Tensor] }, x: Tensor): [Tensor, { y: Tensor }] => {
        const y = mul(params.w, x).add(params.b[0]);
        return [sum(y), { y }];
      },
    );
    const [[loss, { y }], g] = f({ w: tensor([1, 2]), b: [tensor([0, 1])] }, tensor([3, 4]));
    await expectClose(loss, [12]);
    await expectClose(y, [3, 9]);
    await expectClose(g.w, [3, 4]);
    await expectClose(g.b[0], [1, 1]);
  });

  it('chooses the argument', async () => {
    const f = (x: Tensor, y: Tensor): Tensor => sum(mul(x, mul(y, y)));
    await expectClose(grad(f, { argument: 1 })(tensor([2]), tensor([5])), [20]);
  });

  it('gives any order', async () => {
    const f = (x: Tensor): Tensor => sum(pow(x, 5));
    const total = (g: (x: Tensor) => Tensor) => (x: Tensor) => sum(g(x));
    let g: (x: Tensor) => Tensor = grad(f);
    const x = tensor([2], { dtype: 'float64' });
    for (const want of [80, 160, 240, 240, 120, 0]) {
      await expectClose(g(x), [want]);
      g = grad(total(g));
    }
    let s: (x: Tensor) => Tensor = sin;
    for (const want of [Math.sin(1), Math.cos(1), -Math.sin(1), -Math.cos(1), Math.sin(1)]) {
      await expectClose(s(scalar(1, 'float64')), [want], 1e-12);
      s = grad(total(s));
    }
  });

  it('does not confuse nested differentiations (perturbation confusion)', async () => {
    // d/dx (x · d/dy (x + y) at y = 1) = 1; confused implementations give 2.
    const one = grad((x: Tensor) => mul(x, grad((y: Tensor) => x.add(y))(scalar(1))));
    await expectClose(one(scalar(1)), [1]);
    // The same tensor outside and inside: d/dx (x · d/dy (y·x at y = x)) = d/dx (x·x) = 2x.
    const two = grad((x: Tensor) => mul(x, grad((y: Tensor) => mul(y, x))(x)));
    await expectClose(two(scalar(3)), [6]);
    // The inner derivative treats the captured x as a constant even when it is its own argument.
    const x = scalar(3);
    await expectClose(grad((y: Tensor) => mul(y, x))(x), [3]);
  });

  it('pulls back any cotangent', async () => {
    const [[y], back] = vjp((a, b) => matmul(a!, b!), ones([2, 3]), full([3, 2], 2));
    expect(y!.shape).toEqual([2, 2]);
    const [ga, gb] = back(
      tensor([
        [1, 0],
        [0, 2],
      ]),
    );
    await expectClose(ga!, [2, 2, 2, 4, 4, 4]);
    await expectClose(gb!, [1, 2, 1, 2, 1, 2]);
  });

  it('gives Hessian-vector products', async () => {
    const f = (x: Tensor): Tensor => sum(exp(x)).add(x.index(0).mul(x.index(1)));
    const v = tensor([1, 2], { dtype: 'float64' });
    const x = tensor([0.5, -1], { dtype: 'float64' });
    const hvp = grad((z: Tensor) => sum(mul(grad(f)(z), v)))(x);
    await expectClose(hvp, [Math.exp(0.5) + 2, 2 * Math.exp(-1) + 1], 1e-12);
  });

  it('works with respect to values of variables, and intermediate ones', async () => {
    const w = new Variable(tensor([2]));
    const h = mul(w.value, 3);
    const loss = sum(mul(h, h));
    const [gw, gh] = gradients(loss, [w.value, h]);
    await expectClose(gw!, [36]);
    await expectClose(gh!, [12]);
  });

  it('separates equal inputs of one composite node', async () => {
    const x = tensor([1, 2]);
    const [y, z] = [alias(x), alias(x)];
    const loss = sum(mul(concat([y, z], 0), tensor([1, 2, 3, 4])));
    const found = gradients(loss, [y, z, x]);
    expect(await Promise.all(found.map(numbers))).toEqual([
      [1, 2],
      [3, 4],
      [4, 6],
    ]);
  });
});

it('says so when an intermediate value was read and the history with it lost', async () => {
  const x = tensor([1, 2]);
  const hidden = x.mul(3);
  await hidden.data();
  expect(() => gradients(hidden.square().sum(), [x])).toThrow(
    /no output depends on tensor 0.*drops their history/,
  );
  const [zero] = gradients(hidden.square().sum(), [x], { unused: 'zeros' });
  expect(await zero!.toArray()).toEqual([0, 0]);
});
