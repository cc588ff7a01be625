/** One shader while it is written: its bindings, its helper functions, its text. */
import type { Condition, Index } from '@hebb/compiler';
import type { DType } from '@hebb/core';
import { isWide, scalarOf } from '../types.ts';
import type { Scalar } from '../types.ts';
import type { Access } from '../bindings.ts';
import { helperCode } from './math.ts';
import { scalarFor } from './scalar.ts';

/** An integer expression of the loop variables. */
export function indexCode({ offset, terms }: Index, variables: readonly string[]): string {
  if (terms.length === 0) return offset < 0 ? `(${offset})` : String(offset);
  const parts = terms.map(({ variable, stride, div, mod }) => {
    let code = variables[variable]!;
    if (div !== 1) code = `(${code} / ${div})`;
    if (mod !== 0) code = `(${code} % ${mod})`;
    return stride === 1 ? code : `${code} * ${stride < 0 ? `(${stride})` : stride}`;
  });
  if (offset !== 0 || parts.length === 0) parts.push(offset < 0 ? `(${offset})` : String(offset));
  return parts.length === 1 ? parts[0]! : `(${parts.join(' + ')})`;
}

/**
 * Whether all conditions hold. Not by `&&`: each would be a branch, and branches within branches are what shader
 * compilers spend their time on.
 */
export function conditionsCode(
  conditions: readonly Condition[],
  variables: readonly string[],
): string {
  return conditions
    .map(({ index, low, high }) => {
      const at = indexCode(index, variables);
      return `(${at} >= ${low < 0 ? `(${low})` : low}) & (${at} < ${high < 0 ? `(${high})` : high})`;
    })
    .join(' & ');
}

/** How the code of a shader reaches the buffers of its program. */
export class Shader {
  readonly #access: Access;
  readonly #helpers = new Set<string>();
  readonly #globals: string[] = [];
  readonly #vectors = new Set<number>();
  #usesSubgroups = false;

  constructor(access: Access) {
    this.#access = access;
  }

  readonly use = (helper: string): void => void this.#helpers.add(helper);

  dtype(buffer: number): DType {
    return this.#access.dtype(buffer);
  }

  /** Whether the buffer is of halves, as the device has them. */
  isHalf(buffer: number): boolean {
    return this.#access.at(buffer).element === 'f16';
  }

  load(buffer: number, index: string): string {
    if (this.isHalf(buffer)) return `f32(${this.loadHalf(buffer, index)})`;
    const scalar = scalarFor('load', this.dtype(buffer));
    const { name, element, start } = this.#access.at(buffer);
    if (isWide(scalar)) {
      if (element === 'vec2<u32>') return `${name}[${from(start, inBounds(index))}]`;
      const word = from(start, `2 * (${inBounds(index)})`);
      return `vec2<u32>(${name}[${word}], ${name}[${word} + 1])`;
    }
    const word = this.#element(buffer, index);
    const wanted = storedAs(scalar);
    const value = element === wanted ? word : `bitcast<${wanted}>(${word})`;
    return scalar === 'bool' ? `(${value} != 0u)` : value;
  }

  /** The element itself, of type f16. */
  loadHalf(buffer: number, index: string): string {
    return this.#element(buffer, index);
  }

