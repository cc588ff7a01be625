/** Where each buffer lives: results over donated inputs, the rest in one arena with memory used again. */
import { dtypeInfo, sameShape, sizeOf } from '@hebb/core';
import type { DType } from '@hebb/core';
import { accessesOf, canOverwrite } from './access.ts';
import type { BufferDraft } from './buffers.ts';
import type { Buffer, Kernel } from './ir.ts';

/** How a backend stores elements. */
export interface StorageOptions {
  /** Bytes of a stored element; default those of the host's arrays. */
  readonly bytesOf?: (dtype: DType) => number;
  /** What addresses in the arena are multiples of; default 64: cache lines, and more than any vector needs. */
  readonly alignment?: number;
  /**
   * Bytes of one part of the arena, a multiple of `alignment`; default: it is one part. No buffer crosses from
   * one part into the next; what is larger than a part (a scan's arena may be) begins with one and fills it and
   * those after it alone.
   */
  readonly partBytes?: number;
  /** Buffers whose types differ in this number are never in one part; default 0 for all. Wants `partBytes`. */
  readonly kindOf?: (dtype: DType) => number;
}

export interface Storage {
  readonly bytesOf: (dtype: DType) => number;
  readonly alignment: number;
  readonly partBytes: number;
  readonly kindOf: (dtype: DType) => number;
}

export const storageOf = ({ bytesOf, alignment, partBytes, kindOf }: StorageOptions): Storage => ({
  bytesOf: bytesOf ?? ((dtype) => dtypeInfo(dtype).bytes),
  alignment: alignment ?? 64,
  partBytes: partBytes ?? Infinity,
  kindOf: kindOf ?? (() => 0),
});

