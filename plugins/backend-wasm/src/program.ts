/**
 * A whole program as one module. `run(args, thread, threads)` runs all kernels in order: `args` is the
 * address of a table of addresses: inputs, outputs, the arena, and working memory of the threads. Every
 * thread calls it with its number; each kernel divides its items, and a barrier stands between kernels.
 */
import type { Kernel, Program, RoutineKernel, ScanKernel } from '@hebb/compiler';
import { dtypeInfo, sizeOf } from '@hebb/core';
import type { DType } from '@hebb/core';
import { Helpers } from './codegen/helpers.ts';
import { routine } from './codegen/routines/index.ts';
import { KernelLibrary } from './kernels.ts';
import type { KernelPhase } from './kernels.ts';
import { aligned } from './routines/kernel.ts';
import type { Target } from './routines/target.ts';
import { barrier } from './threads/barrier.ts';
import { ModuleBuilder, i32, select } from './wasm/index.ts';
import type { FunctionBuilder, FunctionRef, I32, Local } from './wasm/index.ts';

export interface GeneratorOptions extends Target {
  /** Code for several threads over a shared memory of at most so many pages. */
  readonly sharedPages?: number;
  /** Exports each phase of each kernel too, as `(table, scratch, begin, end)`, and tells of it. */
  readonly onPhase?: (phase: {
    name: string;
    export: string;
    items: number;
    kernel: Kernel;
  }) => void;
}

/** What a program needs to be run. */
export interface ProgramNeeds {
  /** Bytes of the table of addresses. */
  readonly tableBytes: number;
  readonly arenaBytes: number;
  /** Bytes of working memory of each thread. */
  readonly scratchBytes: number;
  /** Some of its kernels are worth dividing among threads. */
  readonly parallel: boolean;
}

export interface GeneratedProgram extends ProgramNeeds {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface NamedProgram {
  /** Name under which the module exports it. */
  readonly name: string;
  readonly program: Program;
}

export interface GeneratedModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** In the order of the programs. */
  readonly needs: readonly ProgramNeeds[];
}

/** Where things stand in the table of addresses of a program. */
export interface TableLayout {
  readonly inputs: number;
  readonly outputs: number;
  readonly arena: number;
  readonly scratch: number;
  readonly length: number;
}

export function tableLayout(program: Program): TableLayout {
  const inputs = program.inputs.length;
  const outputs = program.outputs.length;
  const arena = inputs + outputs;
  return { inputs: 0, outputs: inputs, arena, scratch: arena + 1, length: arena + 2 };
}

/**
 * Long kernels are run in several calls: an engine that starts with quickly made code can change to the
 * better one only between calls.
 */
const flopsOfPart = 1e7;
const mostParts = 16;

/** Additions below which dividing a kernel among threads costs more than it saves. */
const worthDividing = 100_000;

/** Working memory that a routine's phases share: the compiler puts it into the arena. */
export function sharedScratch(kernel: RoutineKernel): number {
  const module = new ModuleBuilder({ module: 'env', name: 'memory', initial: 1 });
  const helpers = new Helpers(module, { simd: 'plain' });
  return routine(kernel, helpers, { pointer: () => i32.const(0), dtype: typesOf(kernel) }).shared;
}

/** Types of the buffers of a routine, as far as its own code tells. */
function typesOf({ results, outputs, epilogue = [] }: RoutineKernel): (buffer: number) => DType {
  const values = new Map<number, DType>();
  const types = new Map<number, DType>();
  outputs.forEach((buffer, i) => types.set(buffer, results[i]!.dtype));
  for (const instruction of epilogue) {
    if (instruction.op === 'store') types.set(instruction.buffer, values.get(instruction.arg)!);
    else {
      values.set(instruction.id, instruction.dtype);
      if ('buffer' in instruction) types.set(instruction.buffer, instruction.dtype);
    }
  }
  return (buffer) => types.get(buffer) ?? results[0]!.dtype;
}

