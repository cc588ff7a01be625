/** @hebb/layers-cnn: convolution, pooling and batch normalisation as modules. */
export { BatchNorm1d, BatchNorm2d, BatchNorm3d } from './layers/batch-norm.ts';
export type { BatchNormLayerOptions } from './layers/batch-norm.ts';
export { Conv1d, Conv2d, Conv3d } from './layers/conv.ts';
export type { ConvLayerOptions } from './layers/conv.ts';
export { AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d } from './layers/pool.ts';
export { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './layers/conv-transpose.ts';
export type { ConvTransposeLayerOptions } from './layers/conv-transpose.ts';
