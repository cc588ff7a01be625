import type { I32 } from '../../wasm/index.ts';
import type { Routine } from '../kernel.ts';
import type { StoreResult } from '../store.ts';
import type { Target } from '../target.ts';
import type { ConvGeometry } from './geometry.ts';
export interface ConvTransposeSpec extends ConvGeometry {
  /** Gradient of the output: [images, outChannels, ...outSize]. */
  readonly g: I32;
  readonly weight: I32;
  /** Rows are input channels of all images, columns input positions. */
  readonly store: StoreResult;
}
export declare function convTranspose(spec: ConvTransposeSpec, target: Target): Routine;
