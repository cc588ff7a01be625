import { HebbError, arange, grad, resolveSlice, tensor, zeros } from '../src/index.ts';
import type { IndexSpec, NestedArray, Tensor } from '../src/index.ts';
import { expectClose, numbers, seeded, start } from './support.ts';

beforeAll(start);

type Nested = NestedArray;
const list = (x: Nested): Nested[] => x as Nested[];

/** Python's slice, by walking. */
function sliceOf<T>(items: readonly T[], [start, stop, step]: readonly (number | null)[]): T[] {
  const n = items.length;
  const by = step ?? 1;
  const result: T[] = [];
  const bound = (x: number | null | undefined, low: number, high: number, missing: number) =>
    x == null ? missing : Math.min(Math.max(x < 0 ? x + n : x, low), high);
  if (by > 0) {
    const end = bound(stop, 0, n, n);
    for (let i = bound(start, 0, n, 0); i < end; i += by) result.push(items[i]!);
  } else {
    const end = bound(stop, -1, n - 1, -1);
    for (let i = bound(start, -1, n - 1, n - 1); i > end; i += by) result.push(items[i]!);
  }
  return result;
}

/** Numbers, slices, new axes on nested lists. */
function brute(x: Nested, specs: readonly IndexSpec[]): Nested {
  if (specs.length === 0) return x;
  const [spec, ...rest] = specs;
  if (spec === null) return [brute(x, rest)];
  if (typeof spec === 'number') return brute(list(x).at(spec)!, rest);
  return sliceOf(list(x), spec as readonly (number | null)[]).map((item) => brute(item, rest));
}

function brutePick(x: Nested, axis: number, at: Nested): Nested {
  if (axis > 0) return list(x).map((item) => brutePick(item, axis - 1, at));
  const take = (i: Nested): Nested => (Array.isArray(i) ? i.map(take) : list(x).at(Number(i))!);
  return take(at);
}

describe('index', () => {
  it('agrees with loops over nested lists on 300 random specs', async () => {
    const random = seeded(7);
    for (let round = 0; round < 300; round++) {
      const shape = Array.from({ length: random.int(1, 4) }, () => random.int(1, 4));
      const x = arange(shape.reduce((a, b) => a * b, 1)).reshape(shape);
      const specs: IndexSpec[] = [];
      for (const size of shape) {
        const kind = random.int(0, 3);
        if (random.int(0, 4) === 0) specs.push(null);
        const maybe = () => (random.int(0, 3) === 0 ? null : random.int(-size - 2, size + 2));
        if (kind === 0) specs.push(random.int(-size, size - 1));
        else if (kind === 1) specs.push([null]);
        else {
          const step = random.int(0, 1) === 0 ? random.int(1, 3) : -random.int(1, 3);
          specs.push([maybe(), maybe(), step]);
        }
      }
      const want = brute(await x.toArray(), specs);
      const got = x.index(...specs);
      if (JSON.stringify(await got.toArray()) !== JSON.stringify(want)) {
        throw new Error(`[${shape}] at ${JSON.stringify(specs)}`);
      }
    }
  });

  it("puts '...' for the axes in between, and missing ones at the end", () => {
    const x = zeros([2, 3, 4, 5]);
    expect(x.index(0).shape).toEqual([3, 4, 5]);
    expect(x.index('...', 0).shape).toEqual([2, 3, 4]);
    expect(x.index(0, '...', [0, 2]).shape).toEqual([3, 4, 2]);
    expect(x.index('...').shape).toEqual([2, 3, 4, 5]);
    expect(x.index(null, '...', null).shape).toEqual([1, 2, 3, 4, 5, 1]);
  });

  it('picks with index tensors along one axis, negative ones from the end', async () => {
    const x = arange(24).reshape([2, 3, 4]);
    const at = [
      [0, -1],
      [2, 1],
    ];
    for (const axis of [0, 1, 2]) {
      const bounded = at.map((row) => row.map((i) => (axis === 0 ? Math.sign(i) % 2 : i)));
      const picked = x.index(
        ...Array.from({ length: axis }, (): IndexSpec => [null]),
        tensor(bounded, { dtype: 'int32' }),
      );
      expect(await picked.toArray()).toEqual(brutePick(await x.toArray(), axis, bounded));
    }
  });

  it('picks together with several index tensors, which broadcast', async () => {
    const x = arange(60).reshape([3, 4, 5]);
    const rows = tensor([[0], [2]], { dtype: 'int64' });
    const columns = tensor([3, 1, -4], { dtype: 'int8' });
    const want: number[] = [];
    for (const r of [0, 2])
      for (const c of [3, 1, 0]) for (let k = 0; k < 5; k++) want.push(r * 20 + c * 5 + k);
    const together = x.index(rows, columns);
    expect(together.shape).toEqual([2, 3, 5]);
    expect(await numbers(together)).toEqual(want);
    // Apart, their axes come first.
    expect(x.index(rows, [null], columns).shape).toEqual([2, 3, 4]);
    expect(await numbers(x.index(rows, [0, 1], columns))).toEqual(
      [0, 2].flatMap((r) => [3, 1, 1].map((c) => r * 20 + c)),
    );
  });

  it('takes indices of a type too narrow for the axis', async () => {
    const x = arange(300);
    expect(await numbers(x.index(tensor(Uint8Array.of(255, 0))))).toEqual([255, 0]);
    expect(await numbers(x.index(tensor(Int8Array.of(-1))))).toEqual([299]);
  });

  it.each<[string, IndexSpec[], RegExp]>([
    ['a position outside', [2], /index 2 is out of range for axis 0 of size 2/],
    ['a negative one outside', [-3], /out of range/],
    ['a fraction', [0.5], /out of range/],
    ['too many', [0, 0, 0], /3 indices for 2 axes/],
    ['two ellipses', ['...', '...'], /twice/],
    ['a step of 0', [[0, 1, 0]], /step/],
    ['a fractional bound', [[0.5, 1]], /not an index/],
    ['something else', ['all' as never], /not an index/],
    ['a mask', [tensor([true, false])], /unknown shape/],
    ['indices that are not integers', [tensor([0.5])], /integer/],
  ])('refuses %s', (_, specs, message) => {
    expect(() => zeros([2, 3]).index(...specs)).toThrow(HebbError);
    expect(() => zeros([2, 3]).index(...specs)).toThrow(message);
  });

  it('resolves slices as Python does', () => {
    for (let size = 0; size <= 4; size++) {
      const bounds = [null, ...Array.from({ length: 13 }, (_, i) => i - 6)];
      for (const start of bounds)
        for (const stop of bounds)
          for (const step of [null, 1, 2, 3, -1, -2, -3]) {
            const all = Array.from({ length: size }, (_, i) => i);
            const found = resolveSlice(size, [start, stop, step]);
            const got = Array.from({ length: found.count }, (_, i) => found.start + i * found.step);
            const want = sliceOf(all, [start, stop, step]);
            if (JSON.stringify(got) !== JSON.stringify(want))
              throw new Error(`${size}: ${start} ${stop} ${step}: ${got} not ${want}`);
          }
    }
  });

  it('is differentiable', async () => {
    const at = tensor([0, 0, 2], { dtype: 'int32' });
    const g = grad((x: Tensor) => x.index(at).index([null, null, 2]).sum());
    await expectClose(g(arange(4)), [1, 0, 1, 0]);
  });
});
