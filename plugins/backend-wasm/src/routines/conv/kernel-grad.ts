/**
 * The gradient of convolution to its kernels: dot products along output positions between the output
 * gradient (rows) and the prepared input as each tap sees it (columns). A few images at a time, so that what
 * is read again and again stays in the cache; sums over the images are kept in scratch memory, in order.
 */
import { f32x4, i32, v128 } from '../../wasm/index.ts';
import type { FunctionBuilder, I32, Local, V128 } from '../../wasm/index.ts';
import { joinDepth, walkDepth } from '../depth.ts';
import type { DepthAxis } from '../depth.ts';
import { addLanes } from '../dots.ts';
import { aligned } from '../kernel.ts';
import type { KernelPlan, Routine } from '../kernel.ts';
import { evenParts, forParts, minimum, partStart, sharedParts } from '../parts.ts';
import type { StoreResult } from '../store.ts';
import { madd, plus } from '../target.ts';
import type { Target } from '../target.ts';
import { product, reachedPadding } from './geometry.ts';
import type { ConvGeometry } from './geometry.ts';
import { kernelGradByPanels, rowsForPanels } from './kernel-grad-panels.ts';
import { prepare, preparePlan } from './prepare.ts';
import type { PreparedLayout } from './prepare.ts';

export interface ConvKernelGradSpec extends ConvGeometry {
  readonly x: I32;
  /** Gradient of the output: [images, outChannels, ...outSize]. */
  readonly g: I32;
  /** Rows are output channels, columns input channels of the group x taps. */
  readonly store: StoreResult;
}

/** Bytes of operands that are read again and again in one go. */
const cachedBytes = 384 * 1024;
const wantedItems = 16;
/** Four columns make one vector of results. */
const lanes = 4;
const tileRows = 2;

export function convKernelGrad(spec: ConvKernelGradSpec, target: Target): Routine {
  const { images, channels, size, stride } = spec;
  const preparation = {
    planes: images * channels,
    size,
    padding: reachedPadding(spec),
    columnStride: stride.at(-1)!,
  };
  const layout = prepare(preparation);
  const plan = (x: I32): KernelPlan => grad(spec, layout, x, target);
  if (layout.bytes === 0) return { phases: [plan(spec.x)], shared: 0 };
  const sized = plan(i32.const(0));
  return {
    phases: [
      preparePlan(preparation, layout, spec.x, 0),
      { ...sized, emit: (f, b, e, s) => plan(s.shared).emit(f, b, e, s) },
    ],
    shared: layout.bytes,
  };
}

