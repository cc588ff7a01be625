/**
 * An interpreter of programs: loop kernels are run literally, element by element, over the memory that the
 * plan gives them; routines go through backend-cpu. Memory starts as all ones, so that whatever is read
 * before it is written shows.
 */
import { Graph, dtypeInfo, primitives, sizeOf } from '@hebb/core';
import type { Aval, DType, HostArray, Op } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { evaluateIndex } from '../src/affine.ts';
import type {
  Condition,
  Instruction,
  Kernel,
  LoopKernel,
  Program,
  RoutineKernel,
  ScanKernel,
  View,
} from '../src/ir.ts';
import { applyScalar, read, write } from './scalar.ts';
import type { Num } from './scalar.ts';

interface Pointer {
  readonly memory: ArrayBuffer;
  readonly offset: number;
}

interface Memory {
  readonly data: readonly HostArray[];
  readonly pointers: readonly Pointer[];
  readonly dtypes: readonly DType[];
}

const backend = cpu();
const records = new Map<string, Op>(primitives.map((op) => [op.name, op]));

function viewOf({ memory, offset }: Pointer, dtype: DType, length: number): HostArray {
  const array = dtypeInfo(dtype).allocate(0);
  const constructor = array.constructor as new (b: ArrayBuffer, o: number, n: number) => HostArray;
  return new constructor(memory, offset, length);
}

export const bytesOf = ({ dtype, shape }: Aval): number => dtypeInfo(dtype).bytes * sizeOf(shape);

function fresh(bytes: number): Pointer {
  const memory = new ArrayBuffer(bytes);
  new Uint8Array(memory).fill(255);
  return { memory, offset: 0 };
}

/** Runs the program on arrays in storage form; donated inputs are copied first. */
export function interpret(
  program: Program,
  inputs: readonly HostArray[],
  outputs: readonly Aval[],
  ops: readonly Op[] = [],
): HostArray[] {
  for (const op of ops) records.set(op.name, op);
  const given = inputs.map((array): Pointer => ({
    memory: array.slice().buffer as ArrayBuffer,
    offset: 0,
  }));
  const results = program.outputs.map((id): Pointer => {
    const { place } = program.buffers[id]!;
    if (place.kind === 'input') return given[place.position]!;
    if (place.kind === 'output' && place.alias !== undefined) return given[place.alias]!;
    return fresh(bytesOf(program.buffers[id]!));
  });
  run(program, given, results, fresh(program.arenaBytes));
  return program.outputs.map((id, i) => {
    const { place } = program.buffers[id]!;
    // An output may be that of an earlier position.
    const at = place.kind === 'output' ? results[place.position]! : results[i]!;
    return viewOf(at, outputs[i]!.dtype, sizeOf(outputs[i]!.shape)).slice();
  });
}

function run(
  program: Program,
  inputs: readonly Pointer[],
  outputs: readonly Pointer[],
  arena: Pointer,
): void {
  const pointers = program.buffers.map(({ place }): Pointer => {
    switch (place.kind) {
      case 'input':
        return inputs[place.position]!;
      case 'output':
        return outputs[place.position]!;
      case 'arena':
        return { memory: arena.memory, offset: arena.offset + place.offset };
    }
  });
  const dtypes = program.buffers.map(({ dtype }) => dtype);
  const data = program.buffers.map(({ dtype, shape }, i) => {
    const pointer = pointers[i]!;
    if (pointer.offset % 8 !== 0 && dtypeInfo(dtype).bytes === 8) {
      throw new Error('a buffer is not aligned');
    }
    return viewOf(pointer, dtype, sizeOf(shape));
  });
  const memory: Memory = { data, pointers, dtypes };
  for (const kernel of program.kernels) runKernel(kernel, memory);
}

function runKernel(kernel: Kernel, memory: Memory): void {
  switch (kernel.kind) {
    case 'loop':
      return runLoop(kernel, memory);
    case 'routine':
      return runRoutine(kernel, memory);
    case 'scan':
      return runScan(kernel, memory);
  }
}

// --- straight-line code ---

const holds = (conditions: readonly Condition[] | undefined, at: readonly number[]): boolean =>
  (conditions ?? []).every(({ index, low, high }) => {
    const value = evaluateIndex(index, at);
    return value >= low && value < high;
  });

const zero = (dtype: DType): Num => (dtypeInfo(dtype).big ? 0n : 0);

class Frame {
  readonly values: Num[] = [];
  readonly types: DType[] = [];
  readonly memory: Memory;
  readonly results: readonly Num[];

  constructor(memory: Memory, results: readonly Num[] = []) {
    this.memory = memory;
    this.results = results;
  }

