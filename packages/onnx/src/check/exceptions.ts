/**
 * Cases of public suites that are not run, each with the reason. Everything else that `checkFolders` finds
 * is run and must pass. (Random draws are run: see draws.ts.)
 */
export interface Exception {
  readonly case: string;
  readonly reason: string;
}

export const exceptions: readonly Exception[] = [];
