/**
 * How primitives that are not one ONNX operator of the same meaning are written with several, or with
 * inputs in place of attributes. Each mapping belongs to the record that names it.
 */
import type { Attrs, OnnxEmitter, OnnxMapping } from '../op.ts';
import type { DType } from '../dtype.ts';
import { sizeOf } from '../shape.ts';
import type { Shape } from '../shape.ts';

type Emit = (onnx: OnnxEmitter, attrs: Attrs) => string[] | undefined;
const mapping = (op: string, since: number, emit: Emit): OnnxMapping => ({ op, since, emit });

/** Past the end of any axis. */
const end = Number.MAX_SAFE_INTEGER;
const input = (onnx: OnnxEmitter, i = 0): string => onnx.inputs[i]!;
const shapeOf = (onnx: OnnxEmitter, i = 0): Shape => onnx.inputAvals[i]!.shape;
const dtypeOf = (onnx: OnnxEmitter): DType => onnx.inputAvals[0]!.dtype;
const list = (attrs: Attrs, name: string): readonly number[] => attrs[name] as readonly number[];

const reshape = (onnx: OnnxEmitter, x: string, shape: Shape): string =>
  onnx.node('Reshape', [x, onnx.shape(shape)])[0]!;
const transpose = (onnx: OnnxEmitter, x: string, perm: readonly number[]): string =>
  onnx.node('Transpose', [x], { perm })[0]!;
function part(
  onnx: OnnxEmitter,
  x: string,
  axes: readonly number[],
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = axes.map(() => 1),
): string {
  const lists = [starts, ends, axes, steps].map((values) => onnx.int64(values));
  return onnx.node('Slice', [x, ...lists])[0]!;
}

// --- elementwise ---

/** Logical for bool, bitwise for integers. */
export const onnxBits = (op: string): OnnxMapping =>
  mapping(op, 7, (onnx) => {
    if (dtypeOf(onnx) === 'bool') return onnx.node(op, onnx.inputs);
    return onnx.opset < 18 ? undefined : onnx.node(`Bitwise${op}`, onnx.inputs);
  });

/** ONNX shifts unsigned numbers only: signed ones pass as such, negative ones by their complement. */
export const onnxShift = (direction: 'LEFT' | 'RIGHT'): OnnxMapping =>
  mapping('BitShift', 11, (onnx) => {
    const dtype = dtypeOf(onnx);
    if (dtype.startsWith('u')) return onnx.node('BitShift', onnx.inputs, { direction });
    if (onnx.opset < 18) return undefined;
    const unsigned = `u${dtype}` as DType;
    const shifted = (x: string): string => {
      const operands = [onnx.cast(x, unsigned), onnx.cast(input(onnx, 1), unsigned)];
      return onnx.cast(onnx.node('BitShift', operands, { direction })[0]!, dtype);
    };
    if (direction === 'LEFT') return [shifted(input(onnx))];
    const [negative] = onnx.node('Less', [input(onnx), onnx.scalar(0, dtype)]);
    const [complement] = onnx.node('BitwiseNot', [input(onnx)]);
    const y = shifted(onnx.node('Where', [negative, complement, input(onnx)])[0]!);
    return onnx.node('Where', [negative, onnx.node('BitwiseNot', [y])[0], y]);
  });

export const onnxTrunc = mapping('Floor', 9, (onnx) => {
  const [sign] = onnx.node('Sign', onnx.inputs);
  const [size] = onnx.node('Floor', onnx.node('Abs', onnx.inputs));
  return onnx.node('Mul', [sign, size]);
});
export const onnxExpm1 = mapping('Exp', 13, (onnx) =>
  onnx.node('Sub', [onnx.node('Exp', onnx.inputs)[0], onnx.scalar(1, dtypeOf(onnx))]),
);
export const onnxLog1p = mapping('Log', 13, (onnx) =>
  onnx.node('Log', onnx.node('Add', [input(onnx), onnx.scalar(1, dtypeOf(onnx))])),
);

