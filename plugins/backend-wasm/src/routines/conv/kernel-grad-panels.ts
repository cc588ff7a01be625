/**
 * The gradient of convolution to its kernels as a product by register tiles: the input as each tap sees it
 * is packed into panels, [positions of some images][columns], over which the output gradient's rows pass.
 */
import { i32, v128 } from '../../wasm/index.ts';
import type { FunctionBuilder, I32, Local, V128 } from '../../wasm/index.ts';
import { walkDepth } from '../depth.ts';
import type { DepthAxis } from '../depth.ts';
import { aligned } from '../kernel.ts';
import type { KernelPlan } from '../kernel.ts';
import { gatherLanes, transpose4 } from '../pack.ts';
import { evenParts, forParts, partStart, sharedParts } from '../parts.ts';
import type { StoreResult } from '../store.ts';
import { plus } from '../target.ts';
import type { Target } from '../target.ts';
import { emitTile, maxRows, widestTile } from '../tile.ts';

export interface PanelGradSpec {
  readonly images: number;
  readonly groups: number;
  /** Output channels of a group, and its input channels x taps. */
  readonly rows: number;
  readonly columns: number;
  /** Output positions of an image. */
  readonly positions: number;
  /** Of group 0 in image 0; bytes between groups and images. */
  readonly g: I32;
  readonly gGroup: number;
  readonly gImage: number;
  readonly x: I32;
  readonly xGroup: number;
  readonly xImage: number;
  /** Bytes from a group's input to what a column reads for the first position. */
  readonly columnOffset: (f: FunctionBuilder, column: I32) => I32;
  /** Positions of an image in the input, in bytes, around `inner` that lie side by side. */
  readonly outer: readonly DepthAxis[];
  readonly inner: number;
  readonly store: StoreResult;
}

/** Bytes of panels that stay close to the core. */
const packedBytes = 256 * 1024;
/** Of one panel: some images at a time, where all of them are more. */
const depthBytes = 64 * 1024;
const wantedItems = 16;
/** With fewer rows a packed panel is read too seldom. */
export const rowsForPanels = 24;

export function kernelGradByPanels(spec: PanelGradSpec, target: Target): KernelPlan {
  const { images, groups, rows, columns, positions, store } = spec;
  const rowTiles = evenParts(rows, maxRows);
  const width = widestTile(rowTiles.largest) * 4;
  const panels = Math.ceil(columns / width);
  const lastColumns = columns - (panels - 1) * width;
  const wholePanels = lastColumns === width ? panels : panels - 1;
  const imageBytes = positions * width * 4;
  const imageParts = evenParts(images, Math.max(1, Math.floor(depthBytes / imageBytes)));
  const panelBytes = aligned(imageParts.largest * imageBytes);
  const fitting = Math.max(1, Math.floor(packedBytes / panelBytes));
  const blocks = sharedParts(
    panels,
    Math.max(1, Math.min(fitting, Math.ceil((panels * groups) / wantedItems))),
    groups,
  );
  const packed = panelBytes * blocks.largest;
  const sums = imageParts.count > 1 ? rows * blocks.largest * width * 4 : 0;

  const emit: KernelPlan['emit'] = (f, begin, end, { own }) => {
    const kept = f.let(i32.add(own, i32.const(packed)));
    f.for(begin, end, 1, (item) => {
      const group = f.local('i32', i32.divU(item, i32.const(blocks.count)));
      const block = f.local('i32', i32.remU(item, i32.const(blocks.count)));
      const first = f.local('i32', partStart(f, blocks, block));
      const last = f.let(partStart(f, blocks, i32.add(block, i32.const(1))));
      const eachPanel = (body: (panel: I32, count: number) => void): void => {
        f.for(first, last, 1, (panel) => {
          if (wholePanels === panels) body(panel, width);
          else if (wholePanels === 0) body(panel, lastColumns);
          else {
            f.if(
              i32.eq(panel, i32.const(panels - 1)),
              () => body(panel, lastColumns),
              () => body(panel, width),
            );
          }
        });
      };
      const part = (count: number, firstImage: I32): void => {
        const image = f.local('i32', firstImage);
        const at = (pointer: I32, perGroup: number, perImage: number): I32 =>
          i32.add(
            pointer,
            i32.add(i32.mul(group, i32.const(perGroup)), i32.mul(image, i32.const(perImage))),
          );
        const ga = f.local('i32', at(spec.g, spec.gGroup, spec.gImage));
        const xa = f.local('i32', at(spec.x, spec.xGroup, spec.xImage));
        const panelAt = (panel: I32): I32 =>
          i32.add(own, i32.mul(i32.sub(panel, first), i32.const(panelBytes)));
        eachPanel((panel, wide) => pack(f, spec, xa, panel, panelAt(panel), count, wide, width));
        forParts(f, rowTiles, i32.const(0), i32.const(rowTiles.count), (tall, start) => {
          const row = f.local('i32', start);
          const from = f.local('i32', i32.add(ga, i32.mul(row, i32.const(positions * 4))));
          eachPanel((panel, wide) => {
            const values = emitTile(f, target, tall, Math.ceil(wide / 4), {
              a: from,
              aRow: positions * 4,
              b: panelAt(panel),
              depth: [
                { count, a: spec.gImage, b: imageBytes },
                { count: positions, a: 4, b: width * 4 },
              ],
            });
            const column = f.local('i32', i32.mul(panel, i32.const(width)));
            const results = (list: readonly (readonly V128[])[]): void =>
              list.forEach((vectors, r) =>
                vectors.forEach((value, j) =>
                  store(f, {
                    value,
                    row: i32.add(i32.add(i32.mul(group, i32.const(rows)), row), i32.const(r)),
                    column: i32.add(column, i32.const(j * 4)),
                    lanes: Math.min(4, wide - j * 4),
                  }),
                ),
              );
            if (imageParts.count <= 1) results(values);
            else accumulate(panel, row, image, count, values, results);
          });
        });
      };
      /** Adds what the images before gave; after the last ones the sums are results. */
      const accumulate = (
        panel: I32,
        row: I32,
        image: I32,
        count: number,
        values: readonly (readonly Local<'v128'>[])[],
        results: (list: readonly (readonly V128[])[]) => void,
      ): void => {
        const slot = i32.add(
          i32.mul(i32.sub(panel, first), i32.const(rows * width * 4)),
          i32.mul(row, i32.const(width * 4)),
        );
        const at = f.local('i32', i32.add(kept, slot));
        const offset = (r: number, j: number): number => (r * width + j * 4) * 4;
        values.forEach((vectors, r) =>
          vectors.forEach((value, j) =>
            f.set(value, plus(target, v128.load(at, offset(r, j)), value)),
          ),
        );
        f.if(
          i32.eq(i32.add(image, i32.const(count)), i32.const(images)),
          () => results(values),
          () =>
            values.forEach((vectors, r) =>
              vectors.forEach((value, j) => f.store('v128', at, value, offset(r, j))),
            ),
        );
      };
      if (sums > 0) f.memoryFill(kept, i32.const(0), i32.const(sums));
      forParts(f, imageParts, i32.const(0), i32.const(imageParts.count), part);
    });
  };
  return { items: groups * blocks.count, scratch: packed + sums, emit };
}

