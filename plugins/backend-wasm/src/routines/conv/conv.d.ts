import type { I32 } from '../../wasm/index.ts';
import type { Routine } from '../kernel.ts';
import type { StoreResult } from '../store.ts';
import type { Target } from '../target.ts';
import type { ConvGeometry } from './geometry.ts';
export interface ConvSpec extends ConvGeometry {
  readonly x: I32;
  readonly weight: I32;
  /** Rows are output channels of all images, columns output positions. */
  readonly store: StoreResult;
}
export declare function conv(spec: ConvSpec, target: Target): Routine;
