/**
 * Where the buffers of a program are, and how one kernel binds them. A *region* is a stretch of a resource
 * (an input, an output, the arena); inside a scan it moves with the step.
 */
import type { DType } from '@hebb/core';
import { scalarOf, storageOf, wordBytes } from './types.ts';

/** What a program is run with: its inputs and outputs by position, and one arena. */
export type Resource = `input${number}` | `output${number}` | 'arena';

export interface Region {
  readonly resource: Resource;
  /** Words. */
  readonly start: number;
  /** Words that any step reaches, from `start` on. */
  readonly length: number;
  /** Words from `start` to the first element at step 0. */
  readonly offset: number;
  /** Words that each enclosing loop's step adds, outermost first; 0 where it adds none. */
  readonly steps: readonly number[];
}

export interface Binding {
  readonly resource: Resource;
  readonly start: number;
  readonly length: number;
  readonly writable: boolean;
}

export interface BufferUse {
  readonly buffer: number;
  readonly dtype: DType;
  readonly region: Region;
  readonly written: boolean;
}

interface Placed {
  readonly name: string;
  readonly element: 'f32' | 'i32' | 'u32';
  /** What is added to an index. */
  readonly start: string;
}

interface Group {
  resource: Resource;
  start: number;
  end: number;
  writable: boolean;
  uses: BufferUse[];
}

/** The bindings of one kernel. */
export class Access {
  readonly bindings: readonly Binding[];
  /** Loops around the kernel. */
  readonly depth: number;
  readonly #placed = new Map<number, Placed>();
  readonly #types = new Map<number, DType>();
  readonly #elements: ('f32' | 'i32' | 'u32')[] = [];

  constructor(uses: readonly BufferUse[], depth: number, most: number) {
    this.depth = depth;
    const groups = gather(uses, most);
    this.bindings = groups.map(({ resource, start, end, writable }) => ({
      resource,
      start,
      length: end - start,
      writable,
    }));
    groups.forEach((group, k) => {
      const element = storageOf(scalarOf(group.uses[0]!.dtype)!);
      this.#elements.push(element);
      for (const { buffer, dtype, region } of group.uses) {
        const parts = region.steps.flatMap((words, d) =>
          words === 0 ? [] : [`step${d}.x * ${words < 0 ? `(${words})` : words}`],
        );
        const first = region.start + region.offset - group.start;
        if (first !== 0) parts.push(String(first));
        this.#placed.set(buffer, { name: `b${k}`, element, start: parts.join(' + ') });
        this.#types.set(buffer, dtype);
      }
    });
  }

  dtype(buffer: number): DType {
    return this.#types.get(buffer)!;
  }

  at(buffer: number): Placed {
    return this.#placed.get(buffer)!;
  }

  declarations(): string[] {
    return this.bindings.map(
      ({ writable }, k) =>
        `@group(0) @binding(${k}) var<storage, ${writable ? 'read_write' : 'read'}> b${k}: array<${this.#elements[k]!}>;`,
    );
  }
}

/**
 * Regions that overlap are one binding: WebGPU forbids to bind the same words twice where one binding is
 * written. Neither may a buffer be read through one binding and written through another, so all bindings of
 * a resource that is written are writable. Where there are too many, the arena becomes one binding.
 */
function gather(uses: readonly BufferUse[], most: number): Group[] {
  const byResource = new Map<Resource, BufferUse[]>();
  for (const use of uses) {
    const list = byResource.get(use.region.resource);
    if (list === undefined) byResource.set(use.region.resource, [use]);
    else list.push(use);
  }
  const groups: Group[] = [];
  for (const [resource, list] of byResource) {
    const writable = list.some(({ written }) => written);
    const sorted = [...list].sort((a, b) => a.region.start - b.region.start);
    const own: Group[] = [];
    for (const use of sorted) {
      const { start, length } = use.region;
      const last = own.at(-1);
      if (last !== undefined && start < last.end) {
        last.end = Math.max(last.end, start + length);
        last.uses.push(use);
      } else own.push({ resource, start, end: start + length, writable, uses: [use] });
    }
    groups.push(...own);
  }
  const arena = groups.filter(({ resource }) => resource === 'arena');
  if (groups.length <= most || arena.length < 2) return groups;
  const merged: Group = {
    resource: 'arena',
    start: Math.min(...arena.map(({ start }) => start)),
    end: Math.max(...arena.map(({ end }) => end)),
    writable: arena[0]!.writable,
    uses: arena.flatMap((group) => group.uses),
  };
  return [...groups.filter(({ resource }) => resource !== 'arena'), merged];
}

export const bytesOfWords = (words: number): number => words * wordBytes;
