import type { I32 } from '../../wasm/index.ts';
import type { Routine } from '../kernel.ts';
import type { StoreResult } from '../store.ts';
import type { Target } from '../target.ts';
import type { ConvGeometry } from './geometry.ts';
export interface ConvKernelGradSpec extends ConvGeometry {
  readonly x: I32;
  /** Gradient of the output: [images, outChannels, ...outSize]. */
  readonly g: I32;
  /** Rows are output channels, columns input channels of the group x taps. */
  readonly store: StoreResult;
}
export declare function convKernelGrad(spec: ConvKernelGradSpec, target: Target): Routine;