  #element(buffer: number, index: string): string {
    const { name, start } = this.#access.at(buffer);
    const at = from(start, inBounds(index));
    return this.#vectors.has(buffer) ? `${name}[(${at}) / 4][(${at}) % 4]` : `${name}[${at}]`;
  }

  /**
   * From here on the buffer is made of vectors, for `loadVector`; `false` where that cannot be, because its binding holds
   * other things too or does not begin at a multiple of four elements.
   */
  asVectors(buffer: number): boolean {
    if (!this.#access.canBeVectors(buffer)) return false;
    this.#vectors.add(buffer);
    return true;
  }

  /** Four elements from 4 * index on, as float32. */
  loadVector(buffer: number, index: string): string {
    const { name, start } = this.#access.at(buffer);
    const vector = `${name}[${start === '' ? index : `(${start}) / 4 + ${index}`}]`;
    return this.isHalf(buffer) ? `vec4<f32>(${vector})` : vector;
  }

  store(buffer: number, index: string, value: string): string {
    const { name, element, start } = this.#access.at(buffer);
    const at = from(start, index);
    // Exact: what is stored has been rounded to its type.
    if (element === 'f16') return `${name}[${at}] = f16(${value});`;
    const scalar = scalarFor('store', this.dtype(buffer));
    if (isWide(scalar) && element !== 'vec2<u32>') {
      const word = from(start, `2 * (${index})`);
      return `{ let wide = ${value}; ${name}[${word}] = wide.x; ${name}[${word} + 1] = wide.y; }`;
    }
    const stored = storedAs(scalar);
    const word = scalar === 'bool' ? `select(0u, 1u, ${value})` : value;
    const converted = element === stored || isWide(scalar) ? word : `bitcast<${element}>(${word})`;
    return `${name}[${at}] = ${converted};`;
  }

  storeHalf(buffer: number, index: string, value: string): string {
    const { name, start } = this.#access.at(buffer);
    return `${name}[${from(start, index)}] = ${value};`;
  }

  get hasSubgroups(): boolean {
    return this.#access.subgroups;
  }

  get isSoftware(): boolean {
    return this.#access.isSoftware;
  }

  /** The entry point knows `subgroupSize`, `subgroupLane`, `subgroup` and `subgroupCount` then. */
  useSubgroups(): void {
    this.#usesSubgroups = true;
  }

  /** A declaration outside all functions. */
  global(code: string): void {
    this.#globals.push(code);
  }

  /** The module around the body of its entry point. */
  finish(workgroupSize: number, body: string): string {
    const steps = Array.from(
      { length: this.#access.depth },
      (_, d) => `@group(1) @binding(${d}) var<uniform> step${d}: vec4<i32>;`,
    );
    const parameters = [
      '@builtin(workgroup_id) group: vec3<u32>',
      '@builtin(local_invocation_index) lane: u32',
      ...(this.#usesSubgroups
        ? [
            '@builtin(subgroup_size) subgroupSize: u32',
            '@builtin(subgroup_invocation_id) subgroupLane: u32',
            '@builtin(subgroup_id) subgroup: u32',
            '@builtin(num_subgroups) subgroupCount: u32',
          ]
        : []),
    ];
    return [
      ...(this.#access.usesHalves ? ['enable f16;'] : []),
      ...(this.#usesSubgroups ? ['enable subgroups;', 'requires subgroup_id;'] : []),
      ...this.#access.declarations(this.#vectors),
      ...steps,
      helperCode(this.#helpers),
      ...this.#globals,
      `@compute @workgroup_size(${workgroupSize})
fn main(${parameters.join(', ')}) {
${body}
}
`,
    ]
      .filter((part) => part !== '')
      .join('\n');
  }
}

const from = (start: string, index: string): string =>
  start === '' ? index : `${start} + ${index}`;

/** Never reached, behind a condition that does not hold; but WGSL refuses to read it. */
const inBounds = (index: string): string => (/^\(-\d+\)$/.test(index) ? '0' : index);

const storedAs = (scalar: Scalar): Exclude<Scalar, 'bool'> => (scalar === 'bool' ? 'u32' : scalar);

export const isStored = (dtype: DType): boolean => scalarOf(dtype) !== undefined;

/** Workgroups along one axis at most; more go to the second. */
export const mostGroups = 65535;

/** Number of the workgroup, counted over both axes. */
export const groupNumber = (groups: number): string =>
  groups <= mostGroups ? 'i32(group.x)' : `i32(group.x + group.y * ${mostGroups}u)`;

export const gridOf = (groups: number): readonly [number, number, number] =>
  groups <= mostGroups ? [groups, 1, 1] : [mostGroups, Math.ceil(groups / mostGroups), 1];

/** Row-major coordinates of a flat position, as `let`s: returns the code. */
export function decode(
  flat: string,
  variables: readonly string[],
  sizes: readonly number[],
): string {
  const lines: string[] = [];
  let after = 1;
  for (let v = sizes.length - 1; v >= 0; v--) {
    const divided = after === 1 ? flat : `${flat} / ${after}`;
    const part = v === 0 ? divided : `(${divided}) % ${sizes[v]!}`;
    lines.push(`let ${variables[v]!} = ${sizes[v] === 1 ? '0' : part};`);
    after *= sizes[v]!;
  }
  return lines.join('\n');
}
