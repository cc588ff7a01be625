/** Every way in which products and convolutions are computed, on odd shapes, against the cpu. */
import { cpu } from '@hebb/backend-cpu';
import {
  compile,
  conv,
  convKernelGrad,
  convTranspose,
  matmul,
  tensor,
  withBackend,
} from '@hebb/core';
import type { Backend, ConvAttrs, Tensor } from '@hebb/core';
import { webgpu } from '../src/index.ts';
import { gpu } from './software-gpu.ts';
import { adapterWith } from './spy.ts';

const filled = (shape: readonly number[], step = 0.37): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((p, n) => p * n, 1) }, (_, i) => Math.sin(i * step)),
    { shape: [...shape] },
  );

interface Case {
  /** More than half of the largest tile in both directions, or in one. */
  readonly large?: true;
  readonly tall?: true;
  readonly wide?: true;
  readonly shapes: readonly (readonly number[])[];
  readonly run: (...inputs: Tensor[]) => Tensor;
}
const window = (given: Partial<ConvAttrs>, rank = 2): ConvAttrs => ({
  stride: new Array<number>(rank).fill(1),
  padding: Array.from({ length: rank }, (): [number, number] => [0, 0]),
  dilation: new Array<number>(rank).fill(1),
  groups: 1,
  ...given,
});
const uneven: ConvAttrs = window({
  stride: [2, 1],
  padding: [
    [1, 1],
    [0, 2],
  ],
});
const same: ConvAttrs = window({
  padding: [
    [1, 1],
    [1, 1],
  ],
});
const halved: ConvAttrs = { ...same, stride: [2, 2] };

const cases: Readonly<Record<string, Case>> = {
  'odd sizes': {
    large: true,
    shapes: [
      [67, 19],
      [19, 71],
    ],
    run: (a, b) => matmul(a, b),
  },
  'sizes of whole vectors': {
    shapes: [
      [68, 24],
      [24, 72],
    ],
    run: (a, b) => matmul(a, b),
  },
  'a transposed left side': {
    large: true,
    shapes: [
      [24, 68],
      [24, 72],
    ],
    run: (a, b) => matmul(a, b, { transposeA: true }),
  },
  'a transposed right side': {
    shapes: [
      [66, 28],
      [70, 28],
    ],
    run: (a, b) => matmul(a, b, { transposeB: true }),
  },
  'both transposed, odd': {
    shapes: [
      [21, 67],
      [69, 21],
    ],
    run: (a, b) => matmul(a, b, { transposeA: true, transposeB: true }),
  },
  'broadcast batches': {
    shapes: [
      [3, 1, 9, 20],
      [2, 20, 12],
    ],
    run: (a, b) => matmul(a, b),
  },
  'few columns': {
    shapes: [
      [40, 32],
      [32, 3],
    ],
    run: (a, b) => matmul(a, b),
  },
  'a narrow result of a long sum': {
    shapes: [
      [12, 1030],
      [1030, 9],
    ],
    run: (a, b) => matmul(a, b),
  },
  'attached code that reads a side': {
    large: true,
    shapes: [[68, 68], [68, 68], [68]],
    run: (a, b, c) => matmul(a, b).add(c).tanh().mul(a),
  },
  'a square of itself': { shapes: [[72, 72]], run: (a) => matmul(a, a) },
  'more tiles than a band has': {
    large: true,
    shapes: [
      [300, 9],
      [9, 310],
    ],
    run: (a, b) => matmul(a, b),
  },
  'many rows, few columns': {
    tall: true,
    shapes: [
      [150, 21],
      [21, 31],
    ],
    run: (a, b) => matmul(a, b).exp(),
  },
  'few rows, many columns': {
    wide: true,
    shapes: [
      [19, 21],
      [21, 150],
    ],
    run: (a, b) => matmul(a, b).exp(),
  },
  'windows with padding': {
    large: true,
    shapes: [
      [2, 5, 9, 8],
      [66, 5, 3, 3],
    ],
    run: (x, w) => conv(x, w, same).exp(),
  },
  'windows in strides': {
    shapes: [
      [2, 4, 9, 7],
      [12, 4, 3, 2],
    ],
    run: (x, w) => conv(x, w, uneven),
  },
  'one pixel': {
    shapes: [
      [1, 12, 1, 1],
      [20, 12, 3, 3],
    ],
    run: (x, w) => conv(x, w, same),
  },
  'taps of one pixel': {
    shapes: [
      [2, 12, 6, 6],
      [20, 12, 1, 1],
    ],
    run: (x, w) => conv(x, w, window({})),
  },
  'groups and dilation': {
    shapes: [
      [2, 6, 9, 9],
      [4, 3, 2, 2],
    ],
    run: (x, w) => conv(x, w, window({ groups: 2, dilation: [2, 3] })),
  },
  'a channel each': {
    shapes: [
      [2, 6, 8, 8],
      [6, 1, 3, 3],
    ],
    run: (x, w) => conv(x, w, { ...same, groups: 6 }),
  },
  'one axis': {
    shapes: [
      [2, 3, 30],
      [9, 3, 5],
    ],
    run: (x, w) => conv(x, w, window({ stride: [3], padding: [[2, 1]] }, 1)),
  },
  'three axes': {
    shapes: [
      [1, 2, 4, 5, 6],
      [9, 2, 2, 3, 2],
    ],
    run: (x, w) => conv(x, w, window({}, 3)),
  },
  'transposed in strides': {
    shapes: [
      [2, 10, 5, 4],
      [10, 9, 3, 3],
    ],
    run: (y, w) => convTranspose(y, w, { ...halved, size: [9, 8] }).tanh(),
  },
  'transposed, strides beyond taps': {
    shapes: [
      [1, 8, 3, 3],
      [8, 9, 1, 2],
    ],
    run: (y, w) => convTranspose(y, w, { ...window({ stride: [2, 3] }), size: [6, 8] }),
  },
  'transposed, dilated and grouped': {
    shapes: [
      [2, 6, 5, 5],
      [6, 4, 2, 2],
    ],
    run: (y, w) =>
      convTranspose(y, w, { ...window({ groups: 2, dilation: [2, 1] }), size: [7, 6] }),
  },
  'strides and dilations, transposed': {
    shapes: [
      [1, 8, 3, 3],
      [8, 9, 2, 2],
    ],
    run: (y, w) =>
      convTranspose(y, w, { ...window({ stride: [2, 2], dilation: [2, 3] }), size: [7, 8] }),
  },
  'gradient of the taps': {
    shapes: [
      [3, 8, 9, 8],
      [3, 66, 9, 8],
    ],
    run: (x, y) => convKernelGrad(x, y, { ...same, size: [3, 3] }),
  },
  'gradient of the taps in strides and groups': {
    shapes: [
      [3, 4, 9, 7],
      [3, 18, 5, 8],
    ],
    run: (x, y) => convKernelGrad(x, y, { ...uneven, groups: 2, size: [3, 2] }),
  },
};

