/** Programs as lists of dispatches: every kernel a shader, every scan a loop of the host around its body. */
import { RESULT, accessesOf } from '@hebb/compiler';
import type {
  Instruction,
  Kernel,
  LoopKernel,
  Program,
  RoutineKernel,
  ScanKernel,
} from '@hebb/compiler';
import { HebbError, fail, formatShape, sizeOf } from '@hebb/core';
import type { DType } from '@hebb/core';
import { Access, boundBytes, regionBytes } from './bindings.ts';
import type { Binding, BufferUse, Copy, Region, Storage } from './bindings.ts';
import {
  PARTIAL,
  loopShader,
  partialWords,
  productShader,
  splitShader,
  stagesOfHalf,
} from './wgsl/loop.ts';
import type { Dispatch } from './wgsl/loop.ts';
import { contractionDispatches, isTiled } from './wgsl/contraction.ts';
import { routineDispatches, sortScratch } from './wgsl/routines.ts';
import { Shader, isStored } from './wgsl/shader.ts';
import { isOneLoop, sumLoops } from './sums.ts';
import { bytesOf, storedTypes, wordBytes } from './types.ts';

export interface DispatchStep extends Dispatch {
  readonly kind: 'dispatch';
  /** For people: the kernel's ops and layers. */
  readonly name: string;
  readonly bindings: readonly Binding[];
  /** Loops around it: how many step numbers the shader reads. */
  readonly depth: number;
}

export interface LoopStep {
  readonly kind: 'loop';
  readonly length: number;
  /** Steps of turns with an even and an odd number: carries are read and written in turns. */
  readonly turns: readonly [readonly Step[], readonly Step[]];
}

/** Memory that is copied together, for a kernel that could not bind it all. */
export interface CopyStep {
  readonly kind: 'copies';
  readonly copies: readonly Copy[];
}

export type Step = DispatchStep | LoopStep | CopyStep;

/** Thrown for a kernel that cannot be bound; smaller kernels may be. */
export class TooManyBuffers extends HebbError {}

const contractions = new Set(['matmul', 'conv', 'convTranspose', 'convKernelGrad']);

/** Working memory of a routine in words. */
export function scratchWords(kernel: RoutineKernel, { isSoftware }: Storage): number {
  if (kernel.op === 'sort') return sortScratch(kernel);
  const needsResult =
    contractions.has(kernel.op) &&
    kernel.epilogue !== undefined &&
    !isOneLoop(kernel) &&
    !isTiled(kernel, isSoftware);
  return needsResult ? sizeOf(kernel.results[0]!.shape) * wordsOf(kernel.results[0]!.dtype) : 0;
}

/** Words of an element in working memory, where halves are float32. */
const wordsOf = (dtype: DType): number => bytesOf(dtype, { halves: false }) / wordBytes;

/** Where a program's buffers are. */
type Place = (buffer: number) => Region;

/** A program where it runs: at some depth of loops, its buffers somewhere. */
interface Site {
  readonly program: Program;
  readonly place: Place;
  readonly depth: number;
  readonly storage: Storage;
}

/** @throws HebbError for values and kernels beyond the device's limits. */
export function programSteps(program: Program, storage: Storage): Step[] {
  const place: Place = (id) => {
    const { place: at, shape, dtype } = program.buffers[id]!;
    const length = regionBytes(sizeOf(shape), dtype, storage);
    const plain = { start: 0, length, offset: 0, steps: [] };
    switch (at.kind) {
      case 'arena':
        return { ...plain, resource: 'arena', start: at.offset };
      case 'input':
        return { ...plain, resource: `input${at.position}` };
      case 'output':
        // In place: the memory is the donated input's.
        return {
          ...plain,
          resource: at.alias === undefined ? `output${at.position}` : `input${at.alias}`,
        };
    }
  };
  return kernelSteps({ program, place, depth: 0, storage });
}

/** Memory of a program beside its inputs and outputs, in bytes. */
export interface WorkingMemory {
  /** Each part of the arena, as far as the steps reach. */
  readonly parts: readonly number[];
  readonly joined: number;
  /** Sums of parts. */
  readonly partial: number;
}

export function workingMemory(steps: readonly Step[]): WorkingMemory {
  const parts: number[] = [];
  let joined = 0;
  let partial = 0;
  const add = (step: Step): void => {
    if (step.kind === 'loop') return step.turns.forEach((turn) => turn.forEach(add));
    if (step.kind === 'copies') {
      for (const { to, length } of step.copies) joined = Math.max(joined, to + length);
      return;
    }
    for (const { resource, start, length } of step.bindings) {
      if (resource === 'partial') partial = Math.max(partial, boundBytes(length));
      if (!resource.startsWith('arena')) continue;
      const part = Number(resource.slice('arena'.length));
      parts[part] = Math.max(parts[part] ?? 0, start + boundBytes(length));
    }
  };
  steps.forEach(add);
  return { parts: Array.from(parts, (bytes) => bytes ?? 0), joined, partial };
}

