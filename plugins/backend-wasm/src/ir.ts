/**
 * What the compiler hands to code generators: kernels over numbered buffers, in order.
 *
 * A *buffer* is a contiguous, row-major array of one dtype. A *kernel* reads and writes buffers. A *loop
 * kernel* is a nest of counted loops around straight-line code (elementwise chains, movements, reductions,
 * softmax, normalisation); a *routine* is an algorithm of its own (matmul, convolution, sort, scatter) that
 * a code generator knows by name. Both may carry straight-line code that runs on each result element.
 */
import type { Attrs, DType, Shape } from '@hebb/core';

/**
 * One summand of an index: `stride * (floor(v / div) mod mod)`, where v is the loop variable `variable`.
 * `div` 1 and `mod` 0 mean the variable itself.
 */
export interface Term {
  readonly variable: number;
  readonly stride: number;
  readonly div: number;
  readonly mod: number;
}

/** `offset` plus the terms; elements, not bytes. */
export interface Index {
  readonly offset: number;
  readonly terms: readonly Term[];
}

/** Holds when low <= index < high. A load whose conditions do not all hold yields `otherwise`. */
export interface Condition {
  readonly index: Index;
  readonly low: number;
  readonly high: number;
}

/** Straight-line code in single assignment form: each instruction defines value `id` of type `dtype`. */
export type Instruction =
  | {
      readonly op: 'load';
      readonly id: number;
      readonly dtype: DType;
      readonly buffer: number;
      readonly index: Index;
      readonly conditions?: readonly Condition[];
      readonly otherwise?: number | bigint;
    }
  | {
      readonly op: 'const';
      readonly id: number;
      readonly dtype: DType;
      readonly value: number | bigint;
    }
  /** The index itself as a number (iota). */
  | { readonly op: 'index'; readonly id: number; readonly dtype: DType; readonly index: Index }
  /** `buffer[index + value(at) * stride]`; `at` is an integer checked or clamped to [0, size). */
  | {
      readonly op: 'gather';
      readonly id: number;
      readonly dtype: DType;
      readonly buffer: number;
      readonly index: Index;
      readonly at: number;
      readonly stride: number;
      readonly size: number;
    }
  /** An elementwise primitive of core by name: add, exp, where, cast, ... Arguments are ids. */
  | {
      readonly op: 'apply';
      readonly id: number;
      readonly dtype: DType;
      readonly name: string;
      readonly args: readonly number[];
    }
  /** Only in an inner stage: combined over the inner loops; `id` is defined after the stage, outside. */
  | {
      readonly op: 'reduce';
      readonly id: number;
      readonly dtype: DType;
      readonly name: 'sum' | 'prod' | 'max' | 'min';
      readonly arg: number;
    }
  /** Only in an inner stage over one inner loop: position of the first largest or smallest element. */
  | {
      readonly op: 'argreduce';
      readonly id: number;
      readonly dtype: DType;
      readonly name: 'argmax' | 'argmin';
      readonly arg: number;
    }
  /** In code attached to a routine: the element that the routine computed. */
  | { readonly op: 'result'; readonly id: number; readonly dtype: DType; readonly output: number }
  | { readonly op: 'store'; readonly buffer: number; readonly index: Index; readonly arg: number };

/**
 * Code that runs either once for each outer index (`inner` false) or in loops over the inner dimensions.
 * It may use values of earlier outer stages and finished reductions, never inner values of other stages.
 */
export interface Stage {
  readonly inner: boolean;
  readonly code: readonly Instruction[];
}

export interface LoopKernel {
  readonly kind: 'loop';
  /** For people: names of the ops in it, `max+sub+exp+sum+div`. */
  readonly name: string;
  /** Layers it came from. */
  readonly paths: readonly string[];
  /** Sizes of all loops; variables 0 … outer - 1 are outer (may run in parallel), the rest inner. */
  readonly dims: readonly number[];
  readonly outer: number;
  readonly stages: readonly Stage[];
  readonly cost: Cost;
}

/** A strided view of a buffer as a routine reads it. */
export interface View {
  readonly buffer: number;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

export interface RoutineKernel {
  readonly kind: 'routine';
  readonly name: string;
  readonly paths: readonly string[];
  /** The primitive, or the composite that the backend claimed. */
  readonly op: string;
  readonly attrs: Attrs;
  /** Strided for ops that take them (matmul, conv inputs); contiguous otherwise. */
  readonly inputs: readonly View[];
  readonly outputs: readonly number[];
  /**
   * Runs on each element of output 0 instead of storing it (bias, activation, residual): loop variables are
   * the output's axes; ends in stores.
   */
  readonly epilogue?: readonly Instruction[];
  readonly cost: Cost;
}

/** A counted loop around a program of its own: core's `scan`. */
export interface ScanKernel {
  readonly kind: 'scan';
  readonly name: string;
  readonly paths: readonly string[];
  readonly length: number;
  readonly reverse: boolean;
  readonly constants: readonly number[];
  readonly initial: readonly number[];
  readonly sequences: readonly number[];
  /** Final carries, then stacked outputs. */
  readonly outputs: readonly number[];
  /** Inputs of the body: constants, carries, elements. Outputs: carries, elements. */
  readonly body: Program;
  readonly cost: Cost;
}

export type Kernel = LoopKernel | RoutineKernel | ScanKernel;

export interface Cost {
  readonly flops: number;
  /** Bytes read and written if each buffer is touched once. */
  readonly bytes: number;
}

export interface Buffer {
  readonly dtype: DType;
  readonly shape: Shape;
  /**
   * Where it lives: an input or output of the program by position, or the arena at a byte offset.
   * An output with `alias` shares the memory of that (donated) input.
   */
  readonly place:
    | { readonly kind: 'input'; readonly position: number }
    | { readonly kind: 'output'; readonly position: number; readonly alias?: number }
    | { readonly kind: 'arena'; readonly offset: number };
}

export interface Program {
  readonly buffers: readonly Buffer[];
  /** Buffer ids. An output may be an input's buffer (passed through): the caller copies. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly kernels: readonly Kernel[];
  readonly arenaBytes: number;
}
