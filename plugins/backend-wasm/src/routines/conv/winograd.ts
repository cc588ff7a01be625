/**
 * 3 x 3 convolution with stride 1 by Winograd's minimal filtering: tiles of the input and the kernels are
 * transformed, one matrix product for each of their (m + 2)² values does the work with 2.25 or 4 times fewer
 * multiplications, and tiles of the output are transformed back.
 */
import { i32, shuffle32, v128 } from '../../wasm/index.ts';
import type { FunctionBuilder, I32, V128 } from '../../wasm/index.ts';
import { aligned } from '../kernel.ts';
import type { KernelPlan, Routine } from '../kernel.ts';
import { matmul } from '../matmul.ts';
import { gatherLanes, transpose4 } from '../pack.ts';
import { storeMatrix } from '../store.ts';
import type { StoreResult } from '../store.ts';
import type { Target } from '../target.ts';
import { prepare, preparePlan } from './prepare.ts';
import {
  inputSize,
  transformInput,
  transformKernel,
  transformOutput,
  transformSquare,
} from './winograd-transforms.ts';
import type { TileSize } from './winograd-transforms.ts';

export interface WinogradSpec {
  readonly images: number;
  /** Input channels and output channels of this correlation. */
  readonly channels: number;
  readonly rows: number;
  readonly x: I32;
  readonly size: readonly [number, number];
  /** Zeros before each axis; behind there are as many as the result needs. */
  readonly low: readonly [number, number];
  readonly outSize: readonly [number, number];
  /** Elements of the kernels: of tap 0 of the first, between rows, channels and taps. */
  readonly kernel: I32;
  readonly kernelRow: number;
  readonly kernelChannel: number;
  readonly kernelTap: number;
  readonly store: StoreResult;
}

const lanes = 4;
/** Working memory beyond which the transformed values would push everything else out. */
const mostBytes = 96 * 1024 * 1024;

interface Tiles {
  readonly m: TileSize;
  readonly down: number;
  readonly across: number;
  /** Tiles of all images. */
  readonly count: number;
}

function tilesOf({ images, outSize: [h, w] }: WinogradSpec, m: TileSize): Tiles {
  const [down, across] = [Math.ceil(h / m), Math.ceil(w / m)];
  return { m, down, across, count: images * down * across };
}

/** Multiplications a cycle that register tiles reach. */
const rate = 6.5;
/** Transformed input and products of a strip: they stay in the last cache. */
const usualStripBytes = 16 * 2 ** 20;

/** Cycles, roughly: multiplications, the transforms' instructions, and kernels on their way from memory. */
function cost({ channels, rows, images, size }: WinogradSpec, { m, count }: Tiles): number {
  const values = inputSize(m) ** 2;
  const products = (values * channels * rows * count) / rate;
  const transforms = (m === 2 ? 14 : 30) * (channels + rows) * count;
  const kernels = ((m === 2 ? 24 : 44) + 0.3 * values) * channels * rows;
  return products + transforms + kernels + images * channels * size[0] * size[1];
}

/** The tile size that is worth it, if any. */
export function winogradTile(spec: WinogradSpec): TileSize | undefined {
  const { channels, rows, images, outSize } = spec;
  const direct = (9 * channels * rows * images * outSize[0] * outSize[1]) / rate;
  let best: TileSize | undefined;
  let lowest = direct * 0.85;
  for (const m of [2, 4] as const) {
    const tiles = tilesOf(spec, m);
    const bytes = 4 * inputSize(m) ** 2 * tiles.count * (channels + rows);
    if (tiles.across < lanes || bytes > mostBytes || channels < 8 || rows < 8) continue;
    const estimate = cost(spec, tiles);
    if (estimate < lowest) {
      lowest = estimate;
      best = m;
    }
  }
  return best;
}

/** Matrices of equal size, one for each value of a tile; the distance between them in elements. */
interface Matrices {
  readonly at: number;
  readonly step: number;
}

