/** @hebb/conformance: what any backend, op or layer must pass. */
export { testBackend } from './kit/backend.ts';
export type { BackendTestOptions } from './kit/backend.ts';
export { drawInputs, testLayer } from './kit/layer.ts';
export type { LayerTestOptions, TestableLayer } from './kit/layer.ts';
export { testOp } from './kit/op.ts';
export type { OpTestOptions } from './kit/op.ts';
export { definitions } from './kit/definitions/backend.ts';
export { defaultTolerances } from './kit/compare.ts';
export type { Tolerance, Tolerances } from './kit/compare.ts';
export { checkGradient, checkSecondOrder } from './kit/gradient.ts';
export type { GradientCase, GradientOptions } from './kit/gradient.ts';
export type { OpLike } from './kit/op-of.ts';
export { collect, globalRunner } from './kit/runner.ts';
export type { Outcome, TestRunner } from './kit/runner.ts';
