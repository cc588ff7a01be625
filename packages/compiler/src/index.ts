/** @hebb/compiler: graphs to fused kernels over planned memory. */
export { compileGraph } from './compile.ts';
export type { CompileGraphOptions } from './compile.ts';
export type * from './ir.ts';
export { accessesOf } from './access.ts';
export type { Accesses } from './access.ts';
export { evaluateIndex, isLinear, rangeOf } from './affine.ts';
export {
  formatBytes,
  formatFlops,
  formatGraph,
  formatIndex,
  formatInstruction,
  formatPlan,
  formatProgram,
} from './dump.ts';
export type { FormatOptions } from './dump.ts';
export { RESULT, contractionLoops, epilogueLoop } from './contraction-loops.ts';
export { classesOf, combinations, geometryOf, product, reachedPadding } from './convolution.ts';
export type { AxisClass, ConvGeometry } from './convolution.ts';
export type { StorageOptions } from './memory.ts';
