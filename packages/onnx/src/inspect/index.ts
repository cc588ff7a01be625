/** Inspection: what a model is made of. */
export { inspectOnnx } from './inspect.ts';
export type { InspectOptions, ModelReport } from './inspect.ts';
export { inferShapes } from './shapes.ts';
export type { InferredShapes } from './shapes.ts';
export { profileOnnx } from './profile.ts';
export type { NodeTime, OnnxProfile, ProfileOptions } from './profile.ts';
