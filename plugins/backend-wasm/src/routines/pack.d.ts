import type { FunctionBuilder, I32, V128 } from '../wasm/index.ts';
/** The four lanes loaded one by one from pointers plus a common offset. */
export declare function gatherLanes(
  f: FunctionBuilder,
  pointers: readonly I32[],
  offset?: number,
): V128;
/** Four vectors as the rows of a 4 x 4 matrix, transposed. */
export declare function transpose4(f: FunctionBuilder, rows: readonly V128[]): V128[];
export interface PanelSource {
  /** Its first element. */
  readonly from: I32;
  /** Elements between columns, and between steps of the depth. */
  readonly column: number;
  readonly step: number;
  readonly depth: number;
}
/** Copies `columns` columns into a panel whose steps are `width` (a multiple of 4) elements apart. */
export declare function packPanel(
  f: FunctionBuilder,
  { from, column, step, depth }: PanelSource,
  to: I32,
  columns: number,
  width: number,
): void;
/** Rows of A whose depth is not contiguous, copied as [depth][rows]. */
export declare function packRows(
  f: FunctionBuilder,
  from: I32,
  row: number,
  step: number,
  depth: number,
  to: I32,
  rows: number,
): void;
