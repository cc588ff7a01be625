import type { MatmulSpec } from './batch.ts';
import type { KernelPlan } from './kernel.ts';
import type { Target } from './target.ts';
export declare function matmul(given: MatmulSpec, target: Target): KernelPlan;