/** Columns of a panel, four at a time: as many positions of each are read and turned. */
function pack(
  f: FunctionBuilder,
  { positions, columnOffset, outer, inner, xImage }: PanelGradSpec,
  x: I32,
  panel: I32,
  to: I32,
  images: number,
  wide: number,
  width: number,
): void {
  const row = width * 4;
  // Where a position goes: all of them in order.
  const counts = [...outer.map(({ count }) => count), inner];
  const after = (i: number): number => counts.slice(i + 1).reduce((a, b) => a * b, 1);
  const axes: DepthAxis[] = [
    { count: images, a: positions * row, b: xImage },
    ...outer.map(({ count, b }, i) => ({ count, a: after(i) * row, b })),
  ];
  for (let j = 0; j < wide; j += 4) {
    f.scope(() => {
      const first = i32.add(i32.mul(panel, i32.const(width)), i32.const(j));
      const pointers = [0, 1, 2, 3].map((lane) => {
        // Columns that do not exist read what the last one reads.
        const column = f.let(i32.add(first, i32.const(Math.min(lane, wide - 1 - j))));
        return f.local('i32', i32.add(x, columnOffset(f, column)));
      });
      const put = (axesOf: readonly DepthAxis[], skip: number, count: number): void =>
        f.scope(() => {
          const start = i32.add(to, i32.const(skip * row + j * 4));
          walkDepth(f, start, i32.const(skip * 4), axesOf, (q, offset, qAt, at) => {
            const moved = pointers.map((p) => f.let(i32.add(p, offset)));
            if (count === 4) {
              const rows = moved.map((p) => f.let(v128.load(p, at)));
              transpose4(f, rows).forEach((value, u) => f.store('v128', q, value, qAt + u * row));
            } else {
              for (let u = 0; u < count; u++) {
                f.store('v128', q, gatherLanes(f, moved, at + u * 4), qAt + u * row);
              }
            }
          });
        });
      const whole = Math.floor(inner / 4);
      const rest = inner % 4;
      if (whole > 0) put([...axes, { count: whole, a: 4 * row, b: 16 }], 0, 4);
      // The last four overlap those before: written twice, with the same values.
      if (rest > 0) {
        if (inner > 4) put(axes, inner - 4, 4);
        else put(axes, 0, rest);
      }
    });
  }
}
