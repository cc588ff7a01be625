/** Einstein summation: products of tensors summed over shared axes, as batched matrix products. */
import {
  broadcastTo,
  composite,
  fail,
  formatShape,
  matmul,
  mul,
  permute,
  promote,
  reshape,
  sizeOf,
  sum,
  withOp,
} from '@hebb/core';
import type { Aval, DType, Tensor } from '@hebb/core';
import { diagonal } from './diagonals.ts';

/** Axes that an ellipsis stands for are named by digits, counted from the right. */
interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

function subscripts(equation: string, term: string, rank: number | undefined): string[] {
  const labels: string[] = [];
  for (let i = 0; i < term.length; i++) {
    const c = term[i]!;
    if (c === ' ') continue;
    if (term.startsWith('...', i)) {
      labels.push('...');
      i += 2;
    } else if (/[a-zA-Z]/.test(c)) labels.push(c);
    else fail('einsum', `unexpected ${JSON.stringify(c)} in ${JSON.stringify(equation)}`);
  }
  if (labels.filter((label) => label === '...').length > 1)
    fail('einsum', `'...' appears twice in ${JSON.stringify(term)}`);
  if (rank === undefined) return labels;
  const named = labels.filter((label) => label !== '...').length;
  const dots = labels.includes('...');
  if (dots ? named > rank : named !== rank) {
    fail('einsum', `${JSON.stringify(term)} does not fit an operand of rank ${rank}`);
  }
  return labels.flatMap((label) => (label === '...' ? ellipsis(rank - named) : [label]));
}
const ellipsis = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => String(count - 1 - i));

/** Reads `ij,jk->ik`. Without an arrow the output is what occurs once, in alphabetical order. */
export function parseEquation(equation: string, operands: readonly Aval[]): Equation {
  const [left = '', right, ...rest] = equation.split('->');
  if (rest.length > 0) fail('einsum', `more than one arrow in ${JSON.stringify(equation)}`);
  const terms = left.split(',');
  if (terms.length !== operands.length) {
    fail(
      'einsum',
      `${JSON.stringify(equation)} names ${terms.length} operands`,
      `${operands.length} given`,
    );
  }
  const labels = terms.map((term, i) => subscripts(equation, term, operands[i]!.shape.length));
  const all = labels.flat();
  const dotted = Math.max(0, ...all.filter((l) => /\d/.test(l)).map((l) => Number(l) + 1));
  let output: string[];
  if (right === undefined) {
    const letters = [...new Set(all.filter((label) => !/\d/.test(label)))].sort();
    output = [
      ...ellipsis(dotted),
      ...letters.filter((label) => all.filter((other) => other === label).length === 1),
    ];
  } else {
    output = subscripts(equation, right, undefined).flatMap((label) =>
      label === '...' ? ellipsis(dotted) : [label],
    );
  }
  for (const label of output) {
    if (!all.includes(label))
      fail('einsum', `output label ${label} of ${JSON.stringify(equation)} is in no operand`);
    if (output.filter((other) => other === label).length > 1)
      fail('einsum', `output label ${label} of ${JSON.stringify(equation)} appears twice`);
  }
  return { operands: labels, output };
}

interface Term {
  readonly x: Tensor;
  readonly labels: readonly string[];
}

/** Axes that carry the same label become one: their diagonal. */
function withoutRepeats({ x, labels }: Term): Term {
  for (let i = 0; i < labels.length; i++) {
    const j = labels.indexOf(labels[i]!, i + 1);
    if (j < 0) continue;
    const rest = labels.filter((_, k) => k !== i && k !== j);
    return withoutRepeats({ x: diagonal(x, 0, i, j), labels: [...rest, labels[i]!] });
  }
  return { x, labels };
}
function sumOut({ x, labels }: Term, unwanted: (label: string) => boolean): Term {
  const axes = labels.map((_, i) => i).filter((i) => unwanted(labels[i]!));
  if (axes.length === 0) return { x, labels };
  return { x: sum(x, axes), labels: labels.filter((label) => !unwanted(label)) };
}
function arranged({ x, labels }: Term, order: readonly string[]): Tensor {
  return permute(
    x,
    order.map((label) => labels.indexOf(label)),
  );
}

