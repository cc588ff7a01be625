/**
 * Correlation of prepared images with kernels, computed without an intermediate matrix: a register tile of
 * output channels x neighbouring output columns walks input channels and taps.
 */
import { i32 } from '../../wasm/index.ts';
import type { FunctionBuilder, I32 } from '../../wasm/index.ts';
import type { DepthAxis } from '../depth.ts';
import type { KernelPlan } from '../kernel.ts';
import { evenParts, forParts, partStart, sharedParts } from '../parts.ts';
import { emitTile, maxRows, widestTile } from '../tile.ts';
import { storeRow } from '../store.ts';
import type { StoreResult } from '../store.ts';
import type { Target } from '../target.ts';

export interface CorrelationSpec {
  readonly images: number;
  readonly groups: number;
  /** Output channels of one group. */
  readonly rows: number;
  /** Kernels; elements between output channels; groups follow each other without a gap. */
  readonly a: I32;
  readonly aRow: number;
  /** Prepared input, at the element that tap 0 reads for output 0; elements between images and groups. */
  readonly x: I32;
  readonly xImage: number;
  readonly xGroup: number;
  /** Output positions, the last axis contiguous in the prepared input; elements between the others. */
  readonly size: readonly number[];
  readonly strides: readonly number[];
  /** Input channels, then taps. */
  readonly depth: readonly DepthAxis[];
  readonly store: StoreResult;
  /** Where the results of a line go when they are not all positions in order. */
  readonly place?: { lineStart(f: FunctionBuilder, line: I32): I32; readonly step: number };
}

/** Bytes of input that one block of lines may read: most of it stays in the second-level cache. */
const blockBytes = 192 * 1024;
const wantedItems = 16;

export function correlation(spec: CorrelationSpec, target: Target): KernelPlan {
  const { images, groups, rows, a, aRow, x, xImage, xGroup, size, strides, depth, store } = spec;
  const columns = size.at(-1)!;
  const lines = size.slice(0, -1).reduce((product, n) => product * n, 1);
  const rowTiles = evenParts(rows, maxRows);
  const vectors = Math.ceil(columns / 4);
  const tileVectors = Math.min(widestTile(rowTiles.largest), vectors);
  const whole = Math.floor(columns / (tileVectors * 4));
  const lastColumns = columns - whole * tileVectors * 4;

  const lineBytes = (xGroup / Math.max(1, lines)) * 4;
  const byCache = Math.max(1, Math.floor(blockBytes / Math.max(1, lineBytes)));
  const blocks = evenParts(lines, byCache);
  // Where that leaves few items, each takes a part of the output channels: kernels are read once still.
  const split = Math.ceil(wantedItems / Math.max(1, images * groups * blocks.count));
  const most = Math.ceil(rowTiles.count / split);
  const rowBlocks = sharedParts(rowTiles.count, most, images * groups * blocks.count);
  const perPlane = blocks.count * rowBlocks.count;

  const emit: KernelPlan['emit'] = (f, begin, end) => {
    f.for(begin, end, 1, (item) => {
      const rest = f.local('i32', i32.remU(item, i32.const(perPlane)));
      const plane = f.local('i32', i32.divU(item, i32.const(perPlane)));
      const rowBlock = f.local('i32', i32.remU(rest, i32.const(rowBlocks.count)));
      const block = f.local('i32', i32.divU(rest, i32.const(rowBlocks.count)));
      const group = f.local('i32', i32.remU(plane, i32.const(groups)));
      const image = i32.divU(plane, i32.const(groups));
      const source = f.local(
        'i32',
        i32.add(
          x,
          i32.mul(
            i32.add(i32.mul(image, i32.const(xImage)), i32.mul(group, i32.const(xGroup))),
            i32.const(4),
          ),
        ),
      );
      const kernels = f.local('i32', i32.add(a, i32.mul(group, i32.const(rows * aRow * 4))));
      const firstRow = f.local('i32', i32.mul(plane, i32.const(rows)));
      const firstLine = f.let(partStart(f, blocks, block));
      const endLine = f.let(partStart(f, blocks, i32.add(block, i32.const(1))));

      const firstTile = f.let(partStart(f, rowBlocks, rowBlock));
      const endTile = f.let(partStart(f, rowBlocks, i32.add(rowBlock, i32.const(1))));
      forParts(f, rowTiles, firstTile, endTile, (count, firstOfTile) => {
        const row = f.local('i32', i32.add(firstRow, firstOfTile));
        const from = f.local('i32', i32.add(kernels, i32.mul(firstOfTile, i32.const(aRow * 4))));
        f.for(firstLine, endLine, 1, (line) => {
          const at = f.local(
            'i32',
            i32.add(source, i32.mul(linePosition(f, size, strides, line), i32.const(4))),
          );
          const { place } = spec;
          const start = place?.lineStart(f, line) ?? i32.mul(line, i32.const(columns));
          const lineStart = f.local('i32', start);
          const step = place?.step ?? 1;
          const tile = (column: I32, wide: number): void => {
            const sums = emitTile(f, target, count, Math.ceil(wide / 4), {
              a: from,
              aRow: aRow * 4,
              b: i32.add(at, i32.mul(column, i32.const(4))),
              depth,
            });
            sums.forEach((list, r) =>
              storeRow(
                f,
                store,
                list.map((value, j) => ({
                  value,
                  row: i32.add(row, i32.const(r)),
                  column: i32.add(
                    lineStart,
                    i32.mul(i32.add(column, i32.const(j * 4)), i32.const(step)),
                  ),
                  lanes: Math.min(4, wide - j * 4),
                  step,
                })),
              ),
            );
          };
          const width = tileVectors * 4;
          if (whole === 1) tile(i32.const(0), width);
          else if (whole > 1) {
            f.for(i32.const(0), i32.const(whole * width), width, (column) => tile(column, width));
          }
          if (lastColumns > 0) f.scope(() => tile(i32.const(whole * width), lastColumns));
        });
      });
    });
  };
  const empty = rows === 0 || columns === 0 || lines === 0;
  return { items: empty ? 0 : images * groups * perPlane, scratch: 0, emit };
}

/** Elements from position 0 to the start of a line, through the coordinates of the outer axes. */
export function linePosition(
  f: FunctionBuilder,
  size: readonly number[],
  strides: readonly number[],
  line: I32,
): I32 {
  let position: I32 = i32.const(0);
  let rest = line;
  for (let i = size.length - 2; i >= 0; i--) {
    const here = i === 0 ? rest : f.let(i32.remU(rest, i32.const(size[i]!)));
    position = i32.add(position, i32.mul(here, i32.const(strides[i]!)));
    if (i > 0) rest = f.let(i32.divU(rest, i32.const(size[i]!)));
  }
  return position;
}
