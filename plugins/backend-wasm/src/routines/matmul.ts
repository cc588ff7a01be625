/**
 * float32 matrix products of any strides. Blocks of columns of B are packed into panels that stay in the
 * second-level cache; for each tile of rows of A all panels of the block pass by. Goto, van de Geijn:
 * "Anatomy of high-performance matrix multiplication", ACM TOMS 34 (2008). Every sum runs over the whole
 * depth in one order, so that results depend neither on blocks nor on threads.
 */
import { i32 } from '../wasm/index.ts';
import type { I32 } from '../wasm/index.ts';
import { Batch, joinRows } from './batch.ts';
import type { MatmulSpec } from './batch.ts';
import { dots } from './dots.ts';
import { aligned } from './kernel.ts';
import type { KernelPlan } from './kernel.ts';
import { packPanel, packRows } from './pack.ts';
import { evenParts, forParts, minimum, partStart, sharedParts } from './parts.ts';
import { storeTile, tileBytes } from './store.ts';
import { emitTile, maxRows, widestTile } from './tile.ts';
import type { Target } from './target.ts';

/** Bytes of packed panels that stay close to the core: half of a second-level cache of 512 KiB. */
const packedBytes = 256 * 1024;
/** A kernel of this many items leaves threads evenly busy. */
const wantedItems = 8;

/**
 * With fewer rows than this, B passes by too seldom for a packed copy to pay. Where rows of B are a
 * multiple of 1 KiB apart its columns share few cache sets, and the copy pays sooner.
 */
const rowsToPack = (pitch: number): number => ((pitch * 4) % 1024 === 0 ? 19 : 43);
/** With fewer rows than this, dot products along a contiguous depth beat packing. */
const rowsForTiles = 25;

export function matmul(given: MatmulSpec, target: Target): KernelPlan {
  const joined = joinRows(given);
  const { m, n, k } = joined;
  // Strides of axes of size 1 do not matter: 1 is the easiest.
  const a = k === 1 ? { ...joined.a, column: 1 } : joined.a;
  const step = k === 1 ? 1 : joined.b.row;
  const b = { ...joined.b, row: step, column: n === 1 && step !== 1 ? 1 : joined.b.column };
  const spec = { ...joined, a, b };
  const alongDepth = a.column === 1 && b.row === 1;
  if (alongDepth && (n === 1 || (b.column !== 1 && m < rowsForTiles))) return dots(spec, target);
  return tiled(spec, target, b.column !== 1 || m >= rowsToPack(b.row));
}

