/** For compilers ahead of time: code without an instance or a memory. */
import type { CompileGraphOptions } from '@hebb/compiler';
import type { GeneratedModule, NamedProgram } from './program.ts';
import type { Target } from './routines/target.ts';
/** How graphs become programs that this code generator takes. */
export declare function compileOptions(): CompileGraphOptions;
/**
 * Programs as one module for one thread. It imports a memory and float64 functions (see `mathImports`), and
 * exports each program under its name: `(table, thread, threads)`, with 0 and 1 for the last two. The table
 * holds addresses: inputs, outputs, arena, working memory (`scratchBytes`).
 */
export declare function assemble(
  programs: readonly NamedProgram[],
  { simd }: Target,
): GeneratedModule;
