/** The `hebb` command as a function. */
export { main } from './program.ts';
export type { Output } from './program.ts';
