/** Batched matrix products as a generator sees them. */
import { i32 } from '../wasm/index.ts';
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
export class Batch {
  readonly axes: readonly BatchAxis[];
  readonly size: number;

  constructor({ batch, a, b }: Pick<MatmulSpec, 'batch' | 'a' | 'b'>) {
    const axes: BatchAxis[] = [];
    batch.forEach((size, i) => {
      if (size === 1) return;
      const axis = { size, a: a.batch[i]!, b: b.batch[i]! };
      const last = axes.at(-1);
      if (last !== undefined && last.a === axis.a * size && last.b === axis.b * size) {
        axes[axes.length - 1] = { ...axis, size: last.size * size };
      } else axes.push(axis);
    });
    this.axes = axes;
    this.size = axes.reduce((product, axis) => product * axis.size, 1);
  }

  /** Address of an operand's matrix number `index`. */
  pointer(operand: MatrixOperand, which: 'a' | 'b', index: I32): I32 {
    let at = operand.pointer;
    let rest = index;
    for (let i = this.axes.length - 1; i >= 0; i--) {
      const axis = this.axes[i]!;
      const here = i === 0 ? rest : i32.remU(rest, i32.const(axis.size));
      at = i32.add(at, i32.mul(here, i32.const(axis[which] * 4)));
      if (i > 0) rest = i32.divU(rest, i32.const(axis.size));
    }
    return at;
  }
}

/** With one shared B, the rows of all matrices of the batch are one long matrix. */
export function joinRows(spec: MatmulSpec): MatmulSpec {
  const { axes } = new Batch(spec);
  const last = axes.at(-1);
  if (last === undefined || last.b !== 0 || last.a !== spec.m * spec.a.row) return spec;
  const rest = axes.slice(0, -1);
  return joinRows({
    ...spec,
    batch: rest.map((axis) => axis.size),
    m: spec.m * last.size,
    a: { ...spec.a, batch: rest.map((axis) => axis.a) },
    b: { ...spec.b, batch: rest.map((axis) => axis.b) },
  });
}