function grad(
  spec: ConvKernelGradSpec,
  layout: PreparedLayout,
  x: I32,
  target: Target,
): KernelPlan {
  const { images, channels, outChannels, groups, outSize, kernel, stride, store } = spec;
  const positions = product(outSize);
  const rows = outChannels / groups;
  const perGroup = channels / groups;
  const columns = perGroup * product(kernel);
  const last = outSize.length - 1;

  const rowTiles = evenParts(rows, tileRows);
  const columnTiles = Math.ceil(columns / lanes);
  const split = Math.ceil(wantedItems / groups);
  const blocks = sharedParts(columnTiles, Math.ceil(columnTiles / split), groups);
  const imageBytes = (perGroup * layout.channel + rows * positions) * 4;
  const imageParts = evenParts(images, Math.max(1, Math.floor(cachedBytes / imageBytes)));
  const sums = imageParts.count > 1 ? aligned(rows * blocks.largest * lanes * 4) : 0;

  // Positions of one image in elements, the last axis contiguous in both operands.
  const axes = joinDepth([
    ...outSize.slice(0, last).map((count, i) => ({
      count,
      a: product(outSize.slice(i + 1)),
      b: layout.strides[i]! * stride[i]!,
    })),
    { count: outSize[last]!, a: 1, b: 1 },
  ]);
  // In both: where the last axis has one position, the one before may be so in the gradient alone.
  const nearest = axes.at(-1);
  const together = nearest?.a === 1 && nearest.b === 1;
  const inner = together ? nearest.count : 1;
  const outer = (together ? axes.slice(0, -1) : axes).map((axis) => ({
    count: axis.count,
    a: axis.a * 4,
    b: (axis.b as number) * 4,
  }));

  if (rows >= rowsForPanels && columns >= 8 && images > 0) {
    return kernelGradByPanels(
      {
        ...{ images, groups, rows, columns, positions, store, outer, inner, x },
        g: spec.g,
        gGroup: rows * positions * 4,
        gImage: outChannels * positions * 4,
        xGroup: perGroup * layout.channel * 4,
        xImage: channels * layout.channel * 4,
        columnOffset: (f, column) => tapOffset(f, spec, layout, column, 0, columns),
      },
      target,
    );
  }

  const emit: KernelPlan['emit'] = (f, begin, end, { own }) => {
    f.for(begin, end, 1, (item) => {
      const group = f.local('i32', i32.divU(item, i32.const(blocks.count)));
      const block = f.local('i32', i32.remU(item, i32.const(blocks.count)));
      const firstTile = f.local('i32', partStart(f, blocks, block));
      const endTile = f.let(partStart(f, blocks, i32.add(block, i32.const(1))));
      const part = (count: number, firstImage: I32): void => {
        const image = f.let(firstImage);
        const ga = f.local(
          'i32',
          elementAt(spec.g, [
            [image, outChannels * positions],
            [group, rows * positions],
          ]),
        );
        const xa = f.local(
          'i32',
          elementAt(x, [
            [image, channels * layout.channel],
            [group, perGroup * layout.channel],
          ]),
        );
        const perImage = {
          count,
          a: outChannels * positions * 4,
          b: channels * layout.channel * 4,
        };
        f.for(firstTile, endTile, 1, (tile) => {
          const column = f.local('i32', i32.mul(tile, i32.const(lanes)));
          const pointers = [0, 1, 2, 3].map((lane) =>
            f.local('i32', i32.add(xa, tapOffset(f, spec, layout, column, lane, columns))),
          );
          forParts(f, rowTiles, i32.const(0), i32.const(rowTiles.count), (tall, start) => {
            const row = f.local('i32', start);
            const values = dotTile(f, target, {
              rows: tall,
              a: i32.add(ga, i32.mul(row, i32.const(positions * 4))),
              aRow: positions * 4,
              columns: pointers,
              depth: [perImage, ...outer],
              inner,
            });
            const results = (toStore: readonly V128[]): void =>
              toStore.forEach((value, r) => {
                const result = (count: number): void =>
                  store(f, {
                    value,
                    row: i32.add(i32.add(i32.mul(group, i32.const(rows)), row), i32.const(r)),
                    column,
                    lanes: count,
                  });
                const rest = columns % lanes;
                if (rest === 0) result(lanes);
                else if (columnTiles === 1) result(rest);
                else {
                  f.if(
                    i32.eq(tile, i32.const(columnTiles - 1)),
                    () => result(rest),
                    () => result(lanes),
                  );
                }
              });
            if (imageParts.count <= 1) {
              results(values);
              return;
            }
            const at = f.local(
              'i32',
              elementAt(own, [
                [i32.sub(tile, firstTile), rows * lanes],
                [row, lanes],
              ]),
            );
            const totals = values.map((value, r) =>
              f.local('v128', plus(target, v128.load(at, r * 16), value)),
            );
            f.if(
              i32.eq(i32.add(image, i32.const(count)), i32.const(images)),
              () => results(totals),
              () => totals.forEach((value, r) => f.store('v128', at, value, r * 16)),
            );
          });
        });
      };
      if (sums > 0) f.memoryFill(own, i32.const(0), i32.const(sums));
      if (images === 0) part(0, i32.const(0));
      else forParts(f, imageParts, i32.const(0), i32.const(imageParts.count), part);
    });
  };
  return { items: rows * columns === 0 ? 0 : groups * blocks.count, scratch: sums, emit };
}