/** A cache line between them: at distances of a power of two they would share few sets of the cache. */
const matrices = (at: number, size: number): Matrices => ({
  at,
  step: Math.ceil(size / 16) * 16 + 16,
});
const end = ({ at, step }: Matrices, count: number): number => at + aligned(count * step * 4);

export function winograd(spec: WinogradSpec, m: TileSize, target: Target): Routine {
  const { images, channels, rows, size, low, store } = spec;
  const tiles = tilesOf(spec, m);
  const n = inputSize(m);
  const values = n * n;
  const preparation = {
    planes: images * channels,
    size,
    padding: [0, 1].map((axis): [number, number] => {
      const covered = (axis === 0 ? tiles.down : tiles.across) * m + 2;
      return [low[axis]!, Math.max(0, covered - size[axis]! - low[axis]!)];
    }),
    columnStride: 1,
  };
  const layout = prepare(preparation);
  // Kernels, input and products, one after the other behind the prepared input.
  const kernels = matrices(layout.bytes, rows * channels);
  // Lines of tiles in strips: input and products of one strip at a time are in memory.
  const bytes = 4 * values * tiles.count * (channels + rows);
  const strips = inStrips(tiles, images, Math.ceil(bytes / (target.cacheBytes ?? usualStripBytes)));
  const largest = strips[0]!.tiles.count;
  const inputs = matrices(end(kernels, values), channels * largest);
  const products = matrices(end(inputs, values), rows * largest);

  const product = (at: I32, { count }: Tiles): KernelPlan =>
    matmul(
      {
        batch: [values],
        m: rows,
        n: count,
        k: channels,
        a: {
          pointer: i32.add(at, i32.const(kernels.at)),
          batch: [kernels.step],
          row: channels,
          column: 1,
        },
        b: {
          pointer: i32.add(at, i32.const(inputs.at)),
          batch: [inputs.step],
          row: count,
          column: 1,
        },
        store: storeMatrix(i32.add(at, i32.const(products.at)), count, {
          rows,
          step: products.step,
        }),
      },
      target,
    );
  return {
    shared: end(products, values),
    phases: [
      ...(layout.bytes === 0 ? [] : [preparePlan(preparation, layout, spec.x, 0)]),
      kernelPhase(spec, m, target, kernels),
      ...strips.flatMap((strip): KernelPlan[] => [
        inputPhase(spec, strip, layout, target, inputs),
        {
          ...product(i32.const(0), strip.tiles),
          emit: (f, b, e, s) => product(s.shared, strip.tiles).emit(f, b, e, s),
        },
        outputPhase(spec, strip, target, products, store),
      ]),
    ],
  };
}

/** Some lines of tiles of every image. */
interface Strip {
  readonly first: number;
  readonly tiles: Tiles;
}

/** Of equal height, the last one perhaps lower. */
function inStrips(tiles: Tiles, images: number, count: number): Strip[] {
  const height = Math.max(1, Math.ceil(tiles.down / Math.max(1, count)));
  const strips: Strip[] = [];
  for (let first = 0; first < tiles.down || first === 0; first += height) {
    const down = Math.min(height, tiles.down - first);
    strips.push({ first, tiles: { ...tiles, down, count: images * down * tiles.across } });
  }
  return strips;
}

