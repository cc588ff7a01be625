/** What becomes of an element of a product: stored, or handed to the code attached to it. */
import type { RoutineKernel } from '@hebb/compiler';
import { stridesOf } from '@hebb/core';
import { Values, statement } from './evaluate.ts';
import type { Product } from './product.ts';
import { settle } from './scalar.ts';
import { decode } from './shader.ts';
import type { Shader } from './shader.ts';

/** Instructions of attached code, over all of an invocation's elements, beyond which it stands there but once. */
const mostAttached = 256;

export interface Finisher {
  /** Code that finishes the elements `values[row][column]` from row `m0` and column `n0` on. */
  finish(values: readonly (readonly string[])[], at: Places): string;
}

/** Expressions of the rows and columns of an invocation's elements: what `number` makes of 0, 1, … */
export interface Places {
  row(i: string): string;
  column(j: string): string;
}

/** Declares the function that finishes one element. */
export function finisher(kernel: RoutineKernel, p: Product, shader: Shader): Finisher {
  const column = p.place.map((_, i) => `o${i}`);
  const { shape } = kernel.results[0]!;
  const coordinates = p.result('m', column);
  const parameters = [...p.batchNames, 'm', ...column].map((name) => `${name}: i32`);
  shader.global(`fn finish(${parameters.join(', ')}, value: f32) {
if (m >= ${p.m} || o0 >= ${p.place[0]!}) { return; }
${coordinates.map((code, i) => `let v${i} = ${code};`).join('\n')}
${p.limits.map(({ axis, size }) => `if (v${axis} >= ${size}) { return; }`).join('\n')}
${attached(kernel, shader)}
}`);
  const call = (row: string, o: readonly string[], value: string): string =>
    `finish(${[...p.batchNames, row, ...o].join(', ')}, ${value});`;
  return {
    finish(values, at) {
      const [rows, columns] = [values.length, values[0]!.length];
      const count = rows * columns;
      if (count * (kernel.epilogue?.length ?? 0) > mostAttached) {
        return `var values = array<f32, ${count}>(${values.flat().join(', ')});
for (var e = 0; e < ${count}; e = e + 1) {
let n = ${at.column(`e % ${columns}`)};
${decode('n', column, p.place)}
${call(at.row(`e / ${columns}`), column, 'values[e]')}
}`;
      }
      return range(columns)
        .map((j) => {
          const own = column.map((name) => `${name}_${j}`);
          return `let at${j} = ${at.column(String(j))};
${decode(`at${j}`, own, p.place)}
${range(rows)
  .map((i) => call(at.row(String(i)), own, values[i]![j]!))
  .join('\n')}`;
        })
        .join('\n');
    },
  };

  /** The result stored, or the code that is attached to it. */
  function attached(of: RoutineKernel, to: Shader): string {
    const { dtype } = of.results[0]!;
    const variables = shape.map((_, i) => `v${i}`);
    if (of.epilogue === undefined) {
      const index = stridesOf(shape)
        .map((stride, i) => `${variables[i]!} * ${stride}`)
        .join(' + ');
      return to.store(of.outputs[0]!, index, settle(dtype, 'value', to.use));
    }
    const context = {
      shader: to,
      values: new Values(),
      variables,
      result: { code: 'value', dtype },
    };
    return of.epilogue.map((instruction) => statement(context, instruction)).join('\n');
  }
}

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
