/** The float32 routines alone, against plain loops in float64. */
import { convKernelGrad } from '../src/routines/conv/kernel-grad.ts';
import { conv } from '../src/routines/conv/conv.ts';
import { product } from '../src/routines/conv/geometry.ts';
import type { ConvGeometry } from '../src/routines/conv/geometry.ts';
import { convTranspose } from '../src/routines/conv/transpose.ts';
import type { Routine } from '../src/routines/kernel.ts';
import { matmul } from '../src/routines/matmul.ts';
import { storeMatrix } from '../src/routines/store.ts';
import type { Simd } from '../src/routines/target.ts';
import { hostSimd } from '../src/host.ts';
import { ModuleBuilder, i32 } from '../src/wasm/index.ts';

const simds: Simd[] = hostSimd() === 'relaxed' ? ['relaxed', 'plain'] : ['plain'];
const memory = new WebAssembly.Memory({ initial: 300 });
const start = 65536;
/** So little that some of the cases do not fit. */
const cacheBytes = 64 * 1024;

/** Arrays in memory and the routine over them; scratch memory begins as NaN. */
function instantiate(sizes: readonly number[], make: (pointers: number[]) => Routine) {
  let at = start;
  const take = (bytes: number): number => {
    const here = at;
    at += Math.ceil(bytes / 64) * 64 + 64;
    return here;
  };
  const pointers = sizes.map((size) => take(size * 4));
  const routine = make(pointers);
  const shared = take(routine.shared);
  const own = take(Math.max(...routine.phases.map(({ scratch }) => scratch)));
  expect(at).toBeLessThan(memory.buffer.byteLength);
  const m = new ModuleBuilder({ module: 'env', name: 'memory', initial: 1 });
  routine.phases.forEach((phase, i) =>
    m.function({ params: ['i32', 'i32'], export: `phase${i}` }, (f, begin, end) =>
      phase.emit(f, begin, end, { own: i32.const(own), shared: i32.const(shared) }),
    ),
  );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.encode()), {
    env: { memory },
  });
  const arrays = sizes.map((size, i) => new Float32Array(memory.buffer, pointers[i], size));
  new Float32Array(memory.buffer, start).fill(NaN);
  arrays.forEach((array, k) => array.forEach((_, i) => (array[i] = Math.sin(i * (0.7 + k) + k))));
  /** Runs the items in `parts` calls, as threads would. */
  const run = (parts: number): void =>
    routine.phases.forEach(({ items }, i) => {
      const phase = exports[`phase${i}`] as (begin: number, end: number) => void;
      for (let part = 0; part < parts; part++) {
        phase(Math.floor((items * part) / parts), Math.floor((items * (part + 1)) / parts));
      }
    });
  return { arrays, run };
}

function expectClose(got: Float32Array, exact: Float64Array, depth: number): void {
  let worst = 0;
  exact.forEach((value, i) => {
    const error = Math.abs(value - got[i]!);
    if (!(error <= worst)) worst = error;
  });
  expect(worst).toBeLessThan(5e-6 * (Math.sqrt(depth) + 4));
}

