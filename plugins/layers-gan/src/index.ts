/** The public surface of @hebb/layers-gan. */
export { squareplus } from './squareplus.ts';
export { Squareplus } from './layers.ts';
