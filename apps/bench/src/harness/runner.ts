/** What each contender implements, in its own process. */
import type { Case, ForwardCase, TrainCase } from '../cases/case.ts';
import type { Work } from '../cases/work.ts';

/** A case that is ready to run. */
export interface Loaded {
  /** One call, from inputs to numbers on the host. Training: one step, to its losses. This is timed. */
  run(): Promise<Float32Array>;
  /** What `run` gave in the layout of the case, where the contender's own is another. */
  arrange?(output: Float32Array): Float32Array;
  /**
   * Calls that are only queued, where the contender computes on a device of its own and the inputs stay there;
   * `settle` waits until all are done. Then these are what is timed.
   */
  readonly queued?: { start(): void | Promise<void>; settle(): Promise<unknown> };
  /** Values that the library holds on its backend. */
  values?(): number;
}

export interface Files {
  /** The model as an ONNX file. */
  readonly onnx?: string;
  /** The model as data, with its weights: for contenders in another language. */
  readonly program?: string;
}

export interface Runner {
  /** Where the work is laid out: uploads weights, builds, compiles what can be compiled ahead. */
  load(work: Work, files: Files): Promise<Loaded>;
}

export function isForward(work: Work<Case>): work is Work<ForwardCase> {
  return work.case.family !== 'train';
}
export function isTraining(work: Work<Case>): work is Work<TrainCase> {
  return work.case.family === 'train';
}
