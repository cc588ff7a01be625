/**
 * What needs a file system, for Node, Deno and Bun. Kept apart from the main entry so that workers never
 * see node:fs.
 */
export { checkFolders } from './check/folders.ts';
export type { CaseResult, CaseStatus, CheckOptions, CheckSummary } from './check/folders.ts';
export { readModelFile, writeModelFile } from './files.ts';
export type { ReadModelOptions, WriteModelOptions } from './files.ts';