export interface MemoryRequest {
  readonly buffers: readonly BufferDraft[];
  readonly kernels: readonly Kernel[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Outputs and inputs that belong together, by position, best first. */
  readonly pairs: readonly (readonly [output: number, input: number])[];
  /** Whether an output may take over the memory of an input, both by position. */
  readonly mayAlias: (output: number, input: number) => boolean;
  readonly storage: Storage;
}

export interface MemoryPlan {
  readonly buffers: readonly Buffer[];
  readonly arenaBytes: number;
}

interface Life {
  first: number;
  last: number;
  writers: number;
}

export function planMemory(request: MemoryRequest): MemoryPlan {
  const { buffers, kernels, inputs, storage } = request;
  const lives = findLives(buffers, kernels);
  const places = new Array<Buffer['place'] | undefined>(buffers.length);
  inputs.forEach((buffer, position) => (places[buffer] ??= { kind: 'input', position }));
  placeOutputs(request, lives, places);
  const owner = shareArena(request, lives, places);

  // Buffers that share memory are one block that lives from the first to the last.
  const blocks = new Map<number, Block>();
  buffers.forEach((draft, id) => {
    const life = lives[id]!;
    if (places[id] !== undefined) return;
    const root = owner(id);
    const bytes = sizeOf(draft.shape) * storage.bytesOf(draft.dtype);
    const block = blocks.get(root);
    if (block === undefined) {
      const kind = storage.kindOf(draft.dtype);
      blocks.set(root, { root, kind, bytes, first: life.first, last: life.last, offset: 0 });
    } else {
      block.bytes = Math.max(block.bytes, bytes);
      block.first = Math.min(block.first, life.first);
      block.last = Math.max(block.last, life.last);
    }
  });
  const arenaBytes = assignOffsets([...blocks.values()], storage);
  return {
    arenaBytes,
    buffers: buffers.map(({ dtype, shape }, id) => ({
      dtype,
      shape,
      place: places[id] ?? { kind: 'arena', offset: blocks.get(owner(id))!.offset },
    })),
  };
}

function findLives(buffers: readonly BufferDraft[], kernels: readonly Kernel[]): Life[] {
  const lives = buffers.map((): Life => ({ first: Infinity, last: -1, writers: 0 }));
  kernels.forEach((kernel, k) => {
    const { reads, writes, scratch } = accessesOf(kernel);
    for (const id of [...reads, ...writes, ...scratch]) {
      const life = lives[id]!;
      life.first = Math.min(life.first, k);
      life.last = Math.max(life.last, k);
    }
    for (const id of writes) lives[id]!.writers += 1;
  });
  return lives;
}

/** Outputs go over donated inputs where they can, and into memory of their own where not. */
function placeOutputs(
  { buffers, kernels, inputs, outputs, pairs, mayAlias }: MemoryRequest,
  lives: readonly Life[],
  places: (Buffer['place'] | undefined)[],
): void {
  // An input handed out as an output keeps its memory.
  const taken = new Set(outputs.filter((id) => places[id] !== undefined));
  const fits = (output: number, input: number, inPlace: boolean): boolean => {
    const [id, old] = [outputs[output]!, inputs[input]!];
    if (taken.has(old) || !mayAlias(output, input)) return false;
    const [a, b] = [buffers[id]!, buffers[old]!];
    if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
    const { first } = lives[id]!;
    const { last } = lives[old]!;
    if (last < first) return !inPlace;
    return inPlace && last === first && canOverwrite(kernels[first]!, old, id, buffers);
  };
  const share = (position: number, input: number): void => {
    taken.add(inputs[input]!);
    places[outputs[position]!] = { kind: 'output', position, alias: input };
  };
  for (const [output, input] of pairs) {
    if (places[outputs[output]!] !== undefined) continue;
    if (fits(output, input, true) || fits(output, input, false)) share(output, input);
  }
  for (const inPlace of [true, false]) {
    outputs.forEach((id, position) => {
      if (places[id] !== undefined) return;
      const input = inputs.findIndex((_, i) => fits(position, i, inPlace));
      if (input >= 0) share(position, input);
    });
  }
  outputs.forEach((id, position) => (places[id] ??= { kind: 'output', position }));
}

/** Merges a result with an arena buffer that dies where it is written. Returns each buffer's block. */
function shareArena(
  { buffers, kernels, outputs, storage }: MemoryRequest,
  lives: readonly Life[],
  places: readonly (Buffer['place'] | undefined)[],
): (id: number) => number {
  const parent = buffers.map((_, id) => id);
  const owner = (id: number): number => {
    let root = id;
    while (parent[root] !== root) root = parent[root]!;
    return root;
  };
  // What each block holds last, so that only the end of a block is written over.
  const end = buffers.map((_, id) => id);
  const isOutput = new Set(outputs);
  kernels.forEach((kernel, k) => {
    const { reads, writes } = accessesOf(kernel);
    for (const result of writes) {
      const life = lives[result]!;
      if (places[result] !== undefined || isOutput.has(result)) continue;
      if (life.first !== k || life.writers !== 1) continue;
      for (const old of reads) {
        const dies = lives[old]!.last === k && lives[old]!.first < k;
        if (places[old] !== undefined || !dies || end[owner(old)] !== old) continue;
        if (!canOverwrite(kernel, old, result, buffers)) continue;
        if (storage.kindOf(buffers[old]!.dtype) !== storage.kindOf(buffers[result]!.dtype)) {
          continue;
        }
        const root = owner(old);
        parent[result] = root;
        end[root] = result;
        break;
      }
    }
  });
  return owner;
}

interface Block {
  readonly root: number;
  readonly kind: number;
  bytes: number;
  first: number;
  last: number;
  offset: number;
}

/** Largest first, each in the tightest gap among those that live at the same time. Returns the total size. */
function assignOffsets(blocks: Block[], { alignment, partBytes }: Storage): number {
  const up = (bytes: number, unit: number): number => Math.ceil(bytes / unit) * unit;
  const sizeIn = ({ bytes }: Block): number =>
    bytes > partBytes ? up(bytes, partBytes) : up(bytes, alignment);
  /** The first place from `at` on where so many bytes stay within a part, or begin with one. */
  const within = (at: number, size: number): number =>
    size > 0 && Math.floor(at / partBytes) !== Math.floor((at + size - 1) / partBytes)
      ? up(at, partBytes)
      : at;
  blocks.sort(
    (a, b) => a.kind - b.kind || b.bytes - a.bytes || a.first - b.first || a.root - b.root,
  );
  const placed: Block[] = [];
  let total = 0;
  let start = 0;
  let kind = blocks[0]?.kind;
  for (const block of blocks) {
    if (block.kind !== kind) {
      kind = block.kind;
      start = Number.isFinite(partBytes) ? up(total, partBytes) : total;
    }
    const size = sizeIn(block);
    const others = placed
      .filter(
        (other) => other.kind === kind && other.first <= block.last && block.first <= other.last,
      )
      .sort((a, b) => a.offset - b.offset);
    let best = -1;
    let slack = Infinity;
    let end = start;
    for (const other of others) {
      const at = within(end, size);
      const gap = other.offset - at;
      if (gap >= size && gap - size < slack) [best, slack] = [at, gap - size];
      end = Math.max(end, other.offset + sizeIn(other));
    }
    block.offset = best >= 0 ? best : within(end, size);
    total = Math.max(total, block.offset + size);
    placed.push(block);
  }
  return total;
}