  run(instruction: Instruction, at: readonly number[]): void {
    const { data, dtypes } = this.memory;
    switch (instruction.op) {
      case 'store': {
        const { buffer, index, arg } = instruction;
        if (this.types[arg] !== dtypes[buffer]) throw new Error('a store changes the dtype');
        write(data[buffer]!, dtypes[buffer]!, evaluateIndex(index, at), this.value(arg));
        return;
      }
      case 'reduce':
      case 'argreduce':
        return;
      default:
        this.types[instruction.id] = instruction.dtype;
        this.values[instruction.id] = this.#compute(instruction, at);
    }
  }

  value(id: number): Num {
    const value = this.values[id];
    if (value === undefined) throw new Error(`value ${id} is used before it is defined`);
    return value;
  }

  #compute(
    instruction: Exclude<Instruction, { op: 'store' | 'reduce' | 'argreduce' }>,
    at: readonly number[],
  ): Num {
    const { data, dtypes } = this.memory;
    switch (instruction.op) {
      case 'load': {
        const { buffer, index, conditions, otherwise, dtype } = instruction;
        if (dtype !== dtypes[buffer]) throw new Error('a load changes the dtype');
        if (!holds(conditions, at)) return otherwise ?? zero(dtype);
        return read(data[buffer]!, dtype, evaluateIndex(index, at));
      }
      case 'const':
        return instruction.value;
      case 'index': {
        const value = evaluateIndex(instruction.index, at);
        return applyScalar('cast', [value], 'float64', instruction.dtype);
      }
      case 'inside':
        return holds(instruction.conditions, at) ? 1 : 0;
      case 'gather': {
        const { buffer, index, stride, size, conditions, dtype } = instruction;
        if (!holds(conditions, at)) return zero(dtype);
        const position = Number(this.value(instruction.at));
        if (position < 0 || position >= size)
          throw new RangeError(`gather at ${position} of ${size}`);
        return read(data[buffer]!, dtype, evaluateIndex(index, at) + position * stride);
      }
      case 'apply': {
        const { name, args, dtype } = instruction;
        const from = this.types[args[name === 'where' ? 1 : 0]!]!;
        return applyScalar(
          name,
          args.map((arg) => this.value(arg)),
          from,
          dtype,
        );
      }
      case 'result':
        return this.results[instruction.output]!;
    }
  }
}

// --- loops ---

function* turns(dims: readonly number[], prefix: readonly number[] = []): Generator<number[]> {
  const total = sizeOf(dims);
  const at = [...prefix, ...dims.map(() => 0)];
  for (let i = 0; i < total; i++) {
    yield at;
    for (let axis = at.length - 1; axis >= prefix.length; axis--) {
      if (++at[axis]! < dims[axis - prefix.length]!) break;
      at[axis] = 0;
    }
  }
}

const identities: Readonly<Record<string, (dtype: DType) => Num>> = {
  sum: zero,
  prod: (dtype) => (dtypeInfo(dtype).big ? 1n : 1),
  max: (dtype) => (dtypeInfo(dtype).kind === 'float' ? -Infinity : dtypeInfo(dtype).min),
  min: (dtype) => (dtypeInfo(dtype).kind === 'float' ? Infinity : dtypeInfo(dtype).max),
};
const combining: Readonly<Record<string, string>> = {
  sum: 'add',
  prod: 'mul',
  max: 'maximum',
  min: 'minimum',
};

function runLoop({ dims, outer, stages }: LoopKernel, memory: Memory): void {
  for (const row of turns(dims.slice(0, outer))) {
    const frame = new Frame(memory);
    for (const { inner, code } of stages) {
      if (!inner) {
        for (const instruction of code) frame.run(instruction, row);
        continue;
      }
      const sums = new Map<number, Num>();
      const best = new Map<number, { value: Num; position: number }>();
      for (const instruction of code) {
        if (instruction.op === 'reduce') {
          sums.set(instruction.id, identities[instruction.name]!(instruction.dtype));
        }
      }
      let position = 0;
      // Inner values of other stages must not be used.
      const known = frame.values.slice();
      for (const at of turns(dims.slice(outer), row)) {
        for (const instruction of code) {
          if (instruction.op === 'reduce') {
            const { id, name, arg, dtype } = instruction;
            const pair = [sums.get(id)!, frame.value(arg)];
            // Floats add up in double precision, as every good accumulation is at least as close.
            const type = dtypeInfo(dtype).kind === 'float' ? 'float64' : dtype;
            sums.set(id, applyReduce(name, pair, type));
          } else if (instruction.op === 'argreduce') {
            const value = frame.value(instruction.arg);
            const old = best.get(instruction.id);
            if (old === undefined || isBetter(instruction.name, value, old.value)) {
              best.set(instruction.id, { value, position });
            }
          } else frame.run(instruction, at);
        }
        position += 1;
      }
      frame.values.length = 0;
      known.forEach((value, id) => (frame.values[id] = value));
      for (const instruction of code) {
        if (instruction.op === 'reduce') {
          frame.types[instruction.id] = instruction.dtype;
          frame.values[instruction.id] = applyScalar(
            'cast',
            [sums.get(instruction.id)!],
            instruction.dtype,
            instruction.dtype,
          );
        } else if (instruction.op === 'argreduce') {
          frame.types[instruction.id] = instruction.dtype;
          frame.values[instruction.id] = best.get(instruction.id)!.position;
        }
      }
    }
  }
}