/** Address of a buffer, from the entries of its program's table. */
function pointerOf(program: Program, id: number, slot: (number: number) => I32): I32 {
  const layout = tableLayout(program);
  const { place } = program.buffers[id]!;
  switch (place.kind) {
    case 'arena':
      return i32.add(slot(layout.arena), i32.const(place.offset));
    case 'input':
      return slot(layout.inputs + place.position);
    case 'output':
      return slot(layout.outputs + place.position);
  }
}

interface Phase extends KernelPhase {
  readonly program: Program;
  /** Ids of the buffers whose addresses it takes. */
  readonly buffers: readonly number[];
  /** Runs on the first thread alone. */
  readonly serial: boolean;
  /** Items of one call. */
  readonly step: number;
}

type Step =
  | { readonly kind: 'phase'; readonly phase: Phase }
  | {
      readonly kind: 'scan';
      /** The program around it. */
      readonly outer: Program;
      readonly scan: ScanKernel;
      readonly frame: number;
      readonly body: readonly Step[];
    };

type ScanStep = Extract<Step, { readonly kind: 'scan' }>;

const isSerial = (step: Step): boolean =>
  step.kind === 'phase' ? step.phase.serial : step.body.every(isSerial);

/** One program as a module that exports `run`. */
export function generate(program: Program, options: GeneratorOptions): GeneratedProgram {
  const { bytes, needs } = generateModule([{ name: 'run', program }], options);
  return { bytes, ...needs[0]! };
}

/** Several programs as one module: they share memory and helper functions, only one runs at a time. */
export function generateModule(
  programs: readonly NamedProgram[],
  options: GeneratorOptions,
): GeneratedModule {
  const generator = new Generator(options);
  const needs = programs.map((named) => generator.add(named));
  return { bytes: generator.encode(), needs };
}

class Generator {
  readonly #module: ModuleBuilder;
  readonly #kernels: KernelLibrary;
  readonly #threads: boolean;
  #wait: FunctionRef | undefined;
  /** Of the program that is being added: bytes of the tables of its scans, and of its kernels' own. */
  #frames = 0;
  #scratch = 0;
  #exported = 0;
  readonly #onPhase: GeneratorOptions['onPhase'];

  constructor({ simd, sharedPages, onPhase }: GeneratorOptions) {
    this.#onPhase = onPhase;
    this.#threads = sharedPages !== undefined;
    this.#module = new ModuleBuilder(
      sharedPages === undefined
        ? { module: 'env', name: 'memory', initial: 1 }
        : { module: 'env', name: 'memory', initial: 1, maximum: sharedPages, shared: true },
    );
    this.#kernels = new KernelLibrary(new Helpers(this.#module, { simd }));
  }

  add({ name, program }: NamedProgram): ProgramNeeds {
    this.#frames = 0;
    this.#scratch = 0;
    const steps = this.#steps(program);
    const layout = tableLayout(program);
    this.#wait ??= this.#threads ? barrier(this.#module) : undefined;
    const wait = this.#wait;
    this.#module.function(
      { params: ['i32', 'i32', 'i32'], export: name },
      (f, args, thread, threads) => {
        const bytes = this.#frames + aligned(this.#scratch);
        const own = f.local(
          'i32',
          i32.add(i32.load(args, layout.scratch * 4), i32.mul(thread, i32.const(bytes))),
        );
        const runner = new Runner(f, thread, threads, own, this.#frames, wait);
        runner.run(steps, args);
      },
    );
    return {
      tableBytes: layout.length * 4,
      arenaBytes: program.arenaBytes,
      scratchBytes: this.#frames + aligned(this.#scratch),
      parallel: !steps.every(isSerial),
    };
  }

  /** Exports a phase for profiles, its addresses taken from the table. */
  #announce(kernel: Kernel, phase: Phase): void {
    if (this.#onPhase === undefined) return;
    const name = `phase${this.#exported++}`;
    this.#onPhase({ name: kernel.name, export: name, items: phase.items, kernel });
    this.#module.function(
      { params: ['i32', 'i32', 'i32', 'i32'], export: name },
      (f, table, own, begin, end) => {
        f.call(phase.call, ...addresses(phase, table), own, begin, end);
      },
    );
  }

  encode(): Uint8Array<ArrayBuffer> {
    return this.#module.encode();
  }

  #steps(program: Program): Step[] {
    return program.kernels.flatMap((kernel): Step[] => {
      if (kernel.kind === 'scan') {
        const frame = this.#frames;
        this.#frames += aligned(tableLayout(kernel.body).length * 4);
        return [
          { kind: 'scan', outer: program, scan: kernel, frame, body: this.#steps(kernel.body) },
        ];
      }
      const { flops, bytes } = kernel.cost;
      const serial = flops + bytes / 4 < worthDividing;
      const { buffers, phases } = this.#kernels.of(program, kernel);
      return phases.map((found): Step => {
        const parts = Math.max(1, Math.min(mostParts, Math.ceil(flops / flopsOfPart)));
        const { items, together } = found;
        const phase: Phase = {
          ...found,
          program,
          buffers,
          step: Math.ceil(items / parts / together) * together,
          serial: serial || items < 2,
        };
        this.#scratch = Math.max(this.#scratch, found.scratch);
        this.#announce(kernel, phase);
        return { kind: 'phase', phase };
      });
    });
  }
}

