/**
 * Matrix products and convolutions of floats in tiles, added up in float32: a workgroup brings a block of both sides into its memory
 * and each invocation keeps a patch of the result in registers. A convolution is a product whose right side is
 * read from the image where it is needed (implicit GEMM; Chetlur et al. 2014, arXiv:1410.0759).
 */
import { geometryOf, product } from '@hebb/compiler';
import type { ConvGeometry, RoutineKernel } from '@hebb/compiler';
import { sizeOf, stridesOf } from '@hebb/core';
import type { DType } from '@hebb/core';
import { Values, statement } from './evaluate.ts';
import type { Dispatch } from './loop.ts';
import { decode, gridOf, groupNumber } from './shader.ts';
import { settle } from './scalar.ts';
import type { Shader } from './shader.ts';
import type { Choice } from '../tuning.ts';

/** A batch of products, sides and result as code. */
interface Product {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Statements that return element (m, k) of the left side, or (k, n) of the right one. */
  readonly left: string;
  readonly right: string;
  /** Neighbours in memory of the left side are along m. */
  readonly leftByColumns: boolean;
  /** Statements that define the coordinates of the result `v0`, `v1`, … from batch, m and n. */
  readonly place: string;
}

const contractions = new Set(['matmul', 'conv', 'convTranspose', 'convKernelGrad']);

/** Whether the kernel is computed in tiles; what is too small for them is left to loops. */
export function isTiled(kernel: RoutineKernel): boolean {
  const { op, results, inputs } = kernel;
  if (!contractions.has(op) || !isTiledType(results[0]!.dtype)) return false;
  if (sizeOf(results[0]!.shape) === 0 || inputs.some(({ shape }) => sizeOf(shape) === 0))
    return false;
  const { m, n, k } = sizesOf(kernel);
  return m >= 8 && n >= 8 && k >= 4;
}

/** Types whose products add up in float32. */
const isTiledType = (dtype: DType): boolean =>
  dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16';

type Sizes = Pick<Product, 'batch' | 'm' | 'n' | 'k'>;

function sizesOf(kernel: RoutineKernel): Sizes {
  if (kernel.op === 'matmul') {
    const { shape } = kernel.results[0]!;
    return {
      batch: sizeOf(shape.slice(0, -2)),
      m: shape.at(-2)!,
      n: shape.at(-1)!,
      k: kernel.inputs[0]!.shape.at(-1)!,
    };
  }
  const g = geometryOf(kernel);
  const perGroup = g.channels / g.groups;
  const rows = g.outChannels / g.groups;
  const taps = product(g.kernel);
  switch (kernel.op) {
    case 'conv':
      return { batch: g.images * g.groups, m: rows, n: product(g.outSize), k: perGroup * taps };
    case 'convTranspose':
      return { batch: g.images * g.groups, m: perGroup, n: product(g.size), k: rows * taps };
    default:
      return { batch: g.groups, m: rows, n: perGroup * taps, k: g.images * product(g.outSize) };
  }
}

/** Sizes of a tile: rows and columns of the result, and how deep it goes at once. */
interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Rows and columns of one invocation. */
  readonly own: readonly [number, number];
  /** What comes next is on its way while a tile is computed: twice the code, worth it where there is much to do. */
  readonly ahead: boolean;
}
const tiles = {
  huge: { rows: 128, columns: 128, depth: 8, own: [8, 8], ahead: true },
  large: { rows: 64, columns: 64, depth: 16, own: [4, 4], ahead: true },
  medium: { rows: 32, columns: 32, depth: 16, own: [2, 2], ahead: false },
} as const satisfies Record<string, Tile>;
type TileName = keyof typeof tiles;
/** Invocations along each side of a tile. */
const side = 16;
const invocations = side * side;

/**
 * A larger tile computes more with what it reads: by its side's half in products for each number. It is taken if
 * there are enough of them to fill a device.
 */
function tileFor({ batch, m, n }: Sizes): TileName {
  const count = ({ rows, columns }: Tile): number =>
    batch * Math.ceil(m / rows) * Math.ceil(n / columns);
  if (count(tiles.huge) >= 128 && m > 64 && n > 64) return 'huge';
  return count(tiles.large) >= 64 && m > 32 && n > 32 ? 'large' : 'medium';
}