/** The arctangent of the quotient, moved by half a turn where the second operand is negative. */
export const onnxAtan2 = mapping('Atan', 13, (onnx) => {
  const [a, b] = onnx.inputs;
  const number = (value: number): string => onnx.scalar(value, dtypeOf(onnx));
  const zero = number(0);
  const [angle] = onnx.node('Atan', onnx.node('Div', [a, b]));
  const [below] = onnx.node('Less', [a, zero]);
  const [turn] = onnx.node('Where', [below, number(-Math.PI), number(Math.PI)]);
  const [left] = onnx.node('Less', [b, zero]);
  const [moved] = onnx.node('Add', [angle, onnx.node('Where', [left, turn, zero])[0]]);
  const [origin] = onnx.node('And', [
    onnx.node('Equal', [a, zero])[0],
    onnx.node('Equal', [b, zero])[0],
  ]);
  return onnx.node('Where', [origin, zero, moved]);
});

export const onnxCast = mapping('Cast', 13, (onnx, { dtype }) => [
  onnx.cast(input(onnx), dtype as DType),
]);

// --- movement ---

export const onnxReshape = mapping('Reshape', 13, (onnx, attrs) => [
  reshape(onnx, input(onnx), list(attrs, 'shape')),
]);

export const onnxSlice = mapping('Slice', 13, (onnx, attrs) => {
  const [starts, sizes, steps] = ['starts', 'sizes', 'steps'].map((name) => list(attrs, name));
  const shape = shapeOf(onnx);
  const axes = shape
    .map((_, axis) => axis)
    .filter((axis) => steps![axis] !== 1 || sizes![axis] !== shape[axis]);
  const pick = (values: readonly number[]): number[] => axes.map((axis) => values[axis]!);
  const ends = shape.map((dim, axis) => {
    const next = starts![axis]! + sizes![axis]! * steps![axis]!;
    return next >= dim && sizes![axis]! > 0 ? end : next - steps![axis]! + 1;
  });
  // An empty slice ends where it starts.
  sizes!.forEach((size, axis) => {
    if (size === 0) ends[axis] = starts![axis]!;
  });
  return [part(onnx, input(onnx), axes, pick(starts!), pick(ends), pick(steps!))];
});

export const onnxFlip = mapping('Slice', 13, (onnx, attrs) => {
  const axes = list(attrs, 'axes');
  const each = (value: number): number[] => axes.map(() => value);
  return [part(onnx, input(onnx), axes, each(-1), each(-end), each(-1))];
});

/** Elements are spread by padding each with zeros on an axis of its own. */
export const onnxPad = mapping('Pad', 13, (onnx, attrs) => {
  const [low, high, interior] = ['low', 'high', 'interior'].map((name) => list(attrs, name));
  const value = onnx.scalar(attrs.value as number | bigint, dtypeOf(onnx));
  const shape = [...shapeOf(onnx)];
  let x = input(onnx);
  interior!.forEach((gap, axis) => {
    if (gap === 0) return;
    const split = [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)];
    const widths = split.flatMap(() => [0, 0]);
    widths[split.length + axis + 1] = gap;
    const [wide] = onnx.node('Pad', [reshape(onnx, x, split), onnx.int64(widths), value]);
    const dim = shape[axis]!;
    shape[axis] = dim * (gap + 1);
    x = reshape(onnx, wide!, shape);
    shape[axis] = Math.max(0, dim * (gap + 1) - gap);
    x = part(onnx, x, [axis], [0], [-gap]);
  });
  if ([...low!, ...high!].every((n) => n === 0)) return [x];
  return onnx.node('Pad', [x, onnx.int64([...low!, ...high!]), value]);
});

/** Each axis is gathered by a table of positions, which leaves a window axis behind it. */
export const onnxWindow = mapping('Gather', 13, (onnx, attrs) => {
  const [size, stride, dilation] = ['size', 'stride', 'dilation'].map((name) => list(attrs, name));
  const lead = shapeOf(onnx).length - size!.length;
  const counts = onnx.outputAvals[0]!.shape.slice(lead, lead + size!.length);
  let x = input(onnx);
  size!.forEach((n, k) => {
    const places = ramp(onnx, counts[k]!, stride![k]!, [counts[k]!, 1]);
    const offsets = ramp(onnx, n, dilation![k]!, [1, n]);
    const [table] = onnx.node('Add', [places, offsets]);
    [x] = onnx.node('Gather', [x, table], { axis: lead + 2 * k }) as [string];
  });
  const n = size!.length;
  const perm = [
    ...Array.from({ length: lead }, (_, i) => i),
    ...Array.from({ length: n }, (_, k) => lead + 2 * k),
    ...Array.from({ length: n }, (_, k) => lead + 2 * k + 1),
  ];
  return [n === 1 ? x : transpose(onnx, x, perm)];
});

