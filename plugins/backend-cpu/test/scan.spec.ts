import * as h from '@hebb/core';
import { cpu } from '../src/index.ts';
import { numbers } from './helpers.ts';

const backend = cpu();
beforeAll(async () => void (await h.init(backend)));

describe('scan', () => {
  const xs = h.tensor([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  it('carries values and stacks outputs', async () => {
    const scale = h.tensor([10, 100]);
    const [[last], [ys]] = h.scan(
      ([c], [x]) => [[c!.add(x!)], [c!.mul(scale)]],
      [h.zeros([2])],
      [xs],
    );
    expect(await last!.toArray()).toEqual([9, 12]);
    expect(await ys!.toArray()).toEqual([
      [0, 0],
      [10, 200],
      [40, 600],
    ]);
  });

  it('runs in reverse and keeps the order of its inputs', async () => {
    const [[last], [ys]] = h.scan(([c], [x]) => [[c!.mul(2).add(x!)], [c!]], [h.zeros([2])], [xs], {
      reverse: true,
    });
    expect(await last!.toArray()).toEqual([1 + 2 * (3 + 2 * 5), 2 + 2 * (4 + 2 * 6)]);
    expect(await ys!.toArray()).toEqual([
      [13, 16],
      [5, 6],
      [0, 0],
    ]);
  });

  it('gives back the initial carry after no steps', async () => {
    const [[last], [ys]] = h.scan(
      ([c], [x]) => [[c!.add(x!)], [x!]],
      [h.tensor([7, 8])],
      [h.zeros([0, 2])],
    );
    expect(await last!.toArray()).toEqual([7, 8]);
    expect((await numbers(ys!)).length).toBe(0);
  });

  it('hands carries through unchanged, exchanged and twice', async () => {
    const [[a, b], [ys, zs]] = h.scan(
      ([p, q]) => [
        [q!, p!],
        [p!, p!],
      ],
      [h.scalar(1), h.scalar(2)],
      [],
      { length: 3 },
    );
    expect([await a!.item(), await b!.item()]).toEqual([2, 1]);
    expect(await ys!.toArray()).toEqual([1, 2, 1]);
    expect(await zs!.toArray()).toEqual([1, 2, 1]);
  });

  it('nests', async () => {
    const [[total]] = h.scan(
      ([c], [row]) => {
        const [[inner]] = h.scan(([s], [v]) => [[s!.add(v!)], []], [c!], [row!]);
        return [[inner!], []];
      },
      [h.scalar(0)],
      [xs],
    );
    expect(await total!.item()).toBe(21);
  });

  it('is differentiable, and errors inside name the op', async () => {
    const loss = (w: h.Tensor) =>
      h.scan(([c], [x]) => [[c!.mul(w).add(x!)], []], [h.zeros([2])], [xs])[0][0]!.sum();
    // d/dw of ((x1·w + x2)·w + x3) = 2·x1·w + x2, summed over both columns.
    expect(await h.grad(loss)(h.scalar(0.5)).item()).toBeCloseTo(1 + 3 + 2 + 4, 5);
    const [[bad]] = h.scan(
      ([c], [i]) => [[c!.add(h.tensor([1, 2]).gather(i!))], []],
      [h.scalar(0)],
      [h.tensor([0, 1, 2], { dtype: 'int32' })],
    );
    await expect(bad!.data()).rejects.toThrow('gather: index 2');
  });
});