function kernelSteps(site: Site): Step[] {
  checkSizes(site);
  return site.program.kernels.flatMap((kernel): Step[] =>
    kernel.kind === 'scan' ? scanSteps(site, kernel) : dispatchSteps(site, kernel),
  );
}

/** @throws HebbError naming the first value that no buffer of this device can hold. */
function checkSizes({ program, storage }: Site): void {
  for (const kernel of program.kernels) {
    const { reads, writes, scratch } = accessesOf(kernel);
    for (const id of [...reads, ...writes, ...scratch]) {
      if (kernel.kind === 'scan' && id === kernel.arena) continue;
      const { dtype, shape, place } = program.buffers[id]!;
      if (!isStored(dtype))
        fail(nameOf(kernel), 'webgpu has no such type: cast to float32', dtype, noSuchType);
      const bytes = regionBytes(sizeOf(shape), dtype, storage);
      if (bytes <= storage.partBytes) continue;
      const what = scratch.includes(id)
        ? 'its working memory'
        : `${place.kind === 'arena' ? '' : `${place.kind} ${place.position}, `}${dtype}${formatShape(shape)},`;
      throw new HebbError(
        `${what} is larger than a buffer of this device: it needs ${bytes} bytes, the limit is ` +
          `${storage.partBytes}; take a smaller batch or split the layer`,
        { op: kernel.name, path: kernel.paths.join(', ') },
      );
    }
  }
}

export const noSuchType = [...storedTypes].join(', ');

const nameOf = ({ name, paths }: Kernel): string =>
  paths.length === 0 ? name : `${name} at ${paths.join(', ')}`;

function dispatchSteps(site: Site, kernel: LoopKernel | RoutineKernel): Step[] {
  const { program, place, depth, storage } = site;
  const steps: Step[] = [];
  const emit = (
    uses: ReadonlyMap<number, boolean>,
    extra: readonly BufferUse[],
    write: (newShader: () => Shader) => readonly (Dispatch | undefined)[],
  ): void => {
    const list = [...uses].map(([buffer, written]): BufferUse => {
      const { dtype } = program.buffers[buffer]!;
      return { buffer, dtype, region: place(buffer), written };
    });
    const access = new Access([...list, ...extra], depth, storage);
    if (access.bindings.length > storage.mostBindings) {
      throw new TooManyBuffers(
        `the kernel uses more buffers than this device binds at once (got ${access.bindings.length}, ` +
          `wanted ${storage.mostBindings} at most)`,
        { op: kernel.name, path: kernel.paths.join(', ') },
      );
    }
    if (access.copies.length > 0) steps.push({ kind: 'copies', copies: access.copies });
    for (const dispatch of write(() => new Shader(access))) {
      if (dispatch === undefined) continue;
      steps.push({
        ...dispatch,
        kind: 'dispatch',
        name: nameOf(kernel),
        bindings: access.bindings,
        depth,
      });
    }
  };
  if (kernel.kind === 'loop') {
    const words = partialWords(kernel, storage);
    if (words === undefined) {
      emit(usesOfLoop(kernel), [], (newShader) => [loopShader(kernel, newShader())]);
      return steps;
    }
    const length = words * wordBytes;
    const region = { resource: 'partial', start: 0, length, offset: 0, steps: [] } as const;
    for (const half of ['parts', 'rest'] as const) {
      const uses = usesOfLoop({ ...kernel, stages: stagesOfHalf(kernel, half) });
      const written = half === 'parts';
      emit(uses, [{ buffer: PARTIAL, dtype: 'float32', region, written }], (newShader) => [
        splitShader(kernel, newShader(), half),
      ]);
    }
    return steps;
  }
  if (isTiled(kernel, storage.isSoftware)) {
    emit(usesOfRoutine(kernel), [], (newShader) => contractionDispatches(kernel, newShader));
    return steps;
  }
  if (contractions.has(kernel.op)) {
    const result = kernel.results[0]!;
    for (const loop of sumLoops(kernel)) {
      const uses = new Map([...usesOfLoop(loop)].filter(([id]) => id !== RESULT));
      const usesResult = usesOfLoop(loop).get(RESULT);
      const extra: BufferUse[] =
        usesResult === undefined
          ? []
          : [
              {
                buffer: RESULT,
                // Halves would share memory with words.
                dtype: result.dtype === 'float16' ? 'float32' : result.dtype,
                region: place(kernel.scratch!),
                written: usesResult,
              },
            ];
      emit(uses, extra, (newShader) => [productShader(loop, newShader)]);
    }
    return steps;
  }
  const same = ({ inputs, outputs }: RoutineKernel): boolean => {
    const [from, to] = [place(inputs[0]!.buffer), place(outputs[0]!)];
    return from.resource === to.resource && from.start + from.offset === to.start + to.offset;
  };
  const uses = usesOfRoutine(kernel);
  const extra: BufferUse[] = [];
  if (kernel.scratch !== undefined) {
    uses.delete(kernel.scratch);
    const region = place(kernel.scratch);
    extra.push({ buffer: kernel.scratch, dtype: 'uint32', region, written: true });
  }
  emit(uses, extra, (newShader) => {
    return (
      routineDispatches(kernel, newShader, same) ??
      fail(kernel.op, 'this backend has no code for it')
    );
  });
  return steps;
}