/** 0, step, 2·step, ... as int64 of the shape. */
function ramp(onnx: OnnxEmitter, count: number, step: number, shape: Shape): string {
  const [range] = onnx.node('Range', [
    onnx.int64([0], []),
    onnx.int64([count], []),
    onnx.int64([1], []),
  ]);
  const [scaled] = onnx.node('Mul', [range, onnx.int64([step], [])]);
  return reshape(onnx, scaled!, shape);
}

/** The windows' elements are added up at their positions, one axis after the other. */
export const onnxFold = mapping('ScatterElements', 16, (onnx, attrs) => {
  const [size, stride, dilation, spatial] = ['size', 'stride', 'dilation', 'spatial'].map((name) =>
    list(attrs, name),
  );
  const shape = shapeOf(onnx);
  const n = size!.length;
  const lead = shape.length - 2 * n;
  // [..., n1, n2, size1, size2] -> [..., n1, size1, n2, size2]: windows beside their counts.
  const perm = [
    ...Array.from({ length: lead }, (_, i) => i),
    ...Array.from({ length: n }, (_, k) => [lead + k, lead + n + k]).flat(),
  ];
  let x = n === 1 ? input(onnx) : transpose(onnx, input(onnx), perm);
  let dims = perm.map((axis) => shape[axis]!);
  for (let k = 0; k < n; k++) {
    const axis = lead + k;
    const [count, width] = [dims[axis]!, dims[axis + 1]!];
    const merged = [...dims.slice(0, axis), count * width, ...dims.slice(axis + 2)];
    const [table] = onnx.node('Add', [
      ramp(onnx, count, stride![k]!, [count, 1]),
      ramp(onnx, width, dilation![k]!, [1, width]),
    ]);
    const along = merged.map((_, i) => (i === axis ? count * width : 1));
    const [index] = onnx.node('Expand', [reshape(onnx, table!, along), onnx.shape(merged)]);
    dims = merged.map((dim, i) => (i === axis ? spatial![k]! : dim));
    const [empty] = onnx.node('Expand', [onnx.scalar(0, dtypeOf(onnx)), onnx.shape(dims)]);
    const source = reshape(onnx, x, merged);
    [x] = onnx.node('ScatterElements', [empty, index, source], { axis, reduction: 'add' }) as [
      string,
    ];
  }
  return [x];
});

// --- reductions ---

/**
 * Axes are an input from `axesInput` on and an attribute before. With `keepdim` among the attributes, which
 * an exporter may add, the reduced axes stay at size 1.
 */
export const onnxReduce = (op: string, axesInput: number): OnnxMapping =>
  mapping(op, 13, (onnx, attrs) => {
    const axes = list(attrs, 'axes');
    if (axes.length === 0) return [input(onnx)];
    const keepdims = attrs.keepdim === true ? 1 : 0;
    const bool = dtypeOf(onnx) === 'bool';
    const x = bool ? onnx.cast(input(onnx), 'int32') : input(onnx);
    const [y] =
      onnx.opset >= axesInput
        ? onnx.node(op, [x, onnx.int64(axes)], { keepdims })
        : onnx.node(op, [x], { axes, keepdims });
    return [bool ? onnx.cast(y!, 'bool') : y!];
  });

export const onnxArg = (op: string): OnnxMapping =>
  mapping(op, 13, (onnx, attrs) => {
    const keepdims = attrs.keepdim === true ? 1 : 0;
    const [y] = onnx.node(op, [input(onnx)], { axis: attrs.axis as number, keepdims });
    return [onnx.cast(y!, 'int32')];
  });

export const onnxSort = mapping('TopK', 11, (onnx, { axis, descending }) => {
  const count = onnx.int64([shapeOf(onnx)[axis as number]!]);
  const settings = { axis: axis as number, largest: descending === true ? 1 : 0, sorted: 1 };
  const [values, places] = onnx.node('TopK', [input(onnx), count], settings, 2);
  return [values!, onnx.cast(places!, 'int32')];
});

// --- indexing ---

export const onnxScatterElements = mapping('ScatterElements', 13, (onnx, { axis, reduce }) => {
  if (reduce === 'none') return onnx.node('ScatterElements', onnx.inputs, { axis: axis as number });
  if (onnx.opset < (reduce === 'add' || reduce === 'mul' ? 16 : 18)) return undefined;
  return onnx.node('ScatterElements', onnx.inputs, {
    axis: axis as number,
    reduction: reduce as string,
  });
});

