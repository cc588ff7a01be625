/**
 * Correlation of prepared images as a matrix product: what each output position reads is packed into panels,
 * [input channels x taps][positions], positions counted through all images, so that lines that are no
 * multiple of a register tile waste nothing. Pays where a panel is read by many output channels.
 */
import { i32, v128 } from '../../wasm/index.ts';
import type { FunctionBuilder, I32, Local } from '../../wasm/index.ts';
import { walkDepth } from '../depth.ts';
import { aligned } from '../kernel.ts';
import type { KernelPlan } from '../kernel.ts';
import { gatherLanes } from '../pack.ts';
import { evenParts, forParts, minimum, partStart, sharedParts } from '../parts.ts';
import type { Target } from '../target.ts';
import { storeRow } from '../store.ts';
import { emitTile, maxRows, widestTile } from '../tile.ts';
import { linePosition } from './direct.ts';
import type { CorrelationSpec } from './direct.ts';

const packedBytes = 256 * 1024;
const wantedItems = 16;
/** With fewer output channels a packed panel is read too seldom. */
const rowsForPanels = 32;
/** Below, finding the positions costs too much; above, the rows of a tile leave the first-level cache. */
const [fewestSteps, mostSteps] = [128, 1280];
/** Of the lanes of whole tiles that a line of output fills: with more, lines serve as they are. */
const filledLanes = 0.9;

export function wantsPanels({
  rows,
  size,
  place,
  images,
  groups,
  depth,
}: CorrelationSpec): boolean {
  const columns = size.at(-1)!;
  const width = widestTile(Math.min(rows, maxRows)) * 4;
  const positions = size.reduce((product, n) => product * n, 1);
  const filled = (count: number): number => count / (Math.ceil(count / width) * width);
  const all = images * positions;
  const steps = depth.reduce((product, { count }) => product * count, 1);
  return (
    place === undefined &&
    groups === 1 &&
    rows >= rowsForPanels &&
    steps >= fewestSteps &&
    steps <= mostSteps &&
    filled(columns) < filledLanes &&
    filled(all) > filled(columns)
  );
}