function addCode(uses: Map<number, boolean>, code: readonly Instruction[]): void {
  for (const x of code) {
    if (x.op === 'store') uses.set(x.buffer, true);
    else if (x.op === 'load' || x.op === 'gather') uses.set(x.buffer, uses.get(x.buffer) ?? false);
  }
}

/** Buffers that a kernel touches, and whether it writes them. */
function usesOfLoop({ stages }: LoopKernel): Map<number, boolean> {
  const uses = new Map<number, boolean>();
  for (const { code } of stages) addCode(uses, code);
  return uses;
}

function usesOfRoutine({
  inputs,
  outputs,
  epilogue,
  scratch,
}: RoutineKernel): Map<number, boolean> {
  const uses = new Map<number, boolean>();
  for (const { buffer } of inputs) uses.set(buffer, false);
  for (const buffer of outputs) if (buffer >= 0) uses.set(buffer, true);
  addCode(uses, epilogue ?? []);
  if (scratch !== undefined) uses.set(scratch, true);
  return uses;
}

// --- scans ---

/** A kernel of the generator's own that copies one region to another. */
function copyStep(
  from: Region,
  to: Region,
  dtype: DType,
  count: number,
  { depth, storage }: Site,
): Step[] {
  const access = new Access(
    [
      { buffer: 0, dtype, region: from, written: false },
      { buffer: 1, dtype, region: to, written: true },
    ],
    depth,
    storage,
  );
  const index = { offset: 0, terms: [{ variable: 0, stride: 1, div: 1, mod: 0 }] };
  const dispatch = loopShader(
    {
      kind: 'loop',
      name: 'copy',
      paths: [],
      dims: [count],
      outer: 1,
      stages: [
        {
          inner: false,
          code: [
            { op: 'load', id: 0, dtype, buffer: 0, index },
            { op: 'store', buffer: 1, index, arg: 0 },
          ],
        },
      ],
      cost: { flops: 0, bytes: 0 },
    },
    new Shader(access),
  );
  if (dispatch === undefined) return [];
  return [{ ...dispatch, kind: 'dispatch', name: 'copy', bindings: access.bindings, depth }];
}

function scanSteps(site: Site, scan: ScanKernel): Step[] {
  const { program: outer, place, depth, storage } = site;
  const { constants, initial, sequences, outputs, spares, length, reverse, body } = scan;
  const carries = initial.length;
  const inLoop = (region: Region): Region => ({
    ...region,
    steps: [...region.steps, ...new Array<number>(depth - region.steps.length).fill(0), 0],
  });
  const bytesOfBuffer = (id: number): number => {
    const { dtype, shape } = body.buffers[id]!;
    return regionBytes(sizeOf(shape), dtype, storage);
  };
  /** Where carry k is read and written in even (0) and odd (1) turns. The last write goes home. */
  const carryPlace = (k: number, turn: number, write: boolean): Region => {
    const home = place(outputs[k]!);
    if (spares[k]! < 0) return home;
    const writesHome = (length - 1 - turn) % 2 === 0;
    return writesHome === write ? home : place(spares[k]!);
  };
  const steps: Step[] = [];
  initial.forEach((id, k) => {
    const to = length === 0 ? place(outputs[k]!) : carryPlace(k, 0, false);
    const from = place(id);
    if (from.resource === to.resource && from.start + from.offset === to.start + to.offset) return;
    const { dtype, shape } = outer.buffers[id]!;
    steps.push(...copyStep(from, to, dtype, sizeOf(shape), site));
  });
  if (length === 0) return steps;
  const element = (id: number, bytes: number): Region => {
    const region = inLoop(place(id));
    const own = [...region.steps];
    own[depth] = reverse ? -bytes : bytes;
    return { ...region, offset: region.offset + (reverse ? (length - 1) * bytes : 0), steps: own };
  };
  const bodyPlace =
    (turn: number): Place =>
    (id) => {
      const { place: at } = body.buffers[id]!;
      switch (at.kind) {
        case 'arena': {
          const arena = inLoop(place(scan.arena));
          return {
            ...arena,
            start: arena.start + arena.offset + at.offset,
            offset: 0,
            length: bytesOfBuffer(id),
          };
        }
        case 'input': {
          const { position } = at;
          if (position < constants.length) return inLoop(place(constants[position]!));
          const k = position - constants.length;
          if (k < carries) return inLoop(carryPlace(k, turn, false));
          return element(sequences[k - carries]!, bytesOfBuffer(id));
        }
        case 'output': {
          const { position, alias } = at;
          if (position < carries) {
            return inLoop(carryPlace(position, turn, alias === undefined));
          }
          return element(outputs[position]!, bytesOfBuffer(id));
        }
      }
    };
  const turn = (number: number): Step[] =>
    kernelSteps({ program: body, place: bodyPlace(number), depth: depth + 1, storage });
  steps.push({ kind: 'loop', length, turns: [turn(0), turn(1)] });
  return steps;
}
