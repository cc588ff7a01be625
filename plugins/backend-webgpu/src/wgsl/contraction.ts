/**
 * Matrix products and convolutions of floats, added up in float32: which of several ways a kernel is computed in.
 * A graphics processor takes tiles in workgroup memory; where a processor does as if it were one, barriers are dear
 * and memory is cached anyway, and patches read from where things are.
 */
import type { RoutineKernel } from '@hebb/compiler';
import { sizeOf } from '@hebb/core';
import type { DType } from '@hebb/core';
import type { Dispatch } from './loop.ts';
import { patchDispatch } from './patches.ts';
import type { Patch } from './patches.ts';
import { hasProduct, productOf } from './product.ts';
import type { Product } from './product.ts';
import type { Shader } from './shader.ts';
import { tileDispatch } from './tiles.ts';
import type { Tile } from './tiles.ts';
import type { Choice } from '../tuning.ts';

const contractions = new Set(['matmul', 'conv', 'convTranspose', 'convKernelGrad']);

/** Types whose products add up in float32. */
const isTiledType = (dtype: DType): boolean =>
  dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16';

/** Whether the kernel is computed here; what is too small is left to loops. */
export function isTiled(kernel: RoutineKernel, isSoftware: boolean): boolean {
  const { op, results, inputs } = kernel;
  if (!contractions.has(op) || !isTiledType(results[0]!.dtype) || !hasProduct(kernel)) return false;
  if (sizeOf(results[0]!.shape) === 0 || inputs.some(({ shape }) => sizeOf(shape) === 0))
    return false;
  const { m, n, k } = productOf(kernel);
  if (!isSoftware) return m >= 8 && n >= 8 && k >= 4;
  // Products of few rows have kernels of their own.
  return op === 'matmul' ? m >= 8 && k >= 4 : true;
}

const tiles = {
  huge: { rows: 128, columns: 128, depth: 8, own: [8, 8], ahead: true },
  large: { rows: 64, columns: 64, depth: 16, own: [4, 4], ahead: true },
  medium: { rows: 32, columns: 32, depth: 16, own: [2, 2], ahead: false },
  tall: { rows: 128, columns: 32, depth: 8, own: [8, 2], ahead: true },
  wide: { rows: 32, columns: 128, depth: 16, own: [2, 8], ahead: true },
} as const satisfies Record<string, Tile>;
type TileName = keyof typeof tiles;

/**
 * A larger tile computes more with what it reads: by its side's half in products for each number. It is taken if
 * there are enough of them to fill a device.
 */
function tileFor({ batch, m, n }: Product): TileName {
  const count = ({ rows, columns }: Tile): number =>
    batch * Math.ceil(m / rows) * Math.ceil(n / columns);
  if (count(tiles.huge) >= 128 && m > 64 && n > 64) return 'huge';
  return count(tiles.large) >= 64 && m > 32 && n > 32 ? 'large' : 'medium';
}

/**
 * The patch for a processor: what its loads and products cost, in units of one product of four lanes. A call is
 * thought to be made a few dozen times, since shaders take their time to compile.
 */
function patchFor({ batch, m, n, k }: Product): Patch {
  const [load, turn, compiling, calls] = [9, 2, 5e5, 30];
  let best: Patch | undefined;
  let least = Infinity;
  for (const rows of [1, 2, 4, 8]) {
    for (const columns of [1, 2, 4, 8]) {
      if (rows >= 2 * m || columns >= 2 * n) continue;
      for (const steps of [4, 8]) {
        const items = batch * Math.ceil(m / rows) * Math.ceil(n / columns);
        const products = rows * columns;
        const each = k * (load * (rows + columns) + products + (turn * products) / steps);
        // Four lanes, two processors at least.
        const cost =
          calls * Math.max(2, items / 4) * each + compiling * Math.min(k, steps) * products;
        if (cost < least) [best, least] = [{ rows, columns, steps }, cost];
      }
    }
  }
  return best!;
}

/** The way that is likely the best, and what else a device may be faster with. */
export function contractionDispatches(kernel: RoutineKernel, newShader: () => Shader): Dispatch[] {
  const p = productOf(kernel);
  const { batch, m, n, k } = p;
  const shader = newShader();
  const ways: Record<string, (to: Shader) => Dispatch> = {};
  const usual = tileFor(p);
  const patch = patchFor(p);
  const patches = (to: Shader): Dispatch => patchDispatch(kernel, p, to, patch);
  if (shader.isSoftware) ways['patches'] = patches;
  for (const name of Object.keys(tiles) as TileName[]) {
    const tile = tiles[name];
    // Half-empty tiles need no measurement, nor long ones where there is room for square ones.
    if (name !== usual && (m <= tile.rows / 2 || n <= tile.columns / 2)) continue;
    if (tile.rows !== tile.columns && m > 32 && n > 32) continue;
    if (m >= 8 && n >= 8 && k >= 4) ways[name] = (to) => tileDispatch(kernel, p, to, tile);
  }
  if (!shader.isSoftware) ways['patches'] = patches;
  const made = ways[shader.isSoftware ? 'patches' : usual]!(shader);
  const rounded = [batch, m, n, k].map((size) => 2 ** Math.ceil(Math.log2(size)));
  const byColumns = kernel.op === 'matmul' && isByColumns(kernel) ? ' columns' : '';
  const choice: Choice = {
    key: `${kernel.op} ${kernel.results[0]!.dtype} ${rounded.join('x')}${byColumns}`,
    flops: 2 * batch * m * n * k,
    variants: Object.fromEntries(
      Object.entries(ways).map(([name, make]) => [name, () => make(newShader())]),
    ),
  };
  return [{ ...made, choice }];
}

/** Whether neighbours in memory of a product's left side are along its rows. */
function isByColumns({ inputs }: RoutineKernel): boolean {
  const { strides } = inputs[0]!;
  return Math.abs(strides.at(-2)!) < Math.abs(strides.at(-1)!);
}
