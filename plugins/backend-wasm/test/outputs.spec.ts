/** Outputs that are one value in several shapes. */
import { add, compile, init, reshape, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { wasm } from '../src/index.ts';

describe('outputs of one value', () => {
  it('each have the shape that the function gave them', async () => {
    await init(wasm());
    const fn = compile((x: Tensor) => {
      const y = add(x, 1);
      return [reshape(y, [1, 2]), y, reshape(y, [2, 1, 1])] as const;
    });
    const results = await fn(tensor([1, 2]));
    expect(results.map((y) => y.shape)).toEqual([[1, 2], [2], [2, 1, 1]]);
    for (const y of results) expect(await y.data()).toEqual(Float32Array.of(2, 3));
    // As values on the device they must fit where they are used next.
    const next = compile((a: Tensor, b: Tensor) => add(a, reshape(b, [1, 2])));
    expect(await (await next(results[0], results[1])).toArray()).toEqual([[4, 6]]);
  });
});