/** The addresses that a phase's function takes. */
function addresses({ program, buffers }: Phase, table: I32): I32[] {
  return buffers.map((id) => pointerOf(program, id, (slot) => i32.load(table, slot * 4)));
}

/** Emits the calls of kernels, with barriers between them where there are threads. */
class Runner {
  readonly #f: FunctionBuilder;
  readonly #thread: I32;
  readonly #threads: I32;
  readonly #own: Local<'i32'>;
  readonly #kernelScratch: I32;
  readonly #wait: FunctionRef | undefined;

  constructor(
    f: FunctionBuilder,
    thread: I32,
    threads: I32,
    own: Local<'i32'>,
    frames: number,
    wait: FunctionRef | undefined,
  ) {
    this.#f = f;
    this.#thread = thread;
    this.#threads = threads;
    this.#own = own;
    this.#kernelScratch = i32.add(own, i32.const(frames));
    this.#wait = wait;
  }

  /** `alone`: one thread runs everything, the others are elsewhere. */
  run(steps: readonly Step[], table: I32, alone = this.#wait === undefined): void {
    if (alone) {
      for (const step of steps) this.#step(step, table, true);
      return;
    }
    for (let i = 0; i < steps.length;) {
      let end = i + 1;
      const serial = isSerial(steps[i]!);
      // Neighbours that one thread runs alone share a barrier.
      while (serial && end < steps.length && isSerial(steps[end]!)) end += 1;
      const some = steps.slice(i, end);
      const emit = (): void => some.forEach((step) => this.#step(step, table, serial));
      if (serial) this.#f.if(i32.eqz(this.#thread), emit);
      else emit();
      this.#barrier();
      i = end;
    }
  }

  #barrier(): void {
    this.#f.call(this.#wait!, this.#thread, this.#threads);
  }