/** [value][row][channel]; items are rows. */
function kernelPhase(spec: WinogradSpec, m: TileSize, target: Target, to: Matrices): KernelPlan {
  const { channels, rows, kernelRow, kernelChannel, kernelTap } = spec;
  const emit: KernelPlan['emit'] = (f, begin, end, { shared }) => {
    f.for(begin, end, 1, (row) => {
      const from = f.local('i32', i32.add(spec.kernel, i32.mul(row, i32.const(kernelRow * 4))));
      const out = f.local(
        'i32',
        i32.add(i32.add(shared, i32.const(to.at)), i32.mul(row, i32.const(channels * 4))),
      );
      const some = (count: number): void => {
        const pointers = Array.from({ length: lanes }, (_, lane) =>
          f.local('i32', i32.add(from, i32.const(Math.min(lane, count - 1) * kernelChannel * 4))),
        );
        const taps = [0, 1, 2].map((i) =>
          [0, 1, 2].map((j) => {
            const offset = (i * 3 + j) * kernelTap * 4;
            // Offsets of loads are not negative.
            return gatherLanes(
              f,
              offset < 0 ? pointers.map((p) => f.let(i32.add(p, i32.const(offset)))) : pointers,
              Math.max(0, offset),
            );
          }),
        );
        transformSquare(f, target, transformKernel[m], taps)
          .flat()
          .forEach((value, p) => {
            const at = p * to.step * 4;
            if (count === lanes) f.store('v128', out, value, at);
            else
              for (let lane = 0; lane < count; lane++)
                f.storeLane(32, out, value, lane, at + lane * 4);
          });
        f.advance(from, count * kernelChannel * 4);
        f.advance(out, count * 4);
      };
      const whole = Math.floor(channels / lanes);
      if (whole > 0) f.for(i32.const(0), i32.const(whole), 1, () => some(lanes));
      if (channels % lanes > 0) f.scope(() => some(channels % lanes));
    });
  };
  return { items: rows, scratch: 0, emit };
}

/**
 * The groups of four neighbouring tiles of a row: whole groups in a loop, then the last four once more, of
 * which only the last `fresh` are new.
 */
function eachGroup(
  f: FunctionBuilder,
  across: number,
  body: (first: I32, fresh: number) => void,
): void {
  const whole = Math.floor(across / lanes);
  const rest = across % lanes;
  const loop = rest === 0 ? whole - 1 : whole;
  if (loop > 0) f.for(i32.const(0), i32.const(loop * lanes), lanes, (first) => body(first, lanes));
  f.scope(() => body(i32.const(across - lanes), rest === 0 ? lanes : rest));
}

/** Rows of the input that four tiles read, as vectors over the tiles. */
function loadRow(f: FunctionBuilder, m: TileSize, at: I32, offset: number): V128[] {
  const load = (column: number): V128 => f.let(v128.load(at, offset + column * 4));
  if (m === 2) {
    const pick = (a: V128, b: V128, first: number): V128 =>
      f.let(shuffle32(a, b, [first, first + 2, first + 4, first + 6]));
    const [a, b, c, d] = [load(0), load(4), load(2), load(6)];
    return [pick(a, b, 0), pick(a, b, 1), pick(c, d, 0), pick(c, d, 1)];
  }
  const first = transpose4(f, [load(0), load(4), load(8), load(12)]).map((x) => f.let(x));
  const [e, g] = transpose4(f, [load(4), load(8), load(12), load(16)]) as [V128, V128];
  return [...first, f.let(e), f.let(g)];
}

/** [value][channel][tile]; items are channels of images. */
function inputPhase(
  spec: WinogradSpec,
  { first: firstLine, tiles }: Strip,
  layout: { readonly bytes: number; readonly strides: readonly number[]; readonly channel: number },
  target: Target,
  to: Matrices,
): KernelPlan {
  const { images, channels } = spec;
  const { m, down, across, count } = tiles;
  const pitch = layout.strides[0]! * 4;
  const emit: KernelPlan['emit'] = (f, begin, end, { shared }) => {
    const source = f.let(layout.bytes === 0 ? spec.x : shared);
    const target0 = f.let(i32.add(shared, i32.const(to.at)));
    f.for(begin, end, 1, (plane) => {
      const image = i32.divU(plane, i32.const(channels));
      const channel = i32.remU(plane, i32.const(channels));
      const start = i32.add(source, i32.const(firstLine * m * pitch));
      const from = f.local('i32', i32.add(start, i32.mul(plane, i32.const(layout.channel * 4))));
      const tile = i32.add(
        i32.mul(channel, i32.const(count)),
        i32.mul(image, i32.const(down * across)),
      );
      const out = f.local('i32', i32.add(target0, i32.mul(tile, i32.const(4))));
      f.for(i32.const(0), i32.const(down), 1, () => {
        eachGroup(f, across, (first) => {
          const at = f.local('i32', i32.add(from, i32.mul(first, i32.const(m * 4))));
          const square = Array.from({ length: inputSize(m) }, (_, i) =>
            loadRow(f, m, at, i * pitch),
          );
          const place = f.local('i32', i32.add(out, i32.mul(first, i32.const(4))));
          transformSquare(f, target, transformInput[m], square)
            .flat()
            .forEach((value, p) => f.store('v128', place, value, p * to.step * 4));
        });
        f.advance(from, m * pitch);
        f.advance(out, across * 4);
      });
    });
  };
  return { items: images * channels, scratch: 0, emit };
}

