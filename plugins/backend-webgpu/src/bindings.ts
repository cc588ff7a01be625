/**
 * Where the buffers of a program are, and how one kernel binds them. A *region* is a stretch of a resource
 * (an input, an output, the arena); inside a scan it moves with the step.
 */
import type { DType } from '@hebb/core';
import { bytesOf, elementBytes, elementOf } from './types.ts';
import type { Element, Layout } from './types.ts';

/**
 * What a program is run with: its inputs and outputs by position, the parts of one arena, and memory into which
 * inputs of one kernel are copied where they are too many, or sums of parts are left.
 */
export type Resource =
  `input${number}` | `output${number}` | `arena${number}` | 'joined' | 'partial';

/** All numbers are bytes. Those in the arena count over all of its parts. */
export interface Region {
  readonly resource: `input${number}` | `output${number}` | 'arena' | 'partial';
  readonly start: number;
  /** What any step reaches, from `start` on. */
  readonly length: number;
  /** From `start` to the first element at step 0. */
  readonly offset: number;
  /** What each enclosing loop's step adds, outermost first; 0 where it adds none. */
  readonly steps: readonly number[];
}

/** How a device stores and binds. */
export interface Storage extends Layout {
  /** Bytes of one part of the arena. */
  readonly partBytes: number;
  /** Buffers that one shader binds. */
  readonly mostBindings: number;
  /** Shaders may use subgroups. */
  readonly subgroups: boolean;
  /** No graphics processor, but a program that does as if. */
  readonly isSoftware: boolean;
  /** Where buffers are too many, some are copied together first. */
  readonly joins: boolean;
}

/** What goes to `to` in the joined memory before the kernel runs. All bytes. */
export interface Copy {
  readonly from: Resource;
  readonly start: number;
  readonly length: number;
  readonly to: number;
}

export interface Binding {
  readonly resource: Resource;
  /** Bytes. */
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
  readonly element: Element;
  /** What is added to an index, in elements of the binding. */
  readonly start: string;
}

/** A use, and where in the resource its region begins. */
interface PlacedUse {
  readonly use: BufferUse;
  readonly start: number;
}

interface Group {
  resource: Resource;
  start: number;
  end: number;
  writable: boolean;
  uses: PlacedUse[];
}

/** The bindings of one kernel. */
export class Access {
  readonly bindings: readonly Binding[];
  readonly copies: readonly Copy[];
  readonly subgroups: boolean;
  readonly isSoftware: boolean;
  /** Loops around the kernel. */
  readonly depth: number;
  readonly #placed = new Map<number, Placed>();
  readonly #types = new Map<number, DType>();
  readonly #elements: Element[] = [];
  /** Buffers whose binding holds nothing else and begins at a multiple of four elements, and its number. */
  readonly #alone = new Map<number, number>();

  constructor(uses: readonly BufferUse[], depth: number, storage: Storage) {
    this.depth = depth;
    this.subgroups = storage.subgroups;
    this.isSoftware = storage.isSoftware;
    const { groups, copies } = joined(gather(uses, storage), storage);
    this.copies = copies;
    this.bindings = groups.map(({ resource, start, end, writable }) => ({
      resource,
      start,
      length: end - start,
      writable,
    }));
    groups.forEach((group, k) => {
      const element = elementOfGroup(group, storage);
      const unit = elementBytes(element);
      this.#elements.push(element);
      for (const { use, start } of group.uses) {
        const { buffer, dtype, region } = use;
        const parts = region.steps.flatMap((bytes, d) => {
          const count = bytes / unit;
          return count === 0 ? [] : [`step${d}.x * ${count < 0 ? `(${count})` : count}`];
        });
        const first = (start + region.offset - group.start) / unit;
        if (first !== 0) parts.push(String(first));
        this.#placed.set(buffer, { name: `b${k}`, element, start: parts.join(' + ') });
        this.#types.set(buffer, dtype);
        const counts = [first, ...region.steps.map((bytes) => bytes / unit)];
        if (group.uses.length === 1 && !use.written && counts.every((count) => count % 4 === 0)) {
          this.#alone.set(buffer, k);
        }
      }
    });
  }