describe.each(simds)('%s SIMD', (simd) => {
  const sizes: [number, number, number][] = [
    [1, 1, 1],
    [3, 4, 5],
    [7, 9, 13],
    [13, 17, 19],
    [64, 64, 64],
    [40, 3, 33],
    [1, 50, 37],
    [2, 50, 37],
    [5, 7, 31],
    [50, 1, 20],
    [33, 129, 65],
    [20, 20, 0],
    [70, 260, 300],
  ];
  describe.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('matmul, transposed %s and %s', (ta, tb) => {
    it.each(sizes)('%i x %i x %i', (m, n, k) => {
      for (const batch of [[], [3], [2, 1]]) {
        const count = product(batch);
        const shared = batch.length === 2;
        const strides = batch.map((_, i) => product(batch.slice(i + 1)));
        const { arrays, run } = instantiate(
          [count * m * k, (shared ? 1 : count) * n * k, count * m * n],
          ([a, b, c]) => ({
            shared: 0,
            phases: [
              matmul(
                {
                  batch,
                  m,
                  n,
                  k,
                  a: {
                    pointer: i32.const(a!),
                    batch: strides.map((s) => s * m * k),
                    row: ta ? 1 : k,
                    column: ta ? m : 1,
                  },
                  b: {
                    pointer: i32.const(b!),
                    batch: strides.map((s) => (shared ? 0 : s * n * k)),
                    row: tb ? 1 : n,
                    column: tb ? k : 1,
                  },
                  store: storeMatrix(i32.const(c!), n),
                },
                { simd },
              ),
            ],
          }),
        );
        const [a, b, c] = arrays as [Float32Array, Float32Array, Float32Array];
        const exact = new Float64Array(count * m * n);
        for (let z = 0; z < count; z++) {
          for (let i = 0; i < m; i++) {
            for (let j = 0; j < n; j++) {
              let sum = 0;
              for (let p = 0; p < k; p++) {
                const x = a[z * m * k + (ta ? p * m + i : i * k + p)]!;
                sum += x * b[(shared ? 0 : z * n * k) + (tb ? j * k + p : p * n + j)]!;
              }
              exact[z * m * n + i * n + j] = sum;
            }
          }
        }
        run(1);
        expectClose(c, exact, k);
        const once = c.slice();
        c.fill(7);
        run(3);
        expect(c).toEqual(once);
      }
    });
  });

  it.each([
    [9, 64],
    [37, 79],
    [4, 130],
    [5, 77],
    [8, 1027],
  ])('one row times a matrix from far away: %i columns of %i', (n, k) => {
    const row = { pointer: i32.const(0), batch: [], row: k, column: 1 };
    const { arrays, run } = instantiate([k, n * k, n], ([a, b, c]) => {
      const operands = {
        a: { ...row, pointer: i32.const(a!) },
        b: { ...row, pointer: i32.const(b!), row: 1, column: k },
        store: storeMatrix(i32.const(c!), n),
      };
      const plan = matmul({ batch: [], m: 1, n, k, ...operands }, { simd, far: true });
      return { shared: 0, phases: [plan] };
    });
    const [a, b, c] = arrays as [Float32Array, Float32Array, Float32Array];
    const exact = Float64Array.from({ length: n }, (_, j) =>
      a.reduce((sum, x, p) => sum + x * b[j * k + p]!, 0),
    );
    run(1);
    expectClose(c, exact, k);
    const once = c.slice();
    c.fill(7);
    run(3);
    expect(c).toEqual(once);
  });

  type Pads = readonly (readonly [number, number])[];
  type ConvCase = [
    string,
    number,
    number,
    number,
    number,
    number[],
    number[],
    number[],
    Pads,
    number[],
  ];
  const one: Pads = [
    [1, 1],
    [1, 1],
  ];
  const none: Pads = [
    [0, 0],
    [0, 0],
  ];
  const cases: ConvCase[] = [
    ['one axis', 2, 3, 4, 1, [5], [2], [1], [[1, 0]], [1]],
    [
      'groups, stride, dilation',
      2,
      4,
      6,
      2,
      [5, 6],
      [3, 2],
      [2, 1],
      [
        [1, 1],
        [0, 2],
      ],
      [1, 2],
    ],
    [
      'an axis left over by the stride',
      2,
      4,
      6,
      2,
      [6, 6],
      [3, 2],
      [2, 1],
      [
        [1, 1],
        [0, 2],
      ],
      [1, 2],
    ],
    [
      'three axes',
      1,
      2,
      2,
      1,
      [3, 4, 3],
      [2, 2, 2],
      [1, 1, 1],
      [
        [0, 0],
        [0, 1],
        [1, 0],
      ],
      [1, 1, 1],
    ],
    ['depthwise', 1, 3, 3, 3, [4, 14], [3, 3], [1, 1], one, [1, 1]],
    ['depthwise, stride 2', 2, 8, 8, 8, [10, 21], [3, 3], [2, 2], one, [1, 1]],
    ['odd sizes, stride 2', 2, 5, 7, 1, [9, 11], [3, 3], [2, 2], one, [1, 1]],
    ['pointwise', 2, 5, 13, 1, [9, 30], [1, 1], [1, 1], none, [1, 1]],
    ['pointwise, stride 2', 1, 5, 13, 1, [9, 30], [1, 1], [2, 2], none, [1, 1]],
    [
      'seven by seven',
      1,
      3,
      8,
      1,
      [17, 19],
      [7, 7],
      [2, 2],
      [
        [3, 3],
        [3, 3],
      ],
      [1, 1],
    ],
    [
      'stride 3, dilation 2',
      1,
      8,
      16,
      2,
      [10, 10],
      [5, 5],
      [3, 3],
      [
        [2, 2],
        [2, 2],
      ],
      [2, 2],
    ],
    ['stride 4 along one axis', 3, 2, 4, 1, [50], [9], [4], [[4, 3]], [1]],
    [
      'padding beyond the reach',
      1,
      2,
      20,
      1,
      [7, 7],
      [3, 3],
      [1, 1],
      [
        [5, 5],
        [5, 5],
      ],
      [2, 2],
    ],
    ['one column left, rows with a stride', 2, 6, 6, 3, [11, 4], [3, 4], [2, 1], none, [1, 1]],
    [
      'one column left in three axes',
      1,
      2,
      3,
      1,
      [5, 4, 3],
      [2, 2, 3],
      [2, 1, 2],
      [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      [1, 1, 1],
    ],
    ['kernels smaller than the stride', 1, 2, 5, 1, [8, 8], [2, 2], [3, 3], none, [1, 1]],
    ['tiles of four', 1, 17, 19, 1, [20, 21], [3, 3], [1, 1], none, [1, 1]],
    [
      'tiles, uneven padding',
      2,
      16,
      16,
      1,
      [9, 22],
      [3, 3],
      [1, 1],
      [
        [2, 0],
        [1, 2],
      ],
      [1, 1],
    ],
    ['tiles of two', 1, 24, 24, 1, [11, 12], [3, 3], [1, 1], one, [1, 1]],
    ['many images', 14, 4, 5, 1, [28, 28], [3, 3], [1, 1], one, [1, 1]],
    ['strips of tiles', 2, 16, 12, 1, [30, 23], [3, 3], [1, 1], one, [1, 1]],
    ['positions through images', 5, 16, 34, 1, [7, 9], [3, 3], [2, 2], one, [1, 1]],
    ['images of whole vectors', 3, 33, 50, 1, [5, 13], [2, 2], [2, 2], none, [1, 1]],
    ['parts of images', 9, 4, 52, 2, [40, 31], [2, 3], [1, 2], none, [1, 1]],
  ];

  describe.each(cases)(
    'convolution: %s',
    (...[, images, channels, outChannels, groups, size, kernel, stride, padding, dilation]) => {
      const g: ConvGeometry = {
        images,
        channels,
        outChannels,
        groups,
        size,
        kernel,
        stride,
        padding,
        dilation,
        outSize: size.map((n, i) => {
          const room = n + padding[i]![0] + padding[i]![1] - (kernel[i]! - 1) * dilation[i]! - 1;
          return Math.floor(room / stride[i]!) + 1;
        }),
      };
      const perGroup = channels / groups;
      const rows = outChannels / groups;
      const [plane, outPlane, taps] = [product(size), product(g.outSize), product(kernel)];
      const counts = [
        images * channels * plane,
        outChannels * perGroup * taps,
        images * outChannels * outPlane,
      ];

      /** Calls back for each product that is part of the convolution: indices of input, kernel, output. */
      function visit(body: (x: number, w: number, y: number) => void): void {
        for (let e = 0; e < outPlane; e++) {
          for (let k = 0; k < taps; k++) {
            let [at, position, tap] = [0, e, k];
            const places: number[] = [];
            for (let d = size.length - 1; d >= 0; d--) {
              const p = (position % g.outSize[d]!) * stride[d]! + (tap % kernel[d]!) * dilation[d]!;
              places[d] = p - padding[d]![0];
              position = Math.floor(position / g.outSize[d]!);
              tap = Math.floor(tap / kernel[d]!);
            }
            if (places.some((p, d) => p < 0 || p >= size[d]!)) continue;
            places.forEach((p, d) => (at = at * size[d]! + p));
            for (let n = 0; n < images; n++) {
              for (let o = 0; o < outChannels; o++) {
                for (let c = 0; c < perGroup; c++) {
                  const channel = n * channels + Math.floor(o / rows) * perGroup + c;
                  body(
                    channel * plane + at,
                    (o * perGroup + c) * taps + k,
                    (n * outChannels + o) * outPlane + e,
                  );
                }
              }
            }
          }
        }
      }

      function check(result: number, depth: number, make: (pointers: number[]) => Routine): void {
        const { arrays, run } = instantiate(counts, make);
        const exact = new Float64Array(counts[result]!);
        const [x, w, y] = arrays as [Float32Array, Float32Array, Float32Array];
        visit((i, j, k) => {
          if (result === 0) exact[i]! += w[j]! * y[k]!;
          else if (result === 1) exact[j]! += x[i]! * y[k]!;
          else exact[k]! += x[i]! * w[j]!;
        });
        const got = arrays[result]!;
        got.fill(77);
        run(1);
        expectClose(got, exact, depth);
        const once = got.slice();
        got.fill(7);
        run(3);
        expect(got).toEqual(once);
      }

      it('forward', () => {
        check(2, perGroup * taps, ([x, w, y]) =>
          conv(
            {
              ...g,
              x: i32.const(x!),
              weight: i32.const(w!),
              store: storeMatrix(i32.const(y!), outPlane),
            },
            { simd, cacheBytes },
          ),
        );
      });

      it('transposed', () => {
        check(0, rows * taps, ([x, w, y]) =>
          convTranspose(
            {
              ...g,
              g: i32.const(y!),
              weight: i32.const(w!),
              store: storeMatrix(i32.const(x!), plane),
            },
            { simd, cacheBytes },
          ),
        );
      });

      it('gradient of the kernels', () => {
        check(1, images * outPlane, ([x, w, y]) =>
          convKernelGrad(
            {
              ...g,
              x: i32.const(x!),
              g: i32.const(y!),
              store: storeMatrix(i32.const(w!), perGroup * taps),
            },
            { simd, cacheBytes },
          ),
        );
      });
    },
  );
});
