import type { FunctionBuilder, Local, V128 } from '../wasm/index.ts';
import type { MatmulSpec } from './batch.ts';
import type { KernelPlan } from './kernel.ts';
import type { Target } from './target.ts';
export declare function dots(spec: MatmulSpec, target: Target): KernelPlan;
/** Lane i of the result is the sum of the lanes of vector i. */
export declare function addLanes(f: FunctionBuilder, list: readonly Local<'v128'>[]): V128;
