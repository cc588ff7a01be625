import type { I32 } from '../wasm/index.ts';
import type { StoreResult } from './store.ts';
/** A batch of matrices; strides in elements. */
export interface MatrixOperand {
  /** Address of the first element, evaluated inside the kernel. */
  readonly pointer: I32;
  readonly batch: readonly number[];
  readonly row: number;
  readonly column: number;
}
/** [batch, m, k] x [batch, k, n] -> [batch, m, n] in float32. */
export interface MatmulSpec {
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: MatrixOperand;
  readonly b: MatrixOperand;
  readonly store: StoreResult;
}
interface BatchAxis {
  readonly size: number;
  readonly a: number;
  readonly b: number;
}
/** The batch with neighbouring axes joined where both operands step through them as one. */
export declare class Batch {
  readonly axes: readonly BatchAxis[];
  readonly size: number;
  constructor({ batch, a, b }: Pick<MatmulSpec, 'batch' | 'a' | 'b'>);
  /** Address of an operand's matrix number `index`. */
  pointer(operand: MatrixOperand, which: 'a' | 'b', index: I32): I32;
}
/** With one shared B, the rows of all matrices of the batch are one long matrix. */
export declare function joinRows(spec: MatmulSpec): MatmulSpec;
export {};
