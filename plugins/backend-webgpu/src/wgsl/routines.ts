/** Algorithms of their own: running sums, folds, random words, scattering, sorting. */
import type { RoutineKernel } from '@hebb/compiler';
import { sizeOf, stridesOf } from '@hebb/core';
import type { DType, ScatterReduce } from '@hebb/core';
import type { Dispatch } from './loop.ts';
import { applyScalar, castScalar, constant, scalarFor, settle } from './scalar.ts';
import { decode, gridOf, groupNumber } from './shader.ts';
import type { Shader } from './shader.ts';
import { mostInvocations } from './teams.ts';
import { typeName } from '../types.ts';

/** Makes a shader over the buffers of the kernel; each dispatch has its own. */
export type NewShader = () => Shader;
export type RoutineGenerator = (kernel: RoutineKernel, shader: NewShader) => Dispatch[];

const width = 64;

/** One invocation for each item. */
function perItem(
  shader: Shader,
  items: number,
  coordinates: readonly (readonly [name: string, size: number])[],
  body: readonly string[],
): Dispatch[] {
  if (items === 0) return [];
  const groups = Math.ceil(items / width);
  const code = [
    `let item = ${groupNumber(groups)} * ${width} + i32(lane);`,
    `if (item >= ${items}) { return; }`,
    decode(
      'item',
      coordinates.map(([name]) => name),
      coordinates.map(([, size]) => size),
    ),
    ...body,
  ];
  return [{ code: shader.finish(width, code.join('\n')), grid: gridOf(groups) }];
}

/** An element of input `i`, contiguous at its offset. */
const input = (kernel: RoutineKernel, shader: Shader, i: number, index: string): string => {
  const { buffer, offset } = kernel.inputs[i]!;
  return shader.load(buffer, offset === 0 ? index : `${offset} + ${index}`);
};

const cumsum: RoutineGenerator = (kernel, newShader) => {
  const { axis, exclusive, reverse } = kernel.attrs as {
    axis: number;
    exclusive: boolean;
    reverse: boolean;
  };
  const { shape, dtype } = kernel.results[0]!;
  const n = shape[axis]!;
  if (sizeOf(shape) === 0) return [];
  const after = sizeOf(shape.slice(axis + 1));
  const shader = newShader();
  const [y] = kernel.outputs as [number];
  const store = shader.store(y, 'at', settle(dtype, 'total', shader.use));
  const plus = (x: string, y: string): string => applyScalar('add', dtype, [x, y], shader.use);
  const add = `total = ${plus('total', 'value')};`;
  const rows = sizeOf(shape) / n;
  const coordinates = [
    ['before', sizeOf(shape.slice(0, axis))],
    ['after', after],
  ] as const;
  const walk = (from: string, to: string, body: readonly string[]): string[] => [
    `for (var i = ${from}; i < ${to}; i = i + 1) {`,
    `let at = (before * ${n} + ${reverse ? `${n - 1} - i` : 'i'}) * ${after} + after;`,
    `let value = ${input(kernel, shader, 0, 'at')};`,
    ...body,
    '}',
  ];
  const zero = constant(dtype, 0, shader.use);
  const run = exclusive ? [store, add] : [add, store];
  if (shader.isSoftware || rows >= 4096 || n < 4 * mostInvocations || dtype === 'bool') {
    return perItem(shader, rows, coordinates, [
      `var total = ${zero};`,
      ...walk('0', String(n), run),
    ]);
  }
  // A workgroup for each row, a stretch of it for each invocation: its sum first, then what comes before it.
  const each = Math.ceil(n / mostInvocations);
  const type = typeName(scalarFor('cumsum', dtype));
  shader.global(`var<workgroup> sums: array<${type}, ${mostInvocations}>;`);
  const body = [
    `let row = ${groupNumber(rows)};`,
    `if (row >= ${rows}) { return; }`,
    decode(
      'row',
      coordinates.map(([name]) => name),
      coordinates.map(([, size]) => size),
    ),
    `let first = min(i32(lane) * ${each}, ${n});`,
    `let end = min(first + ${each}, ${n});`,
    `var total = ${zero};`,
    ...walk('first', 'end', [add]),
    'sums[lane] = total;',
    'workgroupBarrier();',
    `for (var step = 1u; step < ${mostInvocations}u; step = step * 2u) {`,
    `var other = ${zero};`,
    'if (lane >= step) { other = sums[lane - step]; }',
    'workgroupBarrier();',
    `sums[lane] = ${plus('other', 'sums[lane]')};`,
    'workgroupBarrier();',
    '}',
    `total = ${zero};`,
    'if (lane > 0u) { total = sums[lane - 1u]; }',
    ...walk('first', 'end', run),
  ];
  return [{ code: shader.finish(mostInvocations, body.join('\n')), grid: gridOf(rows) }];
};

