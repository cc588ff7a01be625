/** Programs as lists of dispatches: every kernel a shader, every scan a loop of the host around its body. */
import { RESULT, contractionLoops } from '@hebb/compiler';
import type {
  Instruction,
  Kernel,
  LoopKernel,
  Program,
  RoutineKernel,
  ScanKernel,
} from '@hebb/compiler';
import { fail, formatShape, sizeOf } from '@hebb/core';
import type { DType } from '@hebb/core';
import { Access } from './bindings.ts';
import type { Binding, BufferUse, Region } from './bindings.ts';
import { loopShader } from './wgsl/loop.ts';
import type { Dispatch } from './wgsl/loop.ts';
import { contractionDispatches, isTiled } from './wgsl/contraction.ts';
import { routineDispatches, sortScratch } from './wgsl/routines.ts';
import { Shader, isStored } from './wgsl/shader.ts';
import { wordBytes } from './types.ts';

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

export type Step = DispatchStep | LoopStep;

const contractions = new Set(['matmul', 'conv', 'convTranspose', 'convKernelGrad']);

/** Working memory of a routine in words. */
export function scratchWords(kernel: RoutineKernel): number {
  if (kernel.op === 'sort') return sortScratch(kernel);
  const needsResult =
    contractions.has(kernel.op) && kernel.epilogue !== undefined && !isTiled(kernel);
  return needsResult ? sizeOf(kernel.results[0]!.shape) : 0;
}

/** Where a program's buffers are. */
type Place = (buffer: number) => Region;

export interface StepLimits {
  /** Buffers that one shader binds. */
  readonly bindings: number;
  /** Bytes of one buffer. */
  readonly bufferBytes: number;
}

/** @throws HebbError for values and kernels beyond the device's limits. */
export function programSteps(program: Program, limits: StepLimits): Step[] {
  for (const { dtype, shape } of program.buffers) {
    const bytes = sizeOf(shape) * wordBytes;
    if (bytes > limits.bufferBytes) {
      const what = `${dtype}${formatShape(shape)} is larger than a buffer of this device`;
      fail('webgpu', what, `${bytes} bytes`, `${limits.bufferBytes} bytes`);
    }
  }
  const place: Place = (id) => {
    const { place: at, shape } = program.buffers[id]!;
    const length = sizeOf(shape);
    const plain = { start: 0, length, offset: 0, steps: [] };
    switch (at.kind) {
      case 'arena':
        return { ...plain, resource: 'arena', start: at.offset / wordBytes };
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
  return kernelSteps(program, place, 0, limits.bindings);
}

function kernelSteps(program: Program, place: Place, depth: number, most: number): Step[] {
  return program.kernels.flatMap((kernel): Step[] => {
    if (kernel.kind === 'scan') return scanSteps(program, kernel, place, depth, most);
    return dispatchSteps(program, kernel, place, depth, most);
  });
}

const nameOf = ({ name, paths }: Kernel): string =>
  paths.length === 0 ? name : `${name} at ${paths.join(', ')}`;

function dispatchSteps(
  program: Program,
  kernel: LoopKernel | RoutineKernel,
  place: Place,
  depth: number,
  most: number,
): Step[] {
  const typeOf = (id: number): DType => program.buffers[id]!.dtype;
  const steps: Step[] = [];
  const emit = (
    uses: ReadonlyMap<number, boolean>,
    extra: readonly BufferUse[],
    write: (newShader: () => Shader) => readonly (Dispatch | undefined)[],
  ): void => {
    const list = [...uses].map(([buffer, written]): BufferUse => {
      const dtype = typeOf(buffer);
      if (!isStored(dtype)) fail(kernel.name, 'webgpu has no such type', dtype);
      return { buffer, dtype, region: place(buffer), written };
    });
    const access = new Access([...list, ...extra], depth, most);
    if (access.bindings.length > most) {
      fail(
        kernel.name,
        'the kernel uses more buffers than this device binds at once',
        String(access.bindings.length),
        `${most} at most`,
      );
    }
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
    emit(usesOfLoop(kernel), [], (newShader) => [loopShader(kernel, newShader())]);
    return steps;
  }
  if (isTiled(kernel)) {
    emit(usesOfRoutine(kernel), [], (newShader) => contractionDispatches(kernel, newShader()));
    return steps;
  }
  if (contractions.has(kernel.op)) {
    const result = kernel.results[0]!;
    for (const loop of contractionLoops(kernel)) {
      const uses = new Map([...usesOfLoop(loop)].filter(([id]) => id !== RESULT));
      const usesResult = usesOfLoop(loop).get(RESULT);
      const extra: BufferUse[] =
        usesResult === undefined
          ? []
          : [
              {
                buffer: RESULT,
                dtype: result.dtype,
                region: place(kernel.scratch!),
                written: usesResult,
              },
            ];
      emit(uses, extra, (newShader) => [loopShader(loop, newShader())]);
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
  depth: number,
  most: number,
): Step[] {
  const access = new Access(
    [
      { buffer: 0, dtype, region: from, written: false },
      { buffer: 1, dtype, region: to, written: true },
    ],
    depth,
    most,
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

function scanSteps(
  outer: Program,
  scan: ScanKernel,
  place: Place,
  depth: number,
  most: number,
): Step[] {
  const { constants, initial, sequences, outputs, spares, length, reverse, body } = scan;
  const carries = initial.length;
  const inLoop = (region: Region): Region => ({
    ...region,
    steps: [...region.steps, ...new Array<number>(depth - region.steps.length).fill(0), 0],
  });
  const wordsOf = (id: number): number => sizeOf(body.buffers[id]!.shape);
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
    steps.push(...copyStep(from, to, dtype, sizeOf(shape), depth, most));
  });
  if (length === 0) return steps;
  const element = (id: number, words: number): Region => {
    const region = inLoop(place(id));
    const own = [...region.steps];
    own[depth] = reverse ? -words : words;
    return { ...region, offset: region.offset + (reverse ? (length - 1) * words : 0), steps: own };
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
            start: arena.start + arena.offset + at.offset / wordBytes,
            offset: 0,
            length: wordsOf(id),
          };
        }
        case 'input': {
          const { position } = at;
          if (position < constants.length) return inLoop(place(constants[position]!));
          const k = position - constants.length;
          if (k < carries) return inLoop(carryPlace(k, turn, false));
          return element(sequences[k - carries]!, wordsOf(id));
        }
        case 'output': {
          const { position, alias } = at;
          if (position < carries) {
            return inLoop(carryPlace(position, turn, alias === undefined));
          }
          return element(outputs[position]!, wordsOf(id));
        }
      }
    };
  steps.push({
    kind: 'loop',
    length,
    turns: [
      kernelSteps(body, bodyPlace(0), depth + 1, most),
      kernelSteps(body, bodyPlace(1), depth + 1, most),
    ],
  });
  return steps;
}