  /** Whether the buffer, which is only read, may be declared as vectors of four floats. */
  canBeVectors(buffer: number): boolean {
    const k = this.#alone.get(buffer);
    return k !== undefined && ['f32', 'f16'].includes(this.#elements[k]!);
  }

  dtype(buffer: number): DType {
    return this.#types.get(buffer)!;
  }

  at(buffer: number): Placed {
    return this.#placed.get(buffer)!;
  }

  get usesHalves(): boolean {
    return this.#elements.includes('f16');
  }

  /** `vectors`: buffers that are read as such. */
  declarations(vectors: ReadonlySet<number> = new Set()): string[] {
    const wide = new Set([...vectors].map((buffer) => this.#alone.get(buffer)));
    return this.bindings.map(({ writable }, k) => {
      const element = this.#elements[k]!;
      const type = wide.has(k) ? `vec4<${element}>` : element;
      return `@group(0) @binding(${k}) var<storage, ${writable ? 'read_write' : 'read'}> b${k}: array<${type}>;`;
    });
  }
}

/** Words where types differ; the planner keeps halves, which no word can stand for, in parts of their own. */
function elementOfGroup({ uses }: Group, layout: Layout): Element {
  const elements = new Set(uses.map(({ use }) => elementOf(use.dtype, layout)));
  if (elements.size === 1) return [...elements][0]!;
  if (elements.has('f16')) throw new Error('halves and words share memory');
  return 'u32';
}

/** The part of the arena that a region is in, and where. */
export function inPart(
  { resource, start }: Pick<Region, 'resource' | 'start'>,
  { partBytes }: Pick<Storage, 'partBytes'>,
): { readonly resource: Resource; readonly start: number } {
  if (resource !== 'arena') return { resource, start };
  return { resource: `arena${Math.floor(start / partBytes)}`, start: start % partBytes };
}

/**
 * Regions that overlap are one binding: WebGPU forbids to bind the same words twice where one binding is
 * written. Neither may a buffer be read through one binding and written through another, so all bindings of
 * a resource that is written are writable. Where there are too many, a part of the arena becomes one binding.
 */
function gather(uses: readonly BufferUse[], storage: Storage): Group[] {
  const byResource = new Map<Resource, PlacedUse[]>();
  for (const use of uses) {
    const { resource, start } = inPart(use.region, storage);
    const list = byResource.get(resource);
    if (list === undefined) byResource.set(resource, [{ use, start }]);
    else list.push({ use, start });
  }
  const groups: Group[] = [];
  for (const [resource, list] of byResource) {
    const writable = list.some(({ use }) => use.written);
    const sorted = [...list].sort((a, b) => a.start - b.start);
    const own: Group[] = [];
    for (const { use, start } of sorted) {
      const end = start + use.region.length;
      const last = own.at(-1);
      if (last !== undefined && start < last.end) {
        last.end = Math.max(last.end, end);
        last.uses.push({ use, start });
      } else own.push({ resource, start, end, writable, uses: [{ use, start }] });
    }
    groups.push(...own);
  }
  return groups.length <= storage.mostBindings ? groups : wholeParts(groups);
}

function wholeParts(groups: readonly Group[]): Group[] {
  const merged = new Map<string, Group>();
  groups.forEach((group, i) => {
    const { resource } = group;
    const key = resource.startsWith('arena') ? resource : `${resource} ${i}`;
    const other = merged.get(key);
    if (other === undefined) merged.set(key, { ...group, uses: [...group.uses] });
    else {
      other.start = Math.min(other.start, group.start);
      other.end = Math.max(other.end, group.end);
      other.uses.push(...group.uses);
    }
  });
  return [...merged.values()];
}

/** Makes one binding of as many inputs as there are too many, the smallest first. */
function joined(
  groups: readonly Group[],
  storage: Storage,
): { groups: readonly Group[]; copies: readonly Copy[] } {
  const tooMany = groups.length - storage.mostBindings;
  if (tooMany <= 0 || !storage.joins) return { groups, copies: [] };
  const chosen = groups
    .filter((group) => !group.writable && elementOfGroup(group, storage) !== 'f16')
    .sort((a, b) => a.end - a.start - (b.end - b.start))
    .slice(0, tooMany + 1);
  const copies: Copy[] = [];
  const uses: PlacedUse[] = [];
  let end = 0;
  for (const group of chosen) {
    const length = boundBytes(group.end - group.start);
    copies.push({ from: group.resource, start: group.start, length, to: end });
    for (const { use, start } of group.uses) uses.push({ use, start: start - group.start + end });
    end += Math.ceil(length / 16) * 16;
  }
  if (end > storage.partBytes) return { groups, copies: [] };
  const group: Group = { resource: 'joined', start: 0, end, writable: false, uses };
  return { groups: [...groups.filter((other) => !chosen.includes(other)), group], copies };
}

/** Bytes of a region of so many elements. */
export const regionBytes = (elements: number, dtype: DType, layout: Layout): number =>
  elements * bytesOf(dtype, layout);

/** Bytes of a binding: whole vectors, and one at least, since empty ones are refused. Memory is rounded up further. */
export const boundBytes = (length: number): number => Math.max(16, Math.ceil(length / 16) * 16);