export function correlationByPanels(spec: CorrelationSpec, target: Target): KernelPlan {
  const { images, rows, a, aRow, x, xImage, size, strides, depth, store } = spec;
  const positions = size.reduce((product, n) => product * n, 1);
  const steps = depth.reduce((product, { count }) => product * count, 1);
  const columns = images * positions;
  const rowTiles = evenParts(rows, maxRows);
  const width = widestTile(rowTiles.largest) * 4;
  const panels = Math.ceil(columns / width);
  const lastColumns = columns - (panels - 1) * width;
  const wholePanels = lastColumns === width ? panels : panels - 1;
  const panelBytes = aligned(steps * width * 4);
  const fitting = Math.max(1, Math.floor(packedBytes / panelBytes));
  const blocks = sharedParts(
    panels,
    Math.max(1, Math.min(fitting, Math.ceil(panels / wantedItems))),
  );
  const packed = panelBytes * blocks.largest;
  const tileBytes = rowTiles.largest * width * 4;
  // A vector may begin in one image and end in the next.
  const straddles = images > 1 && positions % 4 !== 0;

  const emit: KernelPlan['emit'] = (f, begin, end, { own }) => {
    const held = f.let(i32.add(own, i32.const(packed)));
    f.for(begin, end, 1, (item) => {
      const first = f.local('i32', partStart(f, blocks, item));
      const last = f.let(partStart(f, blocks, i32.add(item, i32.const(1))));
      const panelAt = (panel: I32): I32 =>
        i32.add(own, i32.mul(i32.sub(panel, first), i32.const(panelBytes)));
      const eachPanel = (body: (panel: I32, count: number) => void): void => {
        if (wholePanels > 0) {
          const stop = wholePanels === panels ? last : minimum(f, last, i32.const(wholePanels));
          f.for(first, f.let(stop), 1, (panel) => body(panel, width));
        }
        if (wholePanels < panels) {
          f.if(i32.eq(last, i32.const(panels)), () => body(i32.const(panels - 1), lastColumns));
        }
      };
      /** Address of what the first step of the depth reads for a position of all images. */
      const sourceOf = (position: I32): I32 => {
        const at = f.let(position);
        const image = f.let(i32.divU(at, i32.const(positions)));
        const inside = f.let(i32.remU(at, i32.const(positions)));
        const line = f.let(i32.divU(inside, i32.const(size.at(-1)!)));
        const column = i32.remU(inside, i32.const(size.at(-1)!));
        const element = i32.add(
          i32.mul(image, i32.const(xImage)),
          i32.add(linePosition(f, size, strides, line), column),
        );
        return i32.add(x, i32.mul(element, i32.const(4)));
      };
      eachPanel((panel, count) => {
        const position = f.local('i32', i32.mul(panel, i32.const(width)));
        const to = f.let(panelAt(panel));
        for (let j = 0; j < count; j += 4) {
          f.scope(() => {
            const pointers = [0, 1, 2, 3].map((lane) =>
              f.local('i32', sourceOf(i32.add(position, i32.const(Math.min(j + lane, count - 1))))),
            );
            const axes = depth.map((axis) => ({ ...axis, a: axis.a * width }));
            const start = i32.add(to, i32.const(j * 4));
            walkDepth(f, start, i32.const(0), axes, (q, offset, qAt, at) => {
              const moved = pointers.map((p) => f.let(i32.add(p, offset)));
              f.store('v128', q, gatherLanes(f, moved, at), qAt);
            });
          });
        }
      });
      forParts(f, rowTiles, i32.const(0), i32.const(rowTiles.count), (tall, start) => {
        const row = f.local('i32', start);
        const from = f.local('i32', i32.add(a, i32.mul(row, i32.const(aRow * 4))));
        eachPanel((panel, count) => {
          const sums = emitTile(f, target, tall, Math.ceil(count / 4), {
            a: from,
            aRow: aRow * 4,
            b: panelAt(panel),
            depth: [{ count: steps, a: 4, b: width * 4 }],
          });
          const position = f.local('i32', i32.mul(panel, i32.const(width)));
          const image = f.local('i32', i32.divU(position, i32.const(positions)));
          const column = f.local('i32', i32.remU(position, i32.const(positions)));
          const rowOf = (of: I32, r: I32): I32 =>
            i32.add(i32.mul(of, i32.const(rows)), i32.add(row, r));
          const together = (): void =>
            sums.forEach((list, r) =>
              storeRow(
                f,
                store,
                list.map((value, j) => ({
                  value,
                  row: rowOf(image, i32.const(r)),
                  column: i32.add(column, i32.const(j * 4)),
                  lanes: Math.min(4, count - j * 4),
                })),
              ),
            );
          if (!straddles) {
            eachVector(f, sums, count, positions, image, column, rowOf, store);
            return;
          }
          f.if(i32.leU(i32.add(column, i32.const(count)), i32.const(positions)), together, () => {
            // One by one, from memory: seldom enough.
            sums.forEach((list, r) =>
              list.forEach((value, j) => f.store('v128', held, value, (r * width + j * 4) * 4)),
            );
            f.for(i32.const(0), i32.const(tall), 1, (r) => {
              f.for(i32.const(0), i32.const(count), 1, (lane) => {
                const at = f.let(i32.add(column, lane));
                const over = f.let(i32.divU(at, i32.const(positions)));
                const slot = i32.add(i32.mul(r, i32.const(width)), lane);
                store(f, {
                  value: f.let(v128.load32Zero(i32.add(held, i32.mul(slot, i32.const(4))))),
                  row: rowOf(i32.add(image, over), r),
                  column: i32.sub(at, i32.mul(over, i32.const(positions))),
                  lanes: 1,
                });
              });
            });
          });
        });
      });
    });
  };
  return { items: blocks.count, scratch: packed + tileBytes, emit };
}

/** Stores vectors of which each lies in one image. */
function eachVector(
  f: FunctionBuilder,
  sums: readonly (readonly Local<'v128'>[])[],
  count: number,
  positions: number,
  image: I32,
  column: I32,
  rowOf: (image: I32, r: I32) => I32,
  store: CorrelationSpec['store'],
): void {
  for (let j = 0; j * 4 < count; j++) {
    f.scope(() => {
      const at = f.let(i32.add(column, i32.const(j * 4)));
      // Positions are a multiple of four, or there is one image.
      const over = f.local('i32', i32.divU(at, i32.const(positions)));
      const inside = f.local('i32', i32.sub(at, i32.mul(over, i32.const(positions))));
      sums.forEach((list, r) =>
        store(f, {
          value: list[j]!,
          row: rowOf(i32.add(image, over), i32.const(r)),
          column: inside,
          lanes: Math.min(4, count - j * 4),
        }),
      );
    });
  }
}
