/**
 * Products in tiles: a workgroup brings a block of both sides into its memory and each invocation keeps a patch of
 * the result in registers.
 */
import type { RoutineKernel } from '@hebb/compiler';
import type { Dispatch } from './loop.ts';
import type { Operand, Product } from './product.ts';
import { finisher, range } from './result.ts';
import { decode, gridOf, groupNumber } from './shader.ts';
import type { Shader } from './shader.ts';

/** Sizes of a tile: rows and columns of the result, and how deep it goes at once. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Rows and columns of one invocation. */
  readonly own: readonly [number, number];
  /** What comes next is on its way while a tile is computed: twice the code, worth it where there is much to do. */
  readonly ahead: boolean;
}

/** Invocations along each side of a tile. */
const side = 16;
const invocations = side * side;

/** The statements of a function that gives one element of a side; 0 outside of its windows. */
function elementCode(operand: Operand, p: Product, isLeft: boolean, shader: Shader): string {
  const outer = isLeft ? ['m'] : p.columns.map((_, i) => `q${i}`);
  const deep = p.depth.map((_, i) => `d${i}`);
  const index = (form: Pick<Operand, 'offset' | 'batch' | 'outer' | 'depth'>): string => {
    const terms = [
      ...form.batch.map((stride, i) => [stride, p.batchNames[i]!] as const),
      ...form.outer.map((stride, i) => [stride, outer[i]!] as const),
      ...form.depth.map((stride, i) => [stride, deep[i]!] as const),
    ].filter(([stride]) => stride !== 0);
    const parts = terms.map(([stride, name]) => (stride === 1 ? name : `${name} * (${stride})`));
    if (form.offset !== 0 || parts.length === 0) parts.push(`(${form.offset})`);
    return parts.join(' + ');
  };
  return [
    decode('k', deep, p.depth),
    ...(isLeft ? [] : [decode('n', outer, p.columns)]),
    ...operand.windows.map(
      (window) => `if (u32(${index(window)}) >= ${window.size}u) { return 0.0f; }`,
    ),
    `return ${shader.load(operand.buffer, index(operand))};`,
  ].join('\n');
}

/** Neighbours in memory of the left side are along its rows. */
const isByColumns = ({ left }: Product): boolean =>
  Math.abs(left.outer[0]!) < Math.abs(left.depth.at(-1)!);

/** Rows of tiles in a band. */
const bandHeight = 8;

/**
 * Where tile `number` is: in bands, so that tiles that are computed at the same time share rows and columns, which
 * a cache then holds for them.
 */
function placeOfTile(rowTiles: number, columnTiles: number): string[] {
  const count = rowTiles * columnTiles;
  const batch = `let batch = number / ${count};`;
  if (rowTiles <= bandHeight || columnTiles <= bandHeight) {
    return [
      batch,
      `let columnTile = number % ${columnTiles};`,
      `let rowTile = number / ${columnTiles} % ${rowTiles};`,
    ];
  }
  return [
    batch,
    `let band = number % ${count} / ${bandHeight * columnTiles};`,
    `let inBand = number % ${count} % ${bandHeight * columnTiles};`,
    `let height = min(${bandHeight}, ${rowTiles} - band * ${bandHeight});`,
    'let columnTile = inBand / height;',
    `let rowTile = band * ${bandHeight} + inBand % height;`,
  ];
}

/**
 * A row of the tile for each depth: the left side's numbers in vectors, as an invocation reads them, the right
 * side's one by one, since neighbours read neighbours.
 */
export function tileDispatch(
  kernel: RoutineKernel,
  p: Product,
  shader: Shader,
  tile: Tile,
): Dispatch {
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
  const parameters = p.batchNames.map((name) => `${name}: i32, `).join('');
  const given = p.batchNames.map((name) => `${name}, `).join('');
  shader.global(`var<workgroup> tileA: array<${vector}, ${depth * stride}>;
var<workgroup> tileB: array<${b!}, ${depth * tile.columns}>;
fn left(${parameters}m: i32, k: i32) -> f32 {
if (m >= ${p.m} || k >= ${p.k}) { return 0.0f; }
${elementCode(p.left, p, true, shader)}
}
fn leftVector(${parameters}m: i32, k: i32) -> ${vector} {
return ${vector}(${range(width)
    .map((i) => `${a!}(left(${given}m + ${i}, k))`)
    .join(', ')});
}
fn right(${parameters}k: i32, n: i32) -> f32 {
if (k >= ${p.k} || n >= ${p.n}) { return 0.0f; }
${elementCode(p.right, p, false, shader)}
}`);
  const done = finisher(kernel, p, shader);
  const rows = range(ownRows);
  const columns = range(ownColumns);
  const each = ownRows / width;
  // Neighbours bring what are neighbours in memory.
  const [fast, slow, fastSize] = isByColumns(p)
    ? ['mine', 'deep', vectors]
    : ['deep', 'mine', depth];
  const leftAt = (k0: string): string => `leftVector(${given}m0 + mine * ${width}, ${k0} + deep)`;
  const rightAt = (k0: string, i: string): string =>
    `right(${given}${k0} + ${i} / ${tile.columns}, n0 + ${i} % ${tile.columns})`;
  const bring = (k0: string): string[] => [
    `nextA = ${leftAt(k0)};`,
    ...brought.map((t) => `nextB${t} = ${rightAt(k0, `(i32(lane) + ${t * invocations})`)};`),
  ];
  const body = [
    `let number = ${groupNumber(groups)};`,
    `if (number >= ${groups}) { return; }`,
    ...placeOfTile(rowTiles, columnTiles),
    `let n0 = columnTile * ${tile.columns};`,
    `let m0 = rowTile * ${tile.rows};`,
    p.batchCode,
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
    done.finish(
      rows.map((i) => columns.map((j) => `c${i}_${j}`)),
      {
        row: (i) => `m0 + row * ${ownRows} + ${i}`,
        column: (j) => `n0 + column + ${side} * (${j})`,
      },
    ),
  ];
  return { code: shader.finish(invocations, body.join('\n')), grid: gridOf(groups) };
}
