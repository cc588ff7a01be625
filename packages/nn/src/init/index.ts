/** Start values of parameters, under PyTorch's names. Each function returns a tensor for a `Parameter`. */
export { calculateGain, fans } from './fan.ts';
export type { Nonlinearity } from './fan.ts';
export {
  constant,
  dirac,
  eye,
  fanInUniform,
  kaimingNormal,
  kaimingUniform,
  normal,
  ones,
  sparse,
  truncNormal,
  uniform,
  xavierNormal,
  xavierUniform,
  zeros,
} from './draw.ts';
export type {
  InitOptions,
  KaimingOptions,
  RandomInitOptions,
  TruncNormalOptions,
  XavierOptions,
} from './draw.ts';
export { orthogonal, orthonormalize } from './orthogonal.ts';