/** Items are output channels of images. */
function outputPhase(
  spec: WinogradSpec,
  { first: firstLine, tiles }: Strip,
  target: Target,
  from: Matrices,
  store: StoreResult,
): KernelPlan {
  const { images, rows, outSize } = spec;
  const { m, down, across, count } = tiles;
  const [height, width] = outSize;
  const n = inputSize(m);
  const emit: KernelPlan['emit'] = (f, begin, end, { shared }) => {
    const source = f.let(i32.add(shared, i32.const(from.at)));
    f.for(begin, end, 1, (plane) => {
      const image = i32.divU(plane, i32.const(rows));
      const row = i32.remU(plane, i32.const(rows));
      const tile = i32.add(
        i32.mul(row, i32.const(count)),
        i32.mul(image, i32.const(down * across)),
      );
      const at = f.local('i32', i32.add(source, i32.mul(tile, i32.const(4))));
      f.for(i32.const(0), i32.const(down), 1, (ty) => {
        const top = f.local('i32', i32.mul(i32.add(ty, i32.const(firstLine)), i32.const(m)));
        eachGroup(f, across, (first, fresh) => {
          const here = f.local('i32', i32.add(at, i32.mul(first, i32.const(4))));
          const square = Array.from({ length: n }, (_, i) =>
            Array.from({ length: n }, (_, j) =>
              f.let(v128.load(here, (i * n + j) * from.step * 4)),
            ),
          );
          const outputs = transformSquare(f, target, transformOutput[m], square);
          // The last tile of a row may stand out over the border: only in the last group.
          const last = first.constant !== undefined;
          const over = last ? across * m - width : 0;
          outputs.forEach((list, i) => {
            const line = i32.add(top, i32.const(i));
            const write = (): void =>
              storeTiles(f, m, list, fresh, over, (value, column, wide) =>
                store(f, {
                  value,
                  row: plane,
                  column: i32.add(
                    i32.mul(line, i32.const(width)),
                    i32.add(i32.mul(first, i32.const(m)), i32.const(column)),
                  ),
                  lanes: wide,
                }),
              );
            if (height % m === 0 || i === 0) write();
            else f.if(i32.ltS(line, i32.const(height)), write);
          });
        });
        f.advance(at, across * 4);
      });
    });
  };
  return { items: images * rows, scratch: 0, emit };
}

/** One row of outputs of four tiles, as vectors of neighbouring columns; only the last `fresh` tiles. */
function storeTiles(
  f: FunctionBuilder,
  m: TileSize,
  row: readonly V128[],
  fresh: number,
  over: number,
  store: (value: V128, column: number, wide: number) => void,
): void {
  const old = lanes - fresh;
  if (m === 4) {
    transpose4(f, row).forEach((value, tile) => {
      const wide = tile === lanes - 1 ? 4 - over : 4;
      if (tile >= old) store(f.let(value), tile * 4, wide);
    });
    return;
  }
  const [a, b] = row as [V128, V128];
  [0, 1].forEach((pair) => {
    const value = f.let(shuffle32(a, b, pair === 0 ? [0, 4, 1, 5] : [2, 6, 3, 7]));
    const wide = pair === 1 ? 4 - over : 4;
    if (2 * pair >= old) store(value, pair * 4, wide);
    else if (2 * pair + 1 >= old) {
      store(f.let(shuffle32(value, value, [2, 3, 2, 3])), pair * 4 + 2, wide - 2);
    }
  });
}
