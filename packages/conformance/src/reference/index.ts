/**
 * @hebb/conformance/reference: values and gradients against PyTorch's. Cases are JSON files, one folder a
 * family; a table for each family says how to compute its ops. Needs Node for reading files.
 */
export { evaluate } from './expression.ts';
export { Computed, SkipCase } from './case.ts';
export type {
  CaseAttrs,
  CaseContext,
  CaseFunction,
  CaseTable,
  FamilyTables,
  Outputs,
  ReferenceCase,
  StoredTensor,
  Tensors,
  Tolerance,
} from './case.ts';
export * as attrs from './attrs.ts';
export { compareTensor } from './compare.ts';
export type { Mismatch } from './compare.ts';
export { referenceFamilies } from './families/index.ts';
export { listFamilies, parseCase, readFamily, referenceFolder } from './files.ts';
export { failureLine, reportOf, summaryLines } from './report.ts';
export type { Counts, ReferenceReport } from './report.ts';
export { fromStored, runCase } from './run.ts';
export type { CaseResult, RunOptions, Verdict } from './run.ts';
