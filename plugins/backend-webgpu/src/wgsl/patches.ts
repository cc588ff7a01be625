/**
 * Products in patches: each invocation keeps one of the result in registers and reads both sides from where they
 * are, without memory of a workgroup and so without barriers. What is known before is hoisted out of the loops: an
 * element's address is a base and a constant.
 */
import type { RoutineKernel } from '@hebb/compiler';
import type { Dispatch } from './loop.ts';
import type { Operand, Product, Window } from './product.ts';
import { finisher, range } from './result.ts';
import { decode, gridOf, groupNumber } from './shader.ts';
import type { Shader } from './shader.ts';

export interface Patch {
  readonly rows: number;
  readonly columns: number;
  /** Steps of the depth that stand in a row, at most. */
  readonly steps: number;
}

/** How the dimensions of the depth are walked: loops, one loop in chunks, and what stands in a row. */
interface Walk {
  readonly chunked: number;
  readonly chunk: number;
  /** Coordinates of the dimensions behind the chunked one. */
  readonly inner: readonly (readonly number[])[];
}

function walkOf(depth: readonly number[], steps: number): Walk {
  let chunked = depth.length - 1;
  let rest = steps;
  while (chunked > 0 && depth[chunked]! <= rest) {
    rest = Math.floor(rest / depth[chunked]!);
    chunked--;
  }
  const inner = depth
    .slice(chunked + 1)
    .reduce<number[][]>((all, n) => all.flatMap((c) => range(n).map((i) => [...c, i])), [[]]);
  const whole = depth[chunked]!;
  const chunk = whole <= rest ? whole : 2 ** Math.floor(Math.log2(rest));
  return { chunked, chunk, inner };
}

/** A step of the depth: its coordinates from the chunked dimension on. */
type Step = readonly number[];

const stepsOf = ({ inner }: Walk, from: number, to: number): Step[] =>
  range(to - from).flatMap((i) => inner.map((rest) => [from + i, ...rest]));

const sum = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((total, x, i) => total + x * b[i]!, 0);

/** One side of the product while its code is written. */
class Side {
  readonly #operand: Operand;
  readonly #shader: Shader;
  readonly #name: string;
  readonly #walk: Walk;
  /** Elements of the patch along this side. */
  readonly #own: number;
  /** All elements of the patch lie in a row of the last dimension: one base serves them. */
  readonly #inRow: boolean;
  readonly #vectors: boolean;
  readonly #loaded = new Map<string, string>();

  constructor(name: string, p: Product, patch: Patch, shader: Shader) {
    const isLeft = name === 'l';
    this.#name = name;
    this.#operand = isLeft ? p.left : p.right;
    this.#shader = shader;
    this.#walk = walkOf(p.depth, patch.steps);
    this.#own = isLeft ? patch.rows : patch.columns;
    const sizes = isLeft ? [p.m] : p.columns;
    this.#inRow = sizes.length === 1 || sizes.at(-1)! % this.#own === 0;
    this.#vectors = this.#hasVectors(p) && shader.asVectors(this.#operand.buffer);
  }

