/** What a routine's generator hands back: code over ranges of independent work items. */
import type { FunctionBuilder, I32 } from '../wasm/index.ts';

/** Addresses of scratch memory, aligned to 16; contents are arbitrary at the start. */
export interface Scratch {
  /** This thread's own. */
  readonly own: I32;
  /** Common to all threads: what one phase leaves there, the next ones read. */
  readonly shared: I32;
}

/** One phase: threads divide its items among themselves. Results do not depend on the division. */
export interface KernelPlan {
  readonly items: number;
  /** Bytes of scratch memory that each thread needs for itself. */
  readonly scratch: number;
  /** So many neighbours share what the first of them prepares, if they are run in one call; default 1. */
  readonly together?: number;
  /** Writes the code for items begin to end - 1. */
  emit(f: FunctionBuilder, begin: I32, end: I32, scratch: Scratch): void;
}

/** Phases that run one after the other; all threads wait for each other in between. */
export interface Routine {
  readonly phases: readonly KernelPlan[];
  /** Bytes of scratch memory common to all threads. */
  readonly shared: number;
}

/** Sizes rounded up so that vectors written at the end stay inside. */
export const aligned = (bytes: number): number => Math.ceil(bytes / 16) * 16;