const randomBits: RoutineGenerator = (kernel, newShader) => {
  const count = sizeOf(kernel.results[0]!.shape);
  const shader = newShader();
  shader.use('philox');
  const key = (i: number): string => input(kernel, shader, 0, String(i));
  const words = [0, 1, 2, 3].map(
    (i) =>
      `if (item * 4 + ${i} < ${count}) { ${shader.store(kernel.outputs[0]!, `item * 4 + ${i}`, `words[${i}]`)} }`,
  );
  return perItem(
    shader,
    Math.ceil(count / 4),
    [],
    [`let words = philox(u32(item), ${key(0)}, ${key(1)});`, ...words],
  );
};

/** The transpose of `window`: for each position the sum of the windows' elements that lie there. */
const fold: RoutineGenerator = (kernel, newShader) => {
  const { size, stride, dilation, spatial } = kernel.attrs as Record<
    'size' | 'stride' | 'dilation' | 'spatial',
    readonly number[]
  >;
  const { shape, dtype } = kernel.results[0]!;
  const x = kernel.inputs[0]!.shape;
  const rank = size.length;
  const counts = x.slice(x.length - 2 * rank, x.length - rank);
  const strides = stridesOf([...counts, ...size]);
  const shader = newShader();
  const walk = (axis: number, from: string): string => {
    if (axis === rank) {
      const value = input(kernel, shader, 0, from);
      return `total = ${applyScalar('add', dtype, ['total', value], shader.use)};`;
    }
    const [k, o, w] = [`k${axis}`, `o${axis}`, `w${axis}`];
    return `for (var ${k} = 0; ${k} < ${size[axis]!}; ${k} = ${k} + 1) {
let ${o} = s${axis} - ${k} * ${dilation[axis]!};
let ${w} = ${o} / ${stride[axis]!};
if (${o} >= 0 && ${o} % ${stride[axis]!} == 0 && ${w} < ${counts[axis]!}) {
${walk(axis + 1, `${from} + ${w} * ${strides[axis]!} + ${k} * ${strides[rank + axis]!}`)}
} }`;
  };
  return perItem(
    shader,
    sizeOf(shape),
    [
      ['lead', sizeOf(shape.slice(0, shape.length - rank))],
      ...spatial.map((n, axis) => [`s${axis}`, n] as const),
    ],
    [
      `var total = ${constant(dtype, 0, shader.use)};`,
      walk(0, `lead * ${sizeOf([...counts, ...size])}`),
      shader.store(kernel.outputs[0]!, 'item', settle(dtype, 'total', shader.use)),
    ],
  );
};

const combiner = { add: 'add', mul: 'mul', max: 'maximum', min: 'minimum' } as const;

function combined(
  shader: Shader,
  dtype: DType,
  buffer: number,
  to: string,
  value: string,
  reduce: ScatterReduce,
): string {
  if (reduce === 'none') return shader.store(buffer, to, value);
  const old = shader.load(buffer, to);
  const sum = applyScalar(combiner[reduce], dtype, [old, value], shader.use);
  return shader.store(buffer, to, settle(dtype, sum, shader.use));
}

/** The first input to the output; nothing where they are one. */
function copyFirst(kernel: RoutineKernel, shader: Shader, same: boolean): Dispatch[] {
  if (same) return [];
  const value = input(kernel, shader, 0, 'item');
  return perItem(
    shader,
    sizeOf(kernel.results[0]!.shape),
    [],
    [shader.store(kernel.outputs[0]!, 'item', value)],
  );
}

/** Element of the second input, an index of whatever integer type. */
function position(kernel: RoutineKernel, shader: Shader, at: string): string {
  const given = input(kernel, shader, 1, at);
  return castScalar(shader.dtype(kernel.inputs[1]!.buffer), 'int32', given, shader.use);
}