/** An address plus multiples of elements. */
function elementAt(pointer: I32, steps: readonly (readonly [I32, number])[]): I32 {
  return steps.reduce(
    (at, [by, elements]) => i32.add(at, i32.mul(by, i32.const(elements * 4))),
    pointer,
  );
}

/** Bytes from the group's first channel to what tap `column + lane` reads for the first output position. */
function tapOffset(
  f: FunctionBuilder,
  { kernel, dilation, stride }: ConvGeometry,
  layout: PreparedLayout,
  column: I32,
  lane: number,
  columns: number,
): I32 {
  const taps = product(kernel);
  // Columns that do not exist read what the last one reads.
  const index = f.let(minimum(f, i32.add(column, i32.const(lane)), i32.const(columns - 1)));
  let offset = i32.mul(i32.divU(index, i32.const(taps)), i32.const(layout.channel));
  let rest = f.let(i32.remU(index, i32.const(taps)));
  const last = kernel.length - 1;
  for (let i = last; i >= 0; i--) {
    const here = i === 0 ? rest : f.let(i32.remU(rest, i32.const(kernel[i]!)));
    const at = i32.mul(here, i32.const(dilation[i]!));
    if (i < last) offset = i32.add(offset, i32.mul(at, i32.const(layout.strides[i]!)));
    else if (stride[i] === 1) offset = i32.add(offset, at);
    else {
      const padded = f.let(at);
      const s = i32.const(stride[i]!);
      const place = i32.mul(i32.remU(padded, s), i32.const(layout.pitch));
      offset = i32.add(offset, i32.add(place, i32.divU(padded, s)));
    }
    if (i > 0) rest = f.let(i32.divU(rest, i32.const(kernel[i]!)));
  }
  return i32.mul(offset, i32.const(4));
}

interface DotOperands {
  readonly rows: number;
  readonly a: I32;
  readonly aRow: number;
  readonly columns: readonly Local<'i32'>[];
  /** Axes around the contiguous one, in bytes. */
  readonly depth: readonly DepthAxis[];
  readonly inner: number;
}

/** For each row the products with four columns, as one vector. */
function dotTile(
  f: FunctionBuilder,
  target: Target,
  { rows, a, aRow, columns, depth, inner }: DotOperands,
): V128[] {
  const sums = Array.from({ length: rows }, () =>
    columns.map(() => f.local('v128', f32x4.const(0))),
  );
  const start = f.local('i32', a);
  const walk = (axes: readonly DepthAxis[], skip: number, mask?: V128): void =>
    f.scope(() => {
      const from = i32.add(start, i32.const(skip));
      const keep = (value: V128): V128 => f.let(mask === undefined ? value : v128.and(value, mask));
      walkDepth(f, from, i32.const(skip), axes, (pa, pb, aAt, bAt) => {
        const held = sums.map((_, r) => keep(v128.load(pa, r * aRow + aAt)));
        columns.forEach((pointer, c) => {
          const y = keep(v128.load(i32.add(pointer, pb), bAt));
          held.forEach((x, r) => f.set(sums[r]![c]!, madd(target, x, y, sums[r]![c]!)));
        });
      });
    });
  const whole = Math.floor(inner / 4);
  const rest = inner % 4;
  if (whole > 0) walk([...depth, { count: whole, a: 16, b: 16 }], 0);
  if (rest > 0) {
    // The lanes beyond the row are masked out in both: what lies there may be anything.
    const mask = v128.constI32x4(...[0, 1, 2, 3].map((lane) => (lane < rest ? -1 : 0)));
    walk(depth, whole * 16, f.let(mask));
  }
  return sums.map((list) => addLanes(f, target, list));
}