/** Slices are scattered element by element, the index repeated over them. */
export const onnxScatter = mapping('ScatterElements', 13, (onnx, { axis: at, reduce }) => {
  const axis = at as number;
  if (reduce !== 'none' && onnx.opset < (reduce === 'add' || reduce === 'mul' ? 16 : 18)) {
    return undefined;
  }
  const count = sizeOf(shapeOf(onnx, 1));
  const flat = shapeOf(onnx).map((dim, i) => (i === axis ? count : dim));
  const along = flat.map((_, i) => (i === axis ? count : 1));
  const index = onnx.node('Expand', [reshape(onnx, input(onnx, 1), along), onnx.shape(flat)])[0];
  const source = reshape(onnx, input(onnx, 2), flat);
  return onnx.node('ScatterElements', [input(onnx), index, source], {
    axis,
    reduction: reduce === 'none' ? undefined : (reduce as string),
  });
});

// --- contraction ---

const swapped = (rank: number): number[] =>
  Array.from({ length: rank }, (_, i) =>
    i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i,
  );

export const onnxMatmul = mapping('MatMul', 13, (onnx, { transposeA, transposeB }) => {
  const [a, b] = [shapeOf(onnx), shapeOf(onnx, 1)];
  const float = dtypeOf(onnx).includes('float');
  if ((transposeA === true || transposeB === true) && a.length === 2 && b.length === 2 && float) {
    return onnx.node('Gemm', onnx.inputs, {
      transA: transposeA === true ? 1 : undefined,
      transB: transposeB === true ? 1 : undefined,
    });
  }
  return onnx.node('MatMul', [
    transposeA === true ? transpose(onnx, input(onnx), swapped(a.length)) : input(onnx),
    transposeB === true ? transpose(onnx, input(onnx, 1), swapped(b.length)) : input(onnx, 1),
  ]);
});

type Pads = readonly (readonly [number, number])[];
const padsOf = (padding: Pads): number[] => [
  ...padding.map((p) => p[0]),
  ...padding.map((p) => p[1]),
];

export const onnxConvTranspose = mapping('ConvTranspose', 11, (onnx, attrs) => {
  const [stride, dilation, size] = ['stride', 'dilation', 'size'].map((name) => list(attrs, name));
  const padding = attrs.padding as Pads;
  const [g, w] = [shapeOf(onnx), shapeOf(onnx, 1)];
  const extra = size!.map((wanted, i) => {
    const whole = (g[2 + i]! - 1) * stride![i]! + (w[2 + i]! - 1) * dilation![i]! + 1;
    return wanted - whole + padding[i]![0] + padding[i]![1];
  });
  return onnx.node('ConvTranspose', onnx.inputs, {
    strides: stride,
    dilations: dilation,
    group: attrs.groups as number,
    pads: padsOf(padding),
    output_padding: extra.some((n) => n !== 0) ? extra : undefined,
  });
});

/** A convolution of x by g with batch and channels exchanged, where stride and dilation trade places. */
export const onnxConvKernelGrad = mapping('Conv', 11, (onnx, attrs) => {
  const [stride, dilation, size] = ['stride', 'dilation', 'size'].map((name) => list(attrs, name));
  const groups = attrs.groups as number;
  const [x, g] = [shapeOf(onnx), shapeOf(onnx, 1)];
  const perm = x.map((_, i) => (i < 2 ? 1 - i : i));
  const spatial = size!.map((_, i) => i + 2);
  const parts = Array.from({ length: groups }, (_, k) => {
    const group = (name: string, channels: number): string => {
      if (groups === 1) return name;
      const each = channels / groups;
      return part(onnx, name, [1], [k * each], [(k + 1) * each]);
    };
    const [y] = onnx.node(
      'Conv',
      [
        transpose(onnx, group(input(onnx), x[1]!), perm),
        transpose(onnx, group(input(onnx, 1), g[1]!), perm),
      ],
      { strides: dilation, dilations: stride, pads: padsOf(attrs.padding as Pads) },
    );
    const cut = part(
      onnx,
      y!,
      spatial,
      size!.map(() => 0),
      size!,
    );
    return transpose(onnx, cut, perm);
  });
  return groups === 1 ? [parts[0]!] : onnx.node('Concat', parts, { axis: 0 });
});