/** Invocations that keep a graphics processor busy, and the fewest positions that one is worth. */
const busy = 32768;
const leastRange = 4;

/**
 * Positions along the axis are shared out among invocations, which all walk through the indices: what collides still
 * goes in index order within one of them. A software adapter walks once.
 */
function rangesOf(shader: Shader, lanes: number, size: number): { count: number; each: number } {
  const most = shader.isSoftware ? 1 : Math.ceil(size / leastRange);
  const count = Math.max(1, Math.min(most, Math.floor(busy / Math.max(1, lanes))));
  const each = Math.ceil(size / count);
  return { count: Math.ceil(size / each), each };
}

/** Whether this invocation has the position `to`: an index out of range is left out. */
const has = (size: number, { count, each }: { count: number; each: number }): string =>
  count === 1
    ? `to >= 0 && to < ${size}`
    : `to >= range * ${each} && to < min((range + 1) * ${each}, ${size})`;

/** What collides goes in index order within one invocation. */
const scatter =
  (same: (kernel: RoutineKernel) => boolean): RoutineGenerator =>
  (kernel, newShader) => {
    const { axis, reduce } = kernel.attrs as { axis: number; reduce: ScatterReduce };
    const { shape, dtype } = kernel.results[0]!;
    const size = shape[axis]!;
    const block = sizeOf(shape.slice(axis + 1));
    const count = sizeOf(kernel.inputs[1]!.shape);
    if (sizeOf(shape) === 0) return [];
    const shader = newShader();
    const [y] = kernel.outputs as [number];
    const lead = sizeOf(shape.slice(0, axis));
    const ranges = rangesOf(shader, lead * block, size);
    const update = perItem(
      shader,
      count === 0 ? 0 : lead * ranges.count * block,
      [
        ['a', lead],
        ['range', ranges.count],
        ['b', block],
      ],
      [
        `for (var i = 0; i < ${count}; i = i + 1) {`,
        `let to = ${position(kernel, shader, 'i')};`,
        `if (${has(size, ranges)}) {`,
        combined(
          shader,
          dtype,
          y,
          `(a * ${size} + to) * ${block} + b`,
          input(kernel, shader, 2, `(a * ${count} + i) * ${block} + b`),
          reduce,
        ),
        '} }',
      ],
    );
    return [...copyFirst(kernel, newShader(), same(kernel)), ...update];
  };

const scatterElements =
  (same: (kernel: RoutineKernel) => boolean): RoutineGenerator =>
  (kernel, newShader) => {
    const { axis, reduce } = kernel.attrs as { axis: number; reduce: ScatterReduce };
    const { shape, dtype } = kernel.results[0]!;
    const places = kernel.inputs[1]!.shape;
    if (sizeOf(shape) === 0) return [];
    const [strides, indexStrides] = [stridesOf(shape), stridesOf(places)];
    const others = places.map((_, i) => i).filter((i) => i !== axis);
    const dot = (list: readonly number[]): string =>
      others.length === 0 ? '0' : others.map((i) => `c${i} * ${list[i]!}`).join(' + ');
    const shader = newShader();
    const [y] = kernel.outputs as [number];
    const lanes = sizeOf(others.map((i) => places[i]!));
    const ranges = rangesOf(shader, lanes, shape[axis]!);
    const update = perItem(
      shader,
      sizeOf(places) === 0 ? 0 : lanes * ranges.count,
      [['range', ranges.count], ...others.map((i) => [`c${i}`, places[i]!] as const)],
      [
        `for (var i = 0; i < ${places[axis]!}; i = i + 1) {`,
        `let at = ${dot(indexStrides)} + i * ${indexStrides[axis]!};`,
        `let to = ${position(kernel, shader, 'at')};`,
        `if (${has(shape[axis]!, ranges)}) {`,
        combined(
          shader,
          dtype,
          y,
          `${dot(strides)} + to * ${strides[axis]!}`,
          input(kernel, shader, 2, 'at'),
          reduce,
        ),
        '} }',
      ],
    );
    return [...copyFirst(kernel, newShader(), same(kernel)), ...update];
  };

/** Words of working memory: two lists of positions. */
export const sortScratch = (kernel: RoutineKernel): number => 2 * sizeOf(kernel.results[0]!.shape);