/** Two terms into one: axes in both are batch axes if something still needs them, else they are contracted. */
function contract(left: Term, right: Term, needed: (label: string) => boolean): Term {
  const a = sumOut(left, (label) => !needed(label) && !right.labels.includes(label));
  const b = sumOut(right, (label) => !needed(label) && !left.labels.includes(label));
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter(needed);
  const inner = shared.filter((label) => !needed(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const labels = [...batch, ...rows, ...columns];
  const sizeIn = (term: Term, list: readonly string[]): number[] =>
    list.map((label) => term.x.shape[term.labels.indexOf(label)]!);
  const [batchSizes, rowSizes, columnSizes, innerSizes] = [
    sizeIn(a, batch),
    sizeIn(a, rows),
    sizeIn(b, columns),
    sizeIn(a, inner),
  ];
  const shape = [...batchSizes, ...rowSizes, ...columnSizes];
  const x = arranged(a, [...batch, ...rows, ...inner]);
  const y = arranged(b, [...batch, ...columns, ...inner]);
  if (inner.length === 0) {
    const wide = reshape(x, [...batchSizes, ...rowSizes, ...columns.map(() => 1)]);
    const high = reshape(y, [...batchSizes, ...rows.map(() => 1), ...columnSizes]);
    return { x: mul(wide, high), labels };
  }
  const product = matmul(
    reshape(x, [...batchSizes, sizeOf(rowSizes), sizeOf(innerSizes)]),
    reshape(y, [...batchSizes, sizeOf(columnSizes), sizeOf(innerSizes)]),
    { transposeB: true },
  );
  return { x: reshape(product, shape), labels };
}

const einsumOp = composite('einsum', {
  body: (operands: readonly Tensor[], { equation }: { equation: string }): Tensor => {
    const { operands: labels, output } = parseEquation(equation, operands);
    const sizes = new Map<string, number>();
    labels.forEach((list, i) =>
      list.forEach((label, axis) => {
        const size = operands[i]!.shape[axis]!;
        const known = sizes.get(label) ?? 1;
        if (size !== 1 && known !== 1 && size !== known) {
          fail(
            'einsum',
            `label ${/\d/.test(label) ? '...' : label} has sizes ${known} and ${size}`,
            operands.map((x) => formatShape(x.shape)).join(' and '),
          );
        }
        sizes.set(label, known === 1 ? size : known);
      }),
    );
    const dtype = operands.reduce<DType>((type, x) => promote(type, x.dtype), operands[0]!.dtype);
    // Axes of size 1 broadcast.
    const terms = operands.map((x, i) => {
      const list = labels[i]!;
      const shape = list.map((label) => sizes.get(label)!);
      return withoutRepeats({ x: broadcastTo(x.to(dtype), shape, 'einsum'), labels: list });
    });
    let result = terms[0]!;
    for (let i = 1; i < terms.length; i++) {
      const later = new Set([...output, ...terms.slice(i + 1).flatMap((term) => term.labels)]);
      result = contract(result, terms[i]!, (label) => later.has(label));
    }
    return arranged(
      sumOut(result, (label) => !output.includes(label)),
      output,
    );
  },
  onnx: {
    op: 'Einsum',
    since: 12,
    attrs: ({ equation }) => ({ equation: String(equation) }),
  },
  samples: [
    {
      in: [
        {
          list: [
            [3, 4],
            [4, 5],
          ],
        },
      ],
      attrs: { equation: 'ij,jk->ik' },
    },
    {
      in: [
        {
          list: [
            [2, 3, 4],
            [4, 2],
          ],
        },
      ],
      attrs: { equation: '...ij,jk->...ik' },
    },
    { in: [{ list: [[4, 4]] }], attrs: { equation: 'ii->i' } },
    {
      in: [
        {
          list: [
            [2, 3],
            [2, 3],
            [3, 2],
          ],
        },
      ],
      attrs: { equation: 'ij,ij,jk' },
    },
  ],
});
/**
 * `einsum('bij,bjk->bik', a, b)`: for each output index the sum, over the labels that the output lacks,
 * of the product of the operands. A label repeated in one operand takes its diagonal; `...` stands for
 * any leading axes, which broadcast; without `->` the output is the labels that occur once, in
 * alphabetical order. Operands are contracted from left to right.
 */
export const einsum = withOp(
  einsumOp.op,
  (equation: string, ...operands: readonly Tensor[]): Tensor =>
    einsumOp(operands, { equation: equation.replaceAll(' ', '') }),
);
