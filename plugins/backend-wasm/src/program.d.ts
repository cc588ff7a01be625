/**
 * A whole program as one module. `run(args, thread, threads)` runs all kernels in order: `args` is the
 * address of a table of addresses: inputs, outputs, the arena, and working memory of the threads. Every
 * thread calls it with its number; each kernel divides its items, and a barrier stands between kernels.
 */
import type { Kernel, Program, RoutineKernel } from '@hebb/compiler';
import type { Target } from './routines/target.ts';
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
export declare function tableLayout(program: Program): TableLayout;
/** Working memory that a routine's phases share: the compiler puts it into the arena. */
export declare function sharedScratch(kernel: RoutineKernel): number;
/** One program as a module that exports `run`. */
export declare function generate(program: Program, options: GeneratorOptions): GeneratedProgram;
/** Several programs as one module: they share memory and helper functions, only one runs at a time. */
export declare function generateModule(
  programs: readonly NamedProgram[],
  options: GeneratorOptions,
): GeneratedModule;