function applyReduce(name: string, pair: readonly Num[], dtype: DType): Num {
  if (dtype === 'bool')
    return Math[name === 'max' ? 'max' : 'min'](Number(pair[0]), Number(pair[1]));
  return applyScalar(combining[name]!, pair, dtype, dtype);
}

function isBetter(name: string, value: Num, old: Num): boolean {
  if (Number.isNaN(old)) return false;
  if (Number.isNaN(value)) return true;
  return name === 'argmax' ? value > old : value < old;
}

// --- routines ---

function materialize({ buffer, shape, strides, offset }: View, memory: Memory): HostArray {
  const dtype = memory.dtypes[buffer]!;
  const out = dtypeInfo(dtype).allocate(sizeOf(shape));
  let i = 0;
  for (const at of turns(shape)) {
    const place = at.reduce((sum, x, axis) => sum + x * strides[axis]!, offset);
    write(out, dtype, i++, read(memory.data[buffer]!, dtype, place));
  }
  return out;
}

function runRoutine(kernel: RoutineKernel, memory: Memory): void {
  const record = records.get(kernel.op);
  if (record === undefined) throw new Error(`no record of ${kernel.op}`);
  const avals = kernel.inputs.map(({ buffer, shape }) => ({
    shape,
    dtype: memory.dtypes[buffer]!,
  }));
  const attrs = kernel.op === 'matmul' ? { transposeA: false, transposeB: false } : kernel.attrs;
  const inputs = avals.map((_, i) => i);
  const outputs = kernel.results.map((_, i) => avals.length + i);
  const graph = new Graph({
    values: [...avals, ...kernel.results],
    inputs,
    nodes: [{ op: record, attrs, inputs, outputs, path: '' }],
    outputs,
  });
  const given = kernel.inputs.map((view, i) =>
    backend.upload(materialize(view, memory), avals[i]!),
  );
  const executable = backend.compile(graph) as { run(x: typeof given): typeof given };
  const made = executable.run(given);
  const results = made.map((buffer) => backend.downloadSync!(buffer));
  for (const buffer of [...given, ...made]) backend.free(buffer);
  kernel.outputs.forEach((buffer, i) => {
    if (buffer >= 0) (memory.data[buffer] as Float32Array).set(results[i] as Float32Array);
  });
  if (kernel.epilogue === undefined) return;
  const { dtype, shape } = kernel.results[0]!;
  let i = 0;
  for (const at of turns(shape)) {
    const frame = new Frame(memory, [read(results[0]!, dtype, i++)]);
    for (const instruction of kernel.epilogue) frame.run(instruction, at);
  }
}

// --- scans ---

function runScan(kernel: ScanKernel, memory: Memory): void {
  const { body, length, reverse, constants, initial, sequences, outputs, spares } = kernel;
  const pointer = (id: number): Pointer => memory.pointers[id]!;
  const element = (id: number, aval: Aval, step: number): Pointer => ({
    memory: pointer(id).memory,
    offset: pointer(id).offset + bytesOf(aval) * step,
  });
  const avals = body.outputs.map((id) => body.buffers[id]!);
  const copy = (from: Pointer, to: Pointer, bytes: number): void => {
    new Uint8Array(to.memory, to.offset, bytes).set(
      new Uint8Array(from.memory, from.offset, bytes),
    );
  };
  const arena = kernel.arena < 0 ? fresh(0) : pointer(kernel.arena);
  // Where each carry is before step i: turn and turn about, so that the last write is to the output.
  const carry = (k: number, i: number): Pointer =>
    spares[k]! < 0 || (length - i) % 2 === 0 ? pointer(outputs[k]!) : pointer(spares[k]!);
  initial.forEach((id, k) => copy(pointer(id), carry(k, 0), bytesOf(avals[k]!)));
  for (let i = 0; i < length; i++) {
    const step = reverse ? length - 1 - i : i;
    const given = [
      ...constants.map(pointer),
      ...initial.map((_, k) => carry(k, i)),
      ...sequences.map((id, s) =>
        element(id, body.buffers[body.inputs[constants.length + initial.length + s]!]!, step),
      ),
    ];
    const results = avals.map((aval, k) =>
      k < initial.length ? carry(k, i + 1) : element(outputs[k]!, aval, step),
    );
    run(body, given, results, arena);
  }
}