/** The tile that is likely the best, and what else a device may be faster with. */
export function contractionDispatches(kernel: RoutineKernel, newShader: () => Shader): Dispatch[] {
  const sizes = sizesOf(kernel);
  const { batch, m, n, k } = sizes;
  const usual = tileFor(sizes);
  // Half-empty tiles need no measurement.
  const names = (Object.keys(tiles) as TileName[]).filter(
    (name) => name === usual || (m > tiles[name].rows / 2 && n > tiles[name].columns / 2),
  );
  const made = tiledDispatch(kernel, newShader(), tiles[usual]);
  if (names.length === 1) return [made];
  const rounded = [batch, m, n, k].map((size) => 2 ** Math.ceil(Math.log2(size)));
  const byColumns = kernel.op === 'matmul' && isByColumns(kernel) ? ' columns' : '';
  const choice: Choice = {
    key: `${kernel.op} ${kernel.results[0]!.dtype} ${rounded.join('x')}${byColumns}`,
    flops: 2 * batch * m * n * k,
    variants: Object.fromEntries(
      names.map((name) => [name, () => tiledDispatch(kernel, newShader(), tiles[name])]),
    ),
  };
  return [{ ...made, choice }];
}

/** Whether neighbours in memory of a product's left side are along its rows. */
function isByColumns({ inputs }: RoutineKernel): boolean {
  const { strides } = inputs[0]!;
  return Math.abs(strides.at(-2)!) < Math.abs(strides.at(-1)!);
}

/**
 * A row of the tile for each depth: the left side's numbers in vectors, as an invocation reads them, the right
 * side's one by one, since neighbours read neighbours.
 */