const valuesOn = (backend: Backend, names: readonly string[]): Promise<Record<string, number[]>> =>
  withBackend(backend, async () => {
    const found: Record<string, number[]> = {};
    for (const name of names) {
      const { shapes, run } = cases[name]!;
      const inputs = shapes.map((shape, i) => filled(shape, 0.37 + 0.2 * i));
      const result = (await compile((...given: Tensor[]) => [run(...given)])(...inputs))[0]!;
      found[name] = Array.from(await result.data(), Number);
    }
    return found;
  });

const wanted = valuesOn(cpu(), Object.keys(cases));

describe.each([
  ['patches', false],
  ['huge', true],
  ['large', true],
  ['medium', true],
  ['tall', true],
  ['wide', true],
])('%s, as on a card: %s', (variant, asCard) => {
  const own = Object.keys(cases).filter((name) => {
    const { large = false, tall = false, wide = false } = cases[name]!;
    if (variant === 'tall') return tall;
    if (variant === 'wide') return wide;
    return variant === 'patches' || (variant === 'medium' ? !tall && !wide : large);
  });
  let found: Promise<Record<string, number[]>>;
  beforeAll(async () => {
    const backend = await webgpu({
      adapter: await adapterWith(() => undefined, { asCard }),
      gpu: gpu(),
      autotune: {
        // As if it had been measured before.
        storage: { getItem: () => variant, setItem: () => undefined },
        measure: () => Promise.reject(new Error(`there is no ${variant}`)),
      },
    });
    found = valuesOn(backend, own);
    await found;
    await backend.dispose?.();
  });

  it.each(own)('%s', async (name) => {
    const [got, right] = [(await found)[name]!, (await wanted)[name]!];
    expect(got).toHaveLength(right.length);
    got.forEach((x, j) => {
      const tolerance = 1e-4 * Math.max(1, Math.abs(right[j]!));
      if (!(Math.abs(x - right[j]!) <= tolerance)) expect([j, x]).toEqual([j, right[j]]);
    });
  });
});
