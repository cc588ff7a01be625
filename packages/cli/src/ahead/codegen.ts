/** The code generator as ahead-of-time compilation sees it. */
import { assemble, compileOptions } from '@hebb/backend-wasm';
import type { GeneratedModule, NamedProgram, Simd } from '@hebb/backend-wasm';
import type { CompileGraphOptions } from '@hebb/compiler';

export { reservedBytes } from '@hebb/backend-wasm';
export type { NamedProgram, Simd } from '@hebb/backend-wasm';

export interface CodeGenerator {
  readonly options: CompileGraphOptions;
  /** One module; each program is exported under its name. */
  assemble(programs: readonly NamedProgram[]): GeneratedModule;
}

export const codegen = (simd: Simd): CodeGenerator => ({
  options: compileOptions(),
  assemble: (programs) => assemble(programs, { simd }),
});