/**
 * Stable, by merging runs of 1, 2, 4, … positions; NaN counts as the largest. Each pass places every element
 * on its own: behind those of its run that are before it, and those of the neighbouring run, found by bisection.
 */
const sort: RoutineGenerator = (kernel, newShader) => {
  const { axis, descending } = kernel.attrs as { axis: number; descending: boolean };
  const { shape, dtype } = kernel.results[0]!;
  const n = shape[axis]!;
  const total = sizeOf(shape);
  if (total === 0) return [];
  const after = sizeOf(shape.slice(axis + 1));
  const rows = total / n;
  const scratch = kernel.scratch!;
  const coordinates = [
    ['row', rows],
    ['i', n],
  ] as const;
  const place = (i: string): string => `(row / ${after} * ${n} + ${i}) * ${after} + row % ${after}`;
  const scalar = scalarFor('sort', dtype);
  const declareOrder = (shader: Shader): void => {
    // Whether x stands before y for certain.
    const [a, b] = descending ? ['y', 'x'] : ['x', 'y'];
    if (scalar === 'f32') shader.use('isNan');
    const less =
      scalar === 'f32'
        ? `(!isNan(${a}) && (isNan(${b}) || ${a} < ${b}))`
        : scalar === 'bool'
          ? `(!${a} && ${b})`
          : applyScalar('lt', dtype, [a, b], shader.use);
    const type = typeName(scalar);
    shader.global(`fn isBefore(x: ${type}, y: ${type}) -> bool { return ${less}; }`);
  };
  const dispatches: Dispatch[] = [];
  // Positions go from one half of the working memory to the other.
  const position = (shader: Shader, half: number, index: string): string =>
    `bitcast<i32>(${shader.load(scratch, `${half * total} + ${index}`)})`;
  const keep = (shader: Shader, half: number, index: string, value: string): string =>
    shader.store(scratch, `${half * total} + ${index}`, `bitcast<u32>(${value})`);
  const start = newShader();
  dispatches.push(...perItem(start, total, coordinates, [keep(start, 0, 'item', 'i')]));
  let half = 0;
  for (let run = 1; run < n; run *= 2) {
    const shader = newShader();
    declareOrder(shader);
    const key = (at: string): string => input(kernel, shader, 0, place(at));
    dispatches.push(
      ...perItem(shader, total, coordinates, [
        `let own = i / ${run};`,
        `let mine = ${position(shader, half, 'item')};`,
        `let value = ${key('mine')};`,
        'let isLeft = own % 2 == 0;',
        `let other = select(own - 1, own + 1, isLeft) * ${run};`,
        `var low = min(other, ${n});`,
        `var high = min(other + ${run}, ${n});`,
        'let first = low;',
        // Of equals the left run's come first.
        'while (low < high) {',
        'let middle = (low + high) / 2;',
        `let there = ${position(shader, half, `row * ${n} + middle`)};`,
        `let otherValue = ${key('there')};`,
        'let goes = select(!isBefore(value, otherValue), isBefore(otherValue, value), isLeft);',
        'if (goes) { low = middle + 1; } else { high = middle; }',
        '}',
        `let to = own / 2 * ${2 * run} + i % ${run} + (low - first);`,
        keep(shader, 1 - half, `row * ${n} + to`, 'mine'),
      ]),
    );
    half = 1 - half;
  }
  const end = newShader();
  const [values, indices] = kernel.outputs as [number, number];
  const source = position(end, half, 'item');
  const body = [`let origin = ${source};`, `let to = ${place('i')};`];
  if (values >= 0) body.push(end.store(values, 'to', input(kernel, end, 0, place('origin'))));
  if (indices >= 0) body.push(end.store(indices, 'to', 'origin'));
  dispatches.push(...perItem(end, total, coordinates, body));
  return dispatches;
};

/** `same` tells whether a scatter's first input and its output are one piece of memory. */
export function routineDispatches(
  kernel: RoutineKernel,
  newShader: NewShader,
  same: (kernel: RoutineKernel) => boolean,
): Dispatch[] | undefined {
  const generators: Readonly<Record<string, RoutineGenerator>> = {
    cumsum,
    randomBits,
    fold,
    sort,
    scatter: scatter(same),
    scatterElements: scatterElements(same),
  };
  return generators[kernel.op]?.(kernel, newShader);
}