  #step(step: Step, table: I32, alone: boolean): void {
    if (step.kind === 'scan') this.#scan(step, table, alone);
    else this.#phase(step.phase, table, alone);
  }

  #phase(phase: Phase, table: I32, alone: boolean): void {
    const f = this.#f;
    const { items, call, step } = phase;
    const count = i32.const(items);
    const run = (begin: I32, end: I32): void =>
      f.call(call, ...addresses(phase, table), this.#kernelScratch, begin, end);
    f.scope(() => {
      const share = (number: I32): I32 => i32.divU(i32.mul(count, number), this.#threads);
      const begin = alone ? i32.const(0) : f.local('i32', share(this.#thread));
      const end = alone ? count : f.local('i32', share(i32.add(this.#thread, i32.const(1))));
      if (step >= items) {
        if (alone) run(begin, end);
        else f.if(i32.ltU(begin, end), () => run(begin, end));
        return;
      }
      // Counted from the first item of all threads, so that what belongs together is not cut.
      const number = (item: I32): I32 => f.let(i32.divU(item, i32.const(step)));
      const stop = number(i32.add(end, i32.const(step - 1)));
      f.for(number(begin), stop, 1, (part) => {
        const first = f.let(i32.mul(part, i32.const(step)));
        const last = f.let(i32.add(first, i32.const(step)));
        run(
          f.let(select(first, begin, i32.gtS(first, begin))),
          f.let(select(last, end, i32.ltS(last, end))),
        );
      });
    });
  }

  /** The loop over the steps of a scan, with a table of addresses for the body's buffers. */
  #scan(step: ScanStep, table: I32, alone: boolean): void {
    const f = this.#f;
    const { outer, scan, frame, body } = step;
    const { constants, initial, sequences, outputs, spares, length, reverse } = scan;
    const layout = tableLayout(scan.body);
    const carries = initial.length;
    const pointer = (id: number): I32 =>
      pointerOf(outer, id, (number) => i32.load(table, number * 4));
    const bytesOf = (id: number): number => {
      const { dtype, shape } = scan.body.buffers[id]!;
      return sizeOf(shape) * dtypeInfo(dtype).bytes;
    };
    f.scope(() => {
      const inside = f.local('i32', i32.add(this.#own, i32.const(frame)));
      const set = (slot: number, value: I32): void => f.store('i32', inside, value, slot * 4);
      constants.forEach((id, k) => set(layout.inputs + k, pointer(id)));
      if (scan.arena >= 0) set(layout.arena, pointer(scan.arena));

      // Carries: where a step reads and where it writes, exchanged after each step unless they are one.
      const turns: { readonly read: Local<'i32'>; readonly write: Local<'i32'> }[] = [];
      const copies: (() => void)[] = [];
      initial.forEach((id, k) => {
        const inPlace = spares[k]! < 0;
        const home = f.local('i32', pointer(outputs[k]!));
        const spare = inPlace ? home : f.local('i32', pointer(spares[k]!));
        // The last write goes home.
        const homeFirst = inPlace || length === 0 || length % 2 === 1;
        const readsHome = inPlace || length % 2 === 0;
        const read = f.local('i32', readsHome ? home : spare);
        const write = f.local('i32', homeFirst && length > 0 ? home : spare);
        turns.push({ read, write });
        const bytes = bytesOf(scan.body.inputs[constants.length + k]!);
        copies.push(() => f.memoryCopy(read, pointer(id), i32.const(bytes)));
      });
      if (copies.length > 0) {
        const copyAll = (): void => copies.forEach((copy) => copy());
        if (alone) copyAll();
        else {
          f.if(i32.eqz(this.#thread), copyAll);
          this.#barrier();
        }
      }
      if (length === 0) return;

      const moving = (slot: number, id: number, bytes: number) => {
        const start = i32.add(pointer(id), i32.const(reverse ? (length - 1) * bytes : 0));
        return { slot, at: f.local('i32', start), bytes };
      };
      const elements = [
        ...sequences.map((id, k) => {
          const position = constants.length + carries + k;
          return moving(layout.inputs + position, id, bytesOf(scan.body.inputs[position]!));
        }),
        ...outputs.slice(carries).map((id, k) => {
          const position = carries + k;
          return moving(layout.outputs + position, id, bytesOf(scan.body.outputs[position]!));
        }),
      ];
      f.for(i32.const(0), i32.const(length), 1, () => {
        turns.forEach(({ read, write }, k) => {
          set(layout.inputs + constants.length + k, read);
          set(layout.outputs + k, write);
        });
        for (const { slot, at } of elements) set(slot, at);
        this.run(body, inside, alone);
        turns.forEach(({ read, write }, k) => {
          if (spares[k]! < 0) return;
          const held = f.local('i32', read);
          f.set(read, write);
          f.set(write, held);
        });
        for (const { at, bytes } of elements) f.advance(at, reverse ? -bytes : bytes);
      });
    });
  }
}
