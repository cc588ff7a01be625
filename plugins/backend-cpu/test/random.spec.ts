import * as h from '@hebb/core';
import { cpu } from '../src/index.ts';
import { philoxBlock } from '../src/kernels/philox.ts';
import { numbers } from './helpers.ts';

beforeAll(async () => void (await h.init(cpu())));

const block = (counter: [number, number, number, number], key: [number, number]): string => {
  const out = new Uint32Array(4);
  philoxBlock(out, 0, counter, ...key);
  return [...out].map((x) => x.toString(16).padStart(8, '0')).join(' ');
};

describe('Philox4x32-10', () => {
  it("gives the known answers of Random123's test vectors", () => {
    const f = 0xffffffff;
    expect(block([0, 0, 0, 0], [0, 0])).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    expect(block([f, f, f, f], [f, f])).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
    expect(block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toBe(
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    );
  });

  it('numbers elements by block and word', async () => {
    const zeroKey = h.tensor(new Uint32Array([0, 0]));
    const words = await numbers(h.randomBits(zeroKey, [7]));
    expect(words.slice(0, 4)).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const next = new Uint32Array(4);
    philoxBlock(next, 0, [1, 0, 0, 0], 0, 0);
    expect(words.slice(4)).toEqual([...next.subarray(0, 3)]);
  });

  it('draws the same for the same key, whatever the shape', async () => {
    const key = h.random.key(42);
    const flat = await numbers(h.randomBits(key, [24]));
    expect(await numbers(h.randomBits(key, [2, 3, 4]))).toEqual(flat);
    expect(await numbers(h.randomBits(key, [5]))).toEqual(flat.slice(0, 5));
    expect(await numbers(h.randomBits(h.random.key(43), [24]))).not.toEqual(flat);
    expect((await numbers(h.randomBits(key, [0]))).length).toBe(0);
  });

  it('is uniform and normal enough', async () => {
    const u = (await h.random.uniform(h.random.key(7), [10000]).data()) as Float32Array;
    const mean = u.reduce((a, b) => a + b, 0) / u.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.015);
    expect(Math.min(...u)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...u)).toBeLessThan(1);
    const z = (await h.random.normal(h.random.key(8), [10001]).data()) as Float32Array;
    const square = z.reduce((a, b) => a + b * b, 0) / z.length;
    expect(Math.abs(square - 1)).toBeLessThan(0.06);
    expect(z.every(Number.isFinite)).toBe(true);
  });
});
