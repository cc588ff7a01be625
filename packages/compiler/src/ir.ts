/**
 * What the compiler hands to code generators: kernels over numbered buffers, in order.
 *
 * A *buffer* is a contiguous, row-major array of one dtype. A *kernel* reads and writes buffers. A *loop
 * kernel* is a nest of counted loops around straight-line code (elementwise chains, movements, reductions,
 * softmax, normalisation); a *routine* is an algorithm of its own (matmul, convolution, sort, scatter) that
 * a code generator knows by name. Both may carry straight-line code that runs on each result element.
 */
import type { Attrs, Aval, DType, Shape } from '@hebb/core';

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

/** Holds when low <= index < high. */
export interface Condition {
  readonly index: Index;
  readonly low: number;
  readonly high: number;
}

/**
 * Straight-line code in single assignment form: each instruction defines value `id` of type `dtype`. Ids
 * are numbered through the whole kernel. In each stage stores come last.
 */
export type Instruction =
  /**
   * An element of a buffer. A load whose conditions do not all hold touches no memory and yields
   * `otherwise` (0 when left out).
   */
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
  /** Whether all conditions hold (`dtype` is bool). */
  | {
      readonly op: 'inside';
      readonly id: number;
      readonly dtype: DType;
      readonly conditions: readonly Condition[];
    }
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
      /** As in `load`; what does not hold yields 0. */
      readonly conditions?: readonly Condition[];
    }
  /** An elementwise primitive of core by name: add, exp, where, cast, bitcast, ... Arguments are ids. */
  | {
      readonly op: 'apply';
      readonly id: number;
      readonly dtype: DType;
      readonly name: string;
      readonly args: readonly number[];
    }
  /**
   * Only in an inner stage: combined over the inner loops; `id` is defined after the stage, outside. Inner
   * loops that run zero times give 0 (sum), 1 (prod), or the dtype's lowest or highest value.
   */
  | {
      readonly op: 'reduce';
      readonly id: number;
      readonly dtype: DType;
      readonly name: 'sum' | 'prod' | 'max' | 'min';
      readonly arg: number;
    }
  /**
   * Only in an inner stage: position, counted row-major over the inner loops, of the first largest or
   * smallest element; the first NaN if there is one. `dtype` (of the position) is int32.
   */
  | {
      readonly op: 'argreduce';
      readonly id: number;
      readonly dtype: DType;
      readonly name: 'argmax' | 'argmin';
      readonly arg: number;
    }
  /** In code attached to a routine: the element that the routine computed. */
  | {
      readonly op: 'result';
      readonly id: number;
      readonly dtype: DType;
      readonly output: number;
    }
  | { readonly op: 'store'; readonly buffer: number; readonly index: Index; readonly arg: number };

/** An instruction that defines a value. */
export type Defining = Exclude<Instruction, { readonly op: 'store' }>;

/**
 * Code that runs either once for each outer index (`inner` false) or in loops over the inner dimensions.
 * It may use values of earlier outer stages and finished reductions, never inner values of other stages.
 * Stages run in order for each outer index. What an inner stage uses but does not depend on the innermost
 * loop may be taken out of it by the code generator.
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
  /**
   * Sizes of all loops; variables 0 … outer - 1 are outer (may run in parallel, in any order), the rest
   * inner. No dimension means that the code runs once.
   */
  readonly dims: readonly number[];
  readonly outer: number;
  readonly stages: readonly Stage[];
  readonly cost: Cost;
}

/** A strided view of a buffer as a routine reads it. A stride of 0 repeats an axis. */
export interface View {
  readonly buffer: number;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/**
 * Ops and their inputs: those of core's primitive (or of the claimed composite) with these exceptions.
 * `matmul` has attributes `{}`: inputs are [...batch, m, k] and [...batch, k, n] with equal batch axes;
 * transposes and broadcasts are in the strides. `scatter` and `scatterElements` may have their first input
 * and their output at the same place: there is nothing to copy then.
 */
export interface RoutineKernel {
  readonly kind: 'routine';
  readonly name: string;
  readonly paths: readonly string[];
  /** The primitive, or the composite that the backend claimed. */
  readonly op: string;
  readonly attrs: Attrs;
  /** Strided for ops that take them (matmul, conv inputs); contiguous (with any offset) otherwise. */
  readonly inputs: readonly View[];
  /** Type of each output. */
  readonly results: readonly Aval[];
  /** Buffer of each output; -1 where none is stored (unused, or output 0 with an epilogue). */
  readonly outputs: readonly number[];
  /**
   * Runs on each element of output 0 instead of storing it (bias, activation, residual): loop variables are
   * the axes of `results[0]`; ends in stores.
   */
  readonly epilogue?: readonly Instruction[];
  /** Working memory that the code generator asked for: a buffer of uint8. */
  readonly scratch?: number;
  readonly cost: Cost;
}

/**
 * A counted loop around a program of its own: core's `scan`. Step i of `length` works on element i of the
 * sequences and stacked outputs (element length - 1 - i when `reverse`); they are contiguous, so an element
 * is a pointer into the buffer.
 *
 * Carries: carry k ends up in `outputs[k]`. Where the body's output k shares the memory of its carry input
 * (`alias`), `initial[k]` is copied to `outputs[k]` before the first step and each step updates it there.
 * Elsewhere `spares[k]` is a second buffer: steps read one and write the other in turn, the initial copy
 * going where the last step's write falls into `outputs[k]`.
 */
export interface ScanKernel {
  readonly kind: 'scan';
  readonly name: string;
  readonly paths: readonly string[];
  readonly length: number;
  readonly reverse: boolean;
  /** Buffers, contiguous. */
  readonly constants: readonly number[];
  readonly initial: readonly number[];
  readonly sequences: readonly number[];
  /** Final carries, then stacked outputs. */
  readonly outputs: readonly number[];
  /** One entry a carry: a second buffer, or -1 where the body updates it in place. */
  readonly spares: readonly number[];
  /** Buffer (uint8) that holds the body's arena; -1 when it needs none. */
  readonly arena: number;
  /**
   * Inputs of the body: constants, carries, elements. Outputs: carries, elements; each has a buffer of its
   * own of kind `output` (a value passed through is copied by a kernel).
   */
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
  /** Buffer ids. An output may be an input's buffer (passed through) or that of an earlier output: the caller copies. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly kernels: readonly Kernel[];
  readonly arenaBytes: number;
}
