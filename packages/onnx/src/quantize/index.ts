/** Quantisation: smaller models, and what the trade costs. */
export { assess } from './assess.ts';
export type { Assessment, Example } from './assess.ts';
export { quantizeModes, quantizeOnnx } from './quantize.ts';
export type { Quantized, QuantizeMode, QuantizeOptions } from './quantize.ts';
