/** Where `exp` is known never to see a positive number. */
import { compileGraph } from '@hebb/compiler';
import type { LoopKernel } from '@hebb/compiler';
import { add, exp, max, mul, sub, sum, traceFunction } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { specialized } from '../src/codegen/specialize.ts';

function exponentials(fn: (x: Tensor, y: Tensor) => Tensor): string[] {
  const types = [0, 1].map(() => ({ shape: [8, 40], dtype: 'float32' as const }));
  return compileGraph(traceFunction('exponentials', types, fn))
    .kernels.filter((kernel): kernel is LoopKernel => kernel.kind === 'loop')
    .flatMap((kernel) => specialized(kernel).stages.flatMap(({ code }) => code))
    .flatMap((x) => (x.op === 'apply' && x.name.startsWith('exp') ? [x.name] : []));
}
const most = (x: Tensor): Tensor => max(x, 1, true);

describe('exp', () => {
  it.each<[string, (x: Tensor, y: Tensor) => Tensor]>([
    ['of a value less its maximum', (x) => sum(exp(sub(x, most(x))), 1)],
    ['of an expression less its maximum', (x) => sum(exp(sub(mul(x, 4), most(mul(x, 4)))), 1)],
  ])('%s is of no positive number', (_, fn) => {
    const found = exponentials(fn);
    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found)).toEqual(new Set(['expNonPositive']));
  });

  it.each<[string, (x: Tensor, y: Tensor) => Tensor]>([
    ['of a value', (x) => sum(exp(x), 1)],
    ['of a value less the maximum of another', (x, y) => sum(exp(sub(x, most(y))), 1)],
    ['of another expression', (x) => sum(exp(sub(mul(x, 5), most(mul(x, 4)))), 1)],
    ['of a maximum less the value', (x) => sum(exp(sub(most(x), x)), 1)],
    ['of a value plus its maximum', (x) => sum(exp(add(x, most(x))), 1)],
  ])('%s may be of any', (_, fn) => {
    const found = exponentials(fn);
    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found)).toEqual(new Set(['exp']));
  });
});
