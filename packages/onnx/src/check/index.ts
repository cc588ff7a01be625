/** Checks: agreement of values, and other runtimes as judges. */
export { compareTensors, compareValues, modelTolerance, suiteTolerance } from './compare.ts';
export type { Comparison, Tolerance } from './compare.ts';
export type { Runtime, RuntimeSession } from './runtime.ts';
export { verifyModel } from './verify.ts';
export type { VerifiedOutput, VerifyOptions, VerifyReport } from './verify.ts';
export { backendComputer, diffModel, runtimeComputer } from './diff.ts';
export type {
  Computer,
  DiffOptions,
  DiffReport,
  OpenModel,
  Reproduction,
  ValueDifference,
} from './diff.ts';