  /** Whether elements come in fours that begin at a multiple of four. */
  #hasVectors(p: Product): boolean {
    const { batch, outer, depth, windows } = this.#operand;
    if (!this.#inRow || windows.length > 0) return false;
    const { chunked, chunk } = this.#walk;
    const varying = [
      ...batch,
      ...outer.map((stride, i) => (i === outer.length - 1 ? stride * this.#own : stride)),
      ...depth.slice(0, chunked + 1).map((stride, i) => (i === chunked ? stride * chunk : stride)),
    ];
    if (varying.some((stride) => stride % 4 !== 0)) return false;
    const constants = new Set(
      stepsOf(this.#walk, 0, Math.min(chunk, p.depth[chunked]!)).flatMap((step) =>
        range(this.#own).map((i) => this.#constant(i, step)),
      ),
    );
    const fours = new Set([...constants].map((c) => Math.floor(c / 4)));
    return 2 * fours.size <= constants.size;
  }

  /** What is added to a base for element i of the patch at a step. */
  #constant(i: number, step: Step): number {
    const { offset, outer, depth } = this.#operand;
    return (
      offset + (this.#inRow ? i * outer.at(-1)! : 0) + sum(step, depth.slice(this.#walk.chunked))
    );
  }

  /** The coordinates of element i are `names(i)`. */
  start(batchNames: readonly string[], names: (i: number) => readonly string[]): string[] {
    const { batch, outer, windows } = this.#operand;
    const terms = (strides: readonly number[], variables: readonly string[]): string[] =>
      strides.flatMap((stride, i) => (stride === 0 ? [] : [`${variables[i]!} * (${stride})`]));
    const units = (strides: readonly number[], variables: readonly string[]): string[] =>
      strides.flatMap((stride, i) => (stride === 0 ? [] : [this.#units(variables[i]!, stride)]));
    const total = (list: readonly string[]): string => (list.length === 0 ? '0' : list.join(' + '));
    const elements = this.#inRow ? [0] : range(this.#own);
    return elements.flatMap((i) => [
      `let ${this.#base(i)}_0 = ${total([
        ...units(batch, batchNames),
        ...units(outer, names(i)),
      ])};`,
      ...windows.map(
        (window, w) =>
          `let ${this.#windowBase(w, i)}_0 = ${total([
            ...terms(window.batch, batchNames),
            ...terms(window.outer, names(i)),
          ])};`,
      ),
    ]);
  }

  /** Bases inside of the loop over dimension d, whose variable is `d…`. */
  advance(d: number): string[] {
    const { depth, windows } = this.#operand;
    const elements = this.#inRow ? [0] : range(this.#own);
    const next = (name: string, stride: number, step: string): string =>
      `let ${name}_${d + 1} = ${name}_${d}${stride === 0 ? '' : ` + ${step}`};`;
    return elements.flatMap((i) => [
      next(this.#base(i), depth[d]!, this.#units(`d${d}`, depth[d]!)),
      ...windows.map((window, w) =>
        next(this.#windowBase(w, i), window.depth[d]!, `d${d} * (${window.depth[d]!})`),
      ),
    ]);
  }

  /** What a coordinate adds to an index, in elements or in fours of them. */
  #units(variable: string, stride: number): string {
    if (!this.#vectors) return `${variable} * (${stride})`;
    if (stride % 4 === 0) return `${variable} * (${stride / 4})`;
    return `((${variable} * (${stride})) >> 2u)`;
  }

  #base(i: number): string {
    return this.#inRow ? this.#name : `${this.#name}${i}`;
  }

  #windowBase(w: number, i: number): string {
    return `${this.#name}w${w}${this.#inRow ? '' : `e${i}`}`;
  }

  /** What has been read so far is of no use in what follows. */
  forget(): void {
    this.#loaded.clear();
  }

  /** The name of element i at a step, read where it has not been; `level` counts the loops around. */
  element(i: number, step: Step, level: number, lines: string[]): string {
    const { buffer, windows } = this.#operand;
    const constant = this.#constant(i, step);
    const define = (key: string, code: () => string): string => {
      let name = this.#loaded.get(key);
      if (name === undefined) {
        name = `${this.#name}v${this.#loaded.size}`;
        this.#loaded.set(key, name);
        lines.push(`let ${name} = ${code()};`);
      }
      return name;
    };
    const base = `${this.#base(i)}_${level}`;
    if (this.#vectors) {
      const four = Math.floor(constant / 4);
      const index = `${base}${plus(four)}`;
      const vector = define(index, () => this.#shader.loadVector(buffer, index));
      return `${vector}.${'xyzw'[constant - 4 * four]!}`;
    }
    const index = `${base}${plus(constant)}`;
    if (windows.length === 0) return define(index, () => this.#shader.load(buffer, index));
    const inside = windows.map((window, w) => {
      const place = `${this.#windowBase(w, i)}_${level}${plus(this.#position(window, i, step))}`;
      return define(`in ${place} ${window.size}`, () => `u32(${place}) < ${window.size}u`);
    });
    const both = define(inside.join(' & '), () => inside.join(' & '));
    return define(
      `${index} ${both}`,
      () => `select(0.0f, ${this.#shader.load(buffer, index)}, ${both})`,
    );
  }

  #position(window: Window, i: number, step: Step): number {
    return (
      window.offset +
      (this.#inRow ? i * window.outer.at(-1)! : 0) +
      sum(step, window.depth.slice(this.#walk.chunked))
    );
  }
}

const plus = (constant: number): string =>
  constant === 0 ? '' : constant < 0 ? ` - ${-constant}` : ` + ${constant}`;

/** Invocations of a workgroup at most. */
const most = 64;
/** Workgroups that there should be at least. */
const enough = 16;

export function patchDispatch(
  kernel: RoutineKernel,
  p: Product,
  shader: Shader,
  patch: Patch,
): Dispatch {
  const rowPatches = Math.ceil(p.m / patch.rows);
  const columnPatches = Math.ceil(p.n / patch.columns);
  const items = p.batch * rowPatches * columnPatches;
  const width = Math.min(most, Math.max(4, 2 ** Math.floor(Math.log2(items / enough))));
  const groups = Math.ceil(items / width);
  const rows = range(patch.rows);
  const columns = range(patch.columns);
  const left = new Side('l', p, patch, shader);
  const right = new Side('r', p, patch, shader);
  const done = finisher(kernel, p, shader);
  const columnNames = (j: number): string[] => p.columns.map((_, i) => `q${i}_${j}`);
  const walk = walkOf(p.depth, patch.steps);
  const { chunked, chunk } = walk;

  const steps = (list: readonly Step[], level: number): string[] => {
    const lines: string[] = [];
    left.forget();
    right.forget();
    for (const step of list) {
      const a = rows.map((i) => left.element(i, step, level, lines));
      const b = columns.map((j) => right.element(j, step, level, lines));
      for (const i of rows) {
        for (const j of columns) lines.push(`c${i}_${j} = fma(${a[i]!}, ${b[j]!}, c${i}_${j});`);
      }
    }
    return lines;
  };

  const size = p.depth[chunked]!;
  const whole = size - (size % chunk);
  const turns = whole / chunk;
  const body = [
    `let item = ${groupNumber(groups)} * ${width} + i32(lane);`,
    `if (item >= ${items}) { return; }`,
    `let n0 = item % ${columnPatches} * ${patch.columns};`,
    `let m0 = item / ${columnPatches} % ${rowPatches} * ${patch.rows};`,
    `let batch = item / ${columnPatches * rowPatches};`,
    p.batchCode,
    ...columns.map((j) => decode(`(n0 + ${j})`, columnNames(j), p.columns)),
    ...left.start(p.batchNames, () => ['m0']),
    ...right.start(p.batchNames, columnNames),
    ...rows.flatMap((i) => columns.map((j) => `var c${i}_${j} = 0.0f;`)),
  ];
  for (let d = 0; d < chunked; d++) {
    body.push(`for (var d${d} = 0; d${d} < ${p.depth[d]!}; d${d} = d${d} + 1) {`);
    body.push(...left.advance(d), ...right.advance(d));
  }
  if (turns > 1) {
    body.push(`for (var d${chunked} = 0; d${chunked} < ${whole}; d${chunked} += ${chunk}) {`);
    body.push(...left.advance(chunked), ...right.advance(chunked));
    body.push(...steps(stepsOf(walk, 0, chunk), chunked + 1), '}');
  } else if (turns === 1) body.push('{', ...steps(stepsOf(walk, 0, chunk), chunked), '}');
  if (whole < size) body.push('{', ...steps(stepsOf(walk, whole, size), chunked), '}');
  body.push('}'.repeat(chunked));
  body.push(
    done.finish(
      rows.map((i) => columns.map((j) => `c${i}_${j}`)),
      { row: (i) => `m0 + ${i}`, column: (j) => `n0 + ${j}` },
    ),
  );
  return { code: shader.finish(width, body.join('\n')), grid: gridOf(groups) };
}
