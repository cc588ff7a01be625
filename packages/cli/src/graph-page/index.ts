/** @hebb/cli/graph: a model's graph as boxes and wires, and as a drawing. Runs anywhere, pages included. */
export { boxesOf } from './boxes.ts';
export type { Box, Wire } from './boxes.ts';
export { drawing } from './svg.ts';
