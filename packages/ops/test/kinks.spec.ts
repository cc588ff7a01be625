/** Values and gradients where a formula alone would say NaN or send the gradient elsewhere: PyTorch's answers. */
import { cpu } from '@hebb/backend-cpu';
import { gradients, init, mul, sum, tensor } from '@hebb/core';
import type { NestedList, Tensor } from '@hebb/core';
import * as ops from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const t = (data: NestedList): Tensor => tensor(data, { dtype: 'float64' });

/** To six digits; -0 is 0. */
const rounded = (list: readonly number[]): number[] =>
  list.map((value) => Math.round(value * 1e6) / 1e6 + 0);
async function close(got: readonly Tensor[], want: readonly (readonly number[])[]): Promise<void> {
  const values = await Promise.all(
    got.map(async (x) => rounded(Array.from(await x.data(), Number))),
  );
  expect(values).toEqual(want.map(rounded));
}

it('acosh below 1 is not a number, however large', async () => {
  await close([ops.acosh(t([-1e10, -2, 0.5, 1, 2]))], [[NaN, NaN, NaN, 0, 1.3169579]]);
});

it('the elements equal to the median share its gradient', async () => {
  const x = t([
    [1, 2],
    [2, 5],
  ]);
  await close(gradients(ops.median(x), [x]), [[0, 0.5, 0.5, 0]]);
});

it('cosine similarity broadcasts before it measures', async () => {
  const a = t([
    [1, 2, -1],
    [0.5, 0.25, 2],
  ]);
  const b = t([[2], [-1]]);
  const y = ops.cosineSimilarity(a, b);
  const slopes = gradients(sum(mul(y, t([1, -2]))), [a, b]);
  await close(
    [y, ...slopes],
    [
      [0.4714045, -0.7645529],
      [0.1571348, 0.0785674, 0.3142697, 0.3787508, 0.4673946, -0.153112],
      [0, 0],
    ],
  );
});

it('a window of zeros has no slope in power pooling', async () => {
  const x = t([[[0, 0, 3, 4]]]);
  const y = ops.lpPool1d(x, 2, 2);
  await close(
    [y, ...gradients(sum(y), [x])],
    [
      [0, 5],
      [0, 0, 0.6, 0.8],
    ],
  );
});

it('a variance a row may lack the last axis', async () => {
  const x = t([
    [1, 2],
    [3, -1],
  ]);
  const v = t([0.5, 2]);
  const target = t([
    [0, 0],
    [0, 0],
  ]);
  const y = ops.gaussianNllLoss(x, target, v);
  await close([y, ...gradients(y, [x, v])], [[1.875], [0.5, 1, 0.375, -0.125], [-2, -0.1875]]);
});

it('zeros among scattered factors leave the slope of the others', async () => {
  const x = t([2, 3, 4]);
  const src = t([0, 5, 0, 0, 7]);
  const at = tensor([0, 0, 1, 1, 2], { dtype: 'int32' });
  const y = ops.scatterReduce(x, 0, at, src, 'prod');
  const slopes = gradients(sum(mul(y, t([1, 2, 3]))), [x, src]);
  await close(
    [y, ...slopes],
    [
      [0, 0, 28],
      [0, 0, 21],
      [10, 0, 0, 0, 12],
    ],
  );
});

it('a window in the border alone is -Infinity, at no place of the input', async () => {
  const x = t([[[-1.5, -2]]]);
  const options = { stride: 2, padding: 1, dilation: 3 };
  const [y, at] = ops.maxPool1dWithIndices(x, 2, options);
  await close([y, at, ...gradients(sum(y), [x])], [[-Infinity], [2], [0, 0]]);
});
