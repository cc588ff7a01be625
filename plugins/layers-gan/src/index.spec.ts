import { cpu } from '@hebb/backend-cpu';
import { testLayer, testOp } from '@hebb/conformance';
import { fullLike, grad, init, tensor, type Tensor } from '@hebb/core';
import { Squareplus, squareplus } from './index.ts';

beforeAll(() => init(cpu()));

describe('squareplus', () => {
  it('is 1 at zero, and the identity and zero far from it', async () => {
    const y = await squareplus(tensor([0, 1e4, -1e4])).data();
    expect(y[0]).toBeCloseTo(1, 6);
    expect(y[1]).toBeCloseTo(1e4, 2);
    expect(y[2]).toBeCloseTo(0, 2);
  });

  it('has the slope (1 + x / √(x² + β)) / 2', async () => {
    const slope = grad((x: Tensor) => squareplus(x, { beta: 4 }).sum());
    const [dx] = await slope(tensor([1.5])).data();
    expect(dx).toBeCloseTo(0.8, 6);
  });
});

// Samples of the record: inference, gradients against finite differences, dtypes, odd sizes, and the
// values against the same function written otherwise.
testOp(squareplus, {
  backend: cpu,
  expected: (x: Tensor, { beta = 4 }: { beta?: number } = {}) =>
    fullLike(x, beta / 2).div(x.mul(x).add(beta).sqrt().sub(x)),
});

testLayer('Squareplus', () => new Squareplus({ beta: 2 }), {
  backend: cpu,
  input: [2, 3],
  output: [2, 3],
  parameters: {},
});

describe('Squareplus', () => {
  it('is ReLU where beta is 0', async () => {
    const y = new Squareplus({ beta: 0 }).forward(tensor([[-2, 3]]));
    expect([...(await y.data())]).toEqual([0, 3]);
  });

  it('refuses a negative beta', () => {
    expect(() => new Squareplus({ beta: -1 })).toThrow('got -1, wanted at least 0');
  });
});