function tiledDispatch(kernel: RoutineKernel, shader: Shader, tile: Tile): Dispatch {
  const p = productOf(kernel, shader);
  const { depth, ahead } = tile;
  const [ownRows, ownColumns] = tile.own;
  const rowTiles = Math.ceil(p.m / tile.rows);
  const columnTiles = Math.ceil(p.n / tile.columns);
  const groups = p.batch * rowTiles * columnTiles;
  // Halves stay halves until they are multiplied: twice as many fit.
  const [a, b] = kernel.inputs.map(({ buffer }) => (shader.isHalf(buffer) ? 'f16' : 'f32'));
  // Each invocation brings one vector of the left side and a few numbers of the right one.
  const width = Math.min(4, ownRows);
  const vector = `vec${width}<${a!}>`;
  const vectors = tile.rows / width;
  // One more than there are: those that are written at once lie in different banks of the memory.
  const stride = vectors + 1;
  const brought = range((depth * tile.columns) / invocations);
  shader.global(`var<workgroup> tileA: array<${vector}, ${depth * stride}>;
var<workgroup> tileB: array<${b!}, ${depth * tile.columns}>;
fn left(batch: i32, m: i32, k: i32) -> f32 {
if (m >= ${p.m} || k >= ${p.k}) { return 0.0f; }
${p.left}
}
fn leftVector(batch: i32, m: i32, k: i32) -> ${vector} {
return ${vector}(${range(width)
    .map((i) => `${a!}(left(batch, m + ${i}, k))`)
    .join(', ')});
}
fn right(batch: i32, k: i32, n: i32) -> f32 {
if (k >= ${p.k} || n >= ${p.n}) { return 0.0f; }
${p.right}
}
fn finish(batch: i32, m: i32, n: i32, value: f32) {
if (m >= ${p.m} || n >= ${p.n}) { return; }
${p.place}
${attached(kernel, shader)}
}`);
  const rows = range(ownRows);
  const columns = range(ownColumns);
  const each = ownRows / width;
  // Neighbours bring what are neighbours in memory.
  const [fast, slow, fastSize] = p.leftByColumns
    ? ['mine', 'deep', vectors]
    : ['deep', 'mine', depth];
  const leftAt = (k0: string): string => `leftVector(batch, m0 + mine * ${width}, ${k0} + deep)`;
  const rightAt = (k0: string, i: string): string =>
    `right(batch, ${k0} + ${i} / ${tile.columns}, n0 + ${i} % ${tile.columns})`;
  const bring = (k0: string): string[] => [
    `nextA = ${leftAt(k0)};`,
    ...brought.map((t) => `nextB${t} = ${rightAt(k0, `(i32(lane) + ${t * invocations})`)};`),
  ];
  const body = [
    `let number = ${groupNumber(groups)};`,
    `if (number >= ${groups}) { return; }`,
    `let n0 = number % ${columnTiles} * ${tile.columns};`,
    `let m0 = number / ${columnTiles} % ${rowTiles} * ${tile.rows};`,
    `let batch = number / ${columnTiles * rowTiles};`,
    `let row = i32(lane) / ${side};`,
    `let column = i32(lane) % ${side};`,
    `let ${fast} = i32(lane) % ${fastSize};`,
    `let ${slow} = i32(lane) / ${fastSize};`,
    ...rows.flatMap((i) => columns.map((j) => `var c${i}_${j} = 0.0f;`)),
    ...(ahead
      ? [`var nextA: ${vector};`, ...brought.map((t) => `var nextB${t}: f32;`), ...bring('0')]
      : []),
    `for (var k0 = 0; k0 < ${p.k}; k0 = k0 + ${depth}) {`,
    ...(ahead
      ? [
          `tileA[deep * ${stride} + mine] = nextA;`,
          ...brought.map((t) => `tileB[lane + ${t * invocations}u] = ${b!}(nextB${t});`),
        ]
      : [
          `tileA[deep * ${stride} + mine] = ${leftAt('k0')};`,
          `for (var i = i32(lane); i < ${depth * tile.columns}; i = i + ${invocations}) {`,
          `tileB[i] = ${b!}(${rightAt('k0', 'i')});`,
          '}',
        ]),
    'workgroupBarrier();',
    ...(ahead ? bring(`k0 + ${depth}`) : []),
    `for (var k = 0; k < ${depth}; k = k + 1) {`,
    ...range(each).map(
      (v) => `let v${v} = vec${width}<f32>(tileA[k * ${stride} + row * ${each} + ${v}]);`,
    ),
    ...columns.map((j) => `let b${j} = f32(tileB[k * ${tile.columns} + column + ${side * j}]);`),
    ...rows.flatMap((i) =>
      columns.map((j) => {
        const left = `v${Math.floor(i / width)}.${'xyzw'[i % width]!}`;
        return `c${i}_${j} = fma(${left}, b${j}, c${i}_${j});`;
      }),
    ),
    '}',
    'workgroupBarrier();',
    '}',
    ...rows.flatMap((i) =>
      columns.map(
        (j) =>
          `finish(batch, m0 + row * ${ownRows} + ${i}, n0 + column + ${side * j}, c${i}_${j});`,
      ),
    ),
  ];
  return { code: shader.finish(invocations, body.join('\n')), grid: gridOf(groups) };
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The result stored, or the code that is attached to it. */
function attached(kernel: RoutineKernel, shader: Shader): string {
  const { shape, dtype } = kernel.results[0]!;
  const variables = shape.map((_, i) => `v${i}`);
  if (kernel.epilogue === undefined) {
    const index = stridesOf(shape)
      .map((stride, i) => `${variables[i]!} * ${stride}`)
      .join(' + ');
    return shader.store(kernel.outputs[0]!, index, settle(dtype, 'value', shader.use));
  }
  const context = {
    shader,
    values: new Values(),
    variables,
    result: { code: 'value', dtype },
  };
  return kernel.epilogue.map((instruction) => statement(context, instruction)).join('\n');
}

function productOf(kernel: RoutineKernel, shader: Shader): Product {
  if (kernel.op === 'matmul') return matmulProduct(kernel, shader);
  const g = geometryOf(kernel);
  const sizes = sizesOf(kernel);
  switch (kernel.op) {
    case 'conv':
      return convProduct(kernel, shader, g, sizes);
    case 'convTranspose':
      return transposeProduct(kernel, shader, g, sizes);
    default:
      return kernelGradProduct(kernel, shader, g, sizes);
  }
}

function matmulProduct(kernel: RoutineKernel, shader: Shader): Product {
  const sizes = sizesOf(kernel);
  const { shape } = kernel.results[0]!;
  const lead = shape.slice(0, -2);
  const names = lead.map((_, i) => `v${i}`);
  const [rank, rowAxis] = [shape.length, shape.length - 2];
  const element = (side: 0 | 1, row: string, column: string): string => {
    const { buffer, offset, strides } = kernel.inputs[side]!;
    const terms = [
      ...lead.map((_, i) => `${names[i]!} * (${strides[i]!})`),
      `${row} * (${strides[rank - 2]!})`,
      `${column} * (${strides[rank - 1]!})`,
      String(offset),
    ];
    return `${decode('batch', names, lead)}
return ${shader.load(buffer, terms.join(' + '))};`;
  };
  return {
    ...sizes,
    left: element(0, 'm', 'k'),
    right: element(1, 'k', 'n'),
    leftByColumns: isByColumns(kernel),
    place: `${decode('batch', names, lead)}
let v${rowAxis} = m;
let v${rowAxis + 1} = n;`,
  };
}

const axisNames = (prefix: string, list: readonly number[]): string[] =>
  list.map((_, i) => `${prefix}${i}`);
const flatIndex = (names: readonly string[], sizes: readonly number[]): string =>
  stridesOf(sizes)
    .map((stride, i) => `${names[i]!} * ${stride}`)
    .join(' + ');
const at = (offset: number, code: string): string => (offset === 0 ? code : `${offset} + ${code}`);

/** Where the taps of a window meet the image: statements that return 0 outside of it, then the coordinates. */
function windowed(g: ConvGeometry): string {
  return g.size
    .map((size, i) => {
      const place = `o${i} * ${g.stride[i]!} + t${i} * ${g.dilation[i]!} - ${g.padding[i]![0]}`;
      return `let x${i} = ${place};
if (x${i} < 0 || x${i} >= ${size}) { return 0.0f; }`;
    })
    .join('\n');
}

function convProduct(
  kernel: RoutineKernel,
  shader: Shader,
  g: ConvGeometry,
  sizes: Sizes,
): Product {
  const [x, w] = kernel.inputs as [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];
  const perGroup = g.channels / g.groups;
  const taps = product(g.kernel);
  const plane = product(g.size);
  const channel = `(batch / ${g.groups} * ${g.channels} + batch % ${g.groups} * ${perGroup} + c)`;
  return {
    ...sizes,
    leftByColumns: false,
    left: `return ${shader.load(w.buffer, at(w.offset, `(batch % ${g.groups} * ${sizes.m} + m) * ${sizes.k} + k`))};`,
    right: `let c = k / ${taps};
let tap = k % ${taps};
${decode('tap', axisNames('t', g.kernel), g.kernel)}
${decode('n', axisNames('o', g.outSize), g.outSize)}
${windowed(g)}
return ${shader.load(x.buffer, at(x.offset, `${channel} * ${plane} + ${flatIndex(axisNames('x', g.size), g.size)}`))};`,
    place: `let v0 = batch / ${g.groups};
let v1 = batch % ${g.groups} * ${sizes.m} + m;
${decode(
  'n',
  g.outSize.map((_, i) => `v${i + 2}`),
  g.outSize,
)}`,
  };
}

function transposeProduct(
  kernel: RoutineKernel,
  shader: Shader,
  g: ConvGeometry,
  sizes: Sizes,
): Product {
  const [y, w] = kernel.inputs as [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];
  const rows = g.outChannels / g.groups;
  const taps = product(g.kernel);
  const outPlane = product(g.outSize);
  const reach = g.size
    .map((_, i) => {
      const [s, d, p] = [g.stride[i]!, g.dilation[i]!, g.padding[i]![0]];
      return `let q${i} = x${i} + ${p} - t${i} * ${d};
if (q${i} < 0 || q${i} % ${s} != 0 || q${i} / ${s} >= ${g.outSize[i]!}) { return 0.0f; }
let o${i} = q${i} / ${s};`;
    })
    .join('\n');
  const channel = `(batch / ${g.groups} * ${g.outChannels} + batch % ${g.groups} * ${rows} + c)`;
  return {
    ...sizes,
    leftByColumns: taps === 1,
    left: `let row = batch % ${g.groups} * ${rows} + k / ${taps};
return ${shader.load(w.buffer, at(w.offset, `(row * ${sizes.m} + m) * ${taps} + k % ${taps}`))};`,
    right: `let c = k / ${taps};
let tap = k % ${taps};
${decode('tap', axisNames('t', g.kernel), g.kernel)}
${decode('n', axisNames('x', g.size), g.size)}
${reach}
return ${shader.load(y.buffer, at(y.offset, `${channel} * ${outPlane} + ${flatIndex(axisNames('o', g.outSize), g.outSize)}`))};`,
    place: `let v0 = batch / ${g.groups};
let v1 = batch % ${g.groups} * ${sizes.m} + m;
${decode(
  'n',
  g.size.map((_, i) => `v${i + 2}`),
  g.size,
)}`,
  };
}

function kernelGradProduct(
  kernel: RoutineKernel,
  shader: Shader,
  g: ConvGeometry,
  sizes: Sizes,
): Product {
  const [x, y] = kernel.inputs as [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];
  const perGroup = g.channels / g.groups;
  const taps = product(g.kernel);
  const [plane, outPlane] = [product(g.size), product(g.outSize)];
  const channel = `(image * ${g.channels} + batch * ${perGroup} + n / ${taps})`;
  return {
    ...sizes,
    leftByColumns: false,
    left: `return ${shader.load(y.buffer, at(y.offset, `(k / ${outPlane} * ${g.outChannels} + batch * ${sizes.m} + m) * ${outPlane} + k % ${outPlane}`))};`,
    right: `let image = k / ${outPlane};
let position = k % ${outPlane};
${decode('position', axisNames('o', g.outSize), g.outSize)}
let tap = n % ${taps};
${decode('tap', axisNames('t', g.kernel), g.kernel)}
${windowed(g)}
return ${shader.load(x.buffer, at(x.offset, `${channel} * ${plane} + ${flatIndex(axisNames('x', g.size), g.size)}`))};`,
    place: `let v0 = batch * ${sizes.m} + m;
let v1 = n / ${taps};
let tap = n % ${taps};
${decode(
  'tap',
  g.kernel.map((_, i) => `v${i + 2}`),
  g.kernel,
)}`,
  };
}
