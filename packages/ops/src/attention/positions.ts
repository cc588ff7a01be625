/** Positions for attention: sines, rotations, distances. */
import {
  add,
  argumentLayout,
  cast,
  composite,
  concat,
  cos,
  fail,
  formatShape,
  gather,
  iota,
  isFloat,
  isInteger,
  mul,
  narrow,
  reshape,
  sin,
  sub,
  tensor,
  withOp,
} from '@hebb/core';
import type { Attrs, DType, OnnxEmitter, Tensor } from '@hebb/core';
import { asIndex, requireTensor } from '../operands.ts';

const count = (op: string, name: string, value: number, least = 1): number =>
  Number.isInteger(value) && value >= least
    ? value
    : fail(op, `${name} is a whole number`, String(value), `at least ${least}`);

/**
 * Column 2k is sin(position / base^(2k / width)), column 2k + 1 the cosine; an odd width ends with a sine.
 * Vaswani et al. 2017, arXiv:1706.03762, section 3.5. Shape: [length, width].
 */
export function sinusoidalPositions(
  length: number,
  width: number,
  { base = 10_000, dtype = 'float32' }: { base?: number; dtype?: DType } = {},
): Tensor {
  const op = 'sinusoidalPositions';
  count(op, 'length', length);
  count(op, 'width', width);
  const values = new Float64Array(length * width);
  for (let position = 0; position < length; position++) {
    for (let j = 0; j < width; j++) {
      const angle = position / base ** ((j - (j % 2)) / width);
      values[position * width + j] = j % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return tensor(values, { shape: [length, width], dtype });
}

/** Slope of each head, 2^(-8 i / heads) for head i from 1. Press et al. 2022, arXiv:2108.12409. */
export function alibiSlopes(heads: number): number[] {
  count('alibiSlopes', 'heads', heads);
  return Array.from({ length: heads }, (_, i) => 2 ** ((-8 * (i + 1)) / heads));
}

/**
 * Attention with linear biases: slope · (key - query), a float mask of `scaledDotProductAttention`. With
 * causal attention only the part at and below 0 counts. Query i stands at position i + offset.
 * Shape: [heads, queries, keys].
 */
export function alibiBias(
  heads: number,
  queries: number,
  keys: number,
  { offset = 0, dtype = 'float32' }: { offset?: number; dtype?: DType } = {},
): Tensor {
  const slopes = tensor(Float64Array.from(alibiSlopes(heads)), { shape: [heads, 1, 1], dtype });
  const distance = sub(iota(keys), reshape(add(iota(queries), offset), [queries, 1]));
  return mul(slopes, cast(distance, dtype));
}

// --- rotary ---

export interface RotaryAnglesOptions {
  /** Default 10 000. */
  readonly base?: number;
  /** Positions are divided by this (Chen et al. 2023, arXiv:2306.15595); default 1. */
  readonly scaling?: number;
  /** Default float32. */
  readonly dtype?: DType;
}

/**
 * Cosines and sines of position · base^(-2j / width), j < width/2. Shape: positions [...] integers ->
 * two of [..., width / 2].
 */
export function rotaryAngles(
  positions: Tensor,
  width: number,
  { base = 10_000, scaling = 1, dtype = 'float32' }: RotaryAnglesOptions = {},
): [cosine: Tensor, sine: Tensor] {
  const op = 'rotaryAngles';
  requireTensor(op, positions);
  if (count(op, 'width', width, 2) % 2 !== 0) fail(op, 'width is even', String(width));
  if (!isInteger(positions.dtype)) fail(op, 'positions are integers', positions.dtype);
  const rates = Float64Array.from(
    { length: width / 2 },
    (_, j) => base ** ((-2 * j) / width) / scaling,
  );
  const angles = mul(cast(positions, dtype).unsqueeze(-1), tensor(rates, { dtype }));
  return [cos(angles), sin(angles)];
}

type RotaryAttrs = { readonly interleaved: boolean };

const rotaryOp = composite('rotaryEmbedding', {
  body: (
    x: Tensor,
    cosine: Tensor,
    sine: Tensor,
    positions: Tensor | undefined,
    { interleaved }: RotaryAttrs,
  ): Tensor => {
    const [batch, , steps, size] = x.shape as [number, number, number, number];
    const half = cosine.shape.at(-1)!;
    const at = (table: Tensor): Tensor => {
      const rows = positions === undefined ? table : gather(table, positions, 0);
      return reshape(rows, [rows.rank === 3 ? batch : 1, 1, steps, half]);
    };
    const [c, s] = [at(cosine), at(sine)];
    const turned = narrow(x, 3, 0, 2 * half);
    const pair = (k: number): Tensor =>
      interleaved ? turned.index('...', [k, null, 2]) : narrow(turned, 3, k * half, half);
    const [a, b] = [pair(0), pair(1)];
    const real = sub(mul(a, c), mul(b, s));
    const imaginary = add(mul(b, c), mul(a, s));
    const rotated = interleaved
      ? reshape(concat([real.unsqueeze(-1), imaginary.unsqueeze(-1)], 4), turned.shape)
      : concat([real, imaginary], 3);
    if (2 * half === size) return rotated;
    return concat([rotated, narrow(x, 3, 2 * half, size - 2 * half)], 3);
  },
  onnx: { op: 'RotaryEmbedding', since: 23, emit: (onnx, attrs) => emitRotary(onnx, attrs) },
  samples: [
    { in: [[2, 2, 3, 4], [3, 2], [3, 2], null], attrs: { interleaved: false } },
    { in: [[2, 1, 3, 6], [2, 3, 2], [2, 3, 2], null], attrs: { interleaved: true } },
    {
      in: [[1, 2, 3, 4], [5, 2], [5, 2], { shape: [1, 3], dtype: 'int32', values: [4, 0, 2] }],
      attrs: { interleaved: false },
    },
  ],
});

function emitRotary(onnx: OnnxEmitter, attrs: Attrs): string[] | undefined {
  const [x, table] = onnx.inputAvals;
  const [batch, , steps, size] = x!.shape as [number, number, number, number];
  const half = table!.shape.at(-1)!;
  const [input, cosine, sine, positions] = onnx.inputs as [string, string, string, string?];
  const settings = {
    ...(attrs['interleaved'] === true ? { interleaved: 1 } : {}),
    ...(2 * half === size ? {} : { rotary_embedding_dim: 2 * half }),
  };
  const given = argumentLayout(attrs)?.[3] !== '-' && positions !== undefined;
  if (given) {
    const wide = onnx.cast(positions, 'int64');
    const [spread] = onnx.node('Expand', [wide, onnx.shape([batch, steps])]);
    return onnx.node('RotaryEmbedding', [input, cosine, sine, spread!], settings);
  }
  // Without positions the node wants a row for each item and step.
  const rows = (name: string): string =>
    onnx.node('Expand', [name, onnx.shape([batch, steps, half])])[0]!;
  return onnx.node('RotaryEmbedding', [input, rows(cosine), rows(sine)], settings);
}

export interface RotaryOptions {
  /** Pairs are neighbours 2j and 2j + 1 instead of j and j + width/2. Default false. */
  readonly interleaved?: boolean;
  /** Rows of the tables for each step, integers [steps] or [batch, steps]; left out, tables have a row a step. */
  readonly positions?: Tensor | undefined;
}

/**
 * Turns pairs (a, b) of the last axis to (a cos - b sin, b cos + a sin). Su et al. 2021, arXiv:2104.09864.
 * Elements beyond twice the width of the tables stay. `rotaryAngles` makes tables.
 * Shape: x [batch, heads, steps, size], cosine and sine [steps, width/2] or [batch, steps, width/2] (with
 * `positions`: [rows, width/2]) -> same as x.
 */
export const rotaryEmbedding = withOp(
  rotaryOp.op,
  (
    x: Tensor,
    cosine: Tensor,
    sine: Tensor,
    { interleaved = false, positions }: RotaryOptions = {},
  ): Tensor => {
    const op = 'rotaryEmbedding';
    for (const each of [x, cosine, sine]) requireTensor(op, each);
    const half = cosine.shape.at(-1) ?? 0;
    const [batch, , steps, size] = x.shape as [number, number, number, number];
    const rows = positions === undefined ? cosine.shape.slice(0, -1) : positions.shape;
    const isRows = (shape: readonly number[]): boolean =>
      ['', `${batch},`].some((lead) => `${lead}${steps}` === shape.join(','));
    const fits =
      x.rank === 4 &&
      isFloat(x.dtype) &&
      2 * half <= size &&
      formatShape(sine.shape) === formatShape(cosine.shape) &&
      (positions === undefined || cosine.rank === 2) &&
      (isRows(rows) || (positions?.rank === 2 && rows[0] === 1 && rows[1] === steps));
    if (!fits) {
      fail(
        op,
        'arguments do not fit',
        [x, cosine, sine, ...(positions === undefined ? [] : [positions])]
          .map((each) => formatShape(each.shape))
          .join(', '),
        '[batch, heads, steps, size], tables [steps, width/2] or [batch, steps, width/2]',
      );
    }
    const index = positions === undefined ? undefined : asIndex(op, positions);
    return rotaryOp(x, cast(cosine, x.dtype), cast(sine, x.dtype), index, { interleaved });
  },
);