function tiled(spec: MatmulSpec, target: Target, pack: boolean): KernelPlan {
  const { m, n, k, a, b, store } = spec;
  const batch = new Batch(spec);
  const rowTiles = evenParts(m, maxRows);
  const vectors = Math.min(widestTile(rowTiles.largest), Math.ceil(n / 4));
  const width = vectors * 4;
  const panels = Math.ceil(n / width);
  const lastColumns = n - (panels - 1) * width;
  const wholePanels = lastColumns === width ? panels : panels - 1;
  const panelBytes = aligned(Math.max(k, 1) * width * 4);
  const blocks = evenParts(
    panels,
    Math.max(1, pack ? Math.floor(packedBytes / panelBytes) : Math.ceil(panels / wantedItems)),
  );
  // Rows are split too where there are few blocks, in parts that are worth packing B once more.
  const split = Math.ceil(wantedItems / (batch.size * blocks.count));
  const rowBlocks = sharedParts(
    rowTiles.count,
    Math.max(pack ? 8 : 1, Math.ceil(rowTiles.count / split)),
    batch.size * blocks.count,
  );
  const packA = a.column !== 1 && k > 16 && blocks.largest > 1;
  const blockBytes = pack ? panelBytes * blocks.largest : 0;
  const rowBytes = packA ? aligned((k * rowTiles.largest + 4) * 4) : 0;

  const emit: KernelPlan['emit'] = (f, begin, end, { own: scratch }) => {
    const packedA = f.let(i32.add(scratch, i32.const(blockBytes)));
    const heldSums = i32.add(packedA, i32.const(rowBytes));
    const [pa, pb] = [f.local('i32'), f.local('i32')];
    const [firstPanel, endPanel] = [f.local('i32'), f.local('i32')];
    const batchRow = f.local('i32');
    const packedBlock = f.local('i32', i32.const(-1));

    /** Whole panels of the block in a loop, then the last panel of the matrix with its own width. */
    const eachPanel = (body: (panel: I32, columns: number) => void): void => {
      if (wholePanels > 0) {
        const stop =
          wholePanels === panels ? endPanel : minimum(f, endPanel, i32.const(wholePanels));
        f.for(firstPanel, f.let(stop), 1, (panel) => body(panel, width));
      }
      if (wholePanels < panels) {
        f.if(i32.eq(endPanel, i32.const(panels)), () => body(i32.const(panels - 1), lastColumns));
      }
    };
    const packedPanel = (panel: I32): I32 =>
      i32.add(scratch, i32.mul(i32.sub(panel, firstPanel), i32.const(panelBytes)));

    const tileRow = (rows: number, start: I32): void => {
      const row = f.local('i32', start);
      const from = f.local('i32', i32.add(pa, i32.mul(row, i32.const(a.row * 4))));
      if (packA) {
        packRows(f, from, a.row, a.column, k, packedA, rows);
        f.set(from, packedA);
      }
      eachPanel((panel, columns) => {
        const column = f.local('i32', i32.mul(panel, i32.const(width)));
        const sums = emitTile(f, target, rows, Math.ceil(columns / 4), {
          a: from,
          aRow: packA ? 4 : a.row * 4,
          b: pack ? packedPanel(panel) : i32.add(pb, i32.mul(column, i32.const(4))),
          depth: [
            {
              count: k,
              a: packA ? rows * 4 : a.column * 4,
              b: pack ? width * 4 : b.row * 4,
            },
          ],
        });
        const first = f.let(i32.add(batchRow, row));
        storeTile(f, store, sums, heldSums, (j) => ({
          row: first,
          column: i32.add(column, i32.const(j * 4)),
          lanes: Math.min(4, columns - j * 4),
        }));
      });
    };

    f.for(begin, end, 1, (item) => {
      const rowBlock = f.local('i32', i32.remU(item, i32.const(rowBlocks.count)));
      const blockNumber = f.local('i32', i32.divU(item, i32.const(rowBlocks.count)));
      const block = f.local('i32', i32.remU(blockNumber, i32.const(blocks.count)));
      const matrix = f.local('i32', i32.divU(blockNumber, i32.const(blocks.count)));
      f.set(pa, batch.pointer(a, 'a', matrix));
      f.set(pb, batch.pointer(b, 'b', matrix));
      f.set(batchRow, i32.mul(matrix, i32.const(m)));
      f.set(firstPanel, partStart(f, blocks, block));
      f.set(endPanel, partStart(f, blocks, i32.add(block, i32.const(1))));
      if (pack) {
        // The row blocks of one block of columns follow each other and share its packed copy.
        f.if(i32.ne(blockNumber, packedBlock), () => {
          f.set(packedBlock, blockNumber);
          eachPanel((panel, columns) => {
            const from = i32.add(pb, i32.mul(panel, i32.const(width * b.column * 4)));
            const source = { from, column: b.column, step: b.row, depth: k };
            packPanel(f, source, packedPanel(panel), columns, width);
          });
        });
      }
      const first = f.let(partStart(f, rowBlocks, rowBlock));
      const last = f.let(partStart(f, rowBlocks, i32.add(rowBlock, i32.const(1))));
      forParts(f, rowTiles, first, last, tileRow);
    });
  };
  return {
    items: m === 0 || n === 0 ? 0 : batch.size * blocks.count * rowBlocks.count,
    scratch: blockBytes + rowBytes + tileBytes(store, rowTiles.largest, vectors),
    together: pack ? rowBlocks.count : 1,
    emit,
  };
}
