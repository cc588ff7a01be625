import {
  add,
  compile,
  composite,
  gradients,
  lower,
  mul,
  scalar,
  sum,
  tensor,
  traceGraph,
} from '../src/index.ts';
import type { Tensor } from '../src/index.ts';
import { expectClose, start } from './support.ts';

beforeAll(start);

const LENGTH = 20_000;

/** Chains this deep overflow the stack of any recursive walk. */
describe('deep chains', () => {
  const chain = (x: Tensor): Tensor => {
    let y = x;
    for (let i = 0; i < LENGTH; i++) y = add(y, x);
    return y;
  };

  it('are traced, lowered and computed', async () => {
    const x = tensor([1]);
    const y = chain(x);
    const { graph } = traceGraph([y], []);
    expect(graph.nodes).toHaveLength(LENGTH);
    expect(lower(graph).nodes).toHaveLength(LENGTH);
    expect(graph.hash).toHaveLength(16);
    await expectClose(y, [LENGTH + 1]);
  });

  it('are differentiated', async () => {
    const x = tensor([1]);
    await expectClose(gradients(sum(chain(x)), [x])[0]!, [LENGTH + 1]);
  });

  it('are differentiated through composites', async () => {
    const bump = composite('bump', { body: (a: Tensor) => mul(a, 1), samples: [] });
    const x = tensor([1]);
    let y: Tensor = x;
    for (let i = 0; i < 2000; i++) y = bump(y);
    await expectClose(gradients(sum(y), [x])[0]!, [1]);
  });

  it('are compiled', async () => {
    const f = compile(chain);
    await expectClose(await f(tensor([1])), [LENGTH + 1]);
  });

  it('do not repeat what is shared: doubling 60 times is 60 nodes', async () => {
    let y = scalar(1, 'float64');
    const x = y;
    for (let i = 0; i < 60; i++) y = add(y, y);
    expect(traceGraph([y], []).graph.nodes).toHaveLength(60);
    await expectClose(gradients(y, [x])[0]!, [2 ** 60]);
  });
});
