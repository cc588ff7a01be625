/** @hebb/backend-cpu: the plain TypeScript interpreter of the primitives, and the oracle of the others. */
export { cpu } from './backend.ts';
export type { CpuOptions } from './backend.ts';
