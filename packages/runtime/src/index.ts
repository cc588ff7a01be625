/** @hebb/runtime: plans and their player. */
export { load, reserve } from './player.ts';
export type { LoadOptions, ReservedModel } from './player.ts';
export type { HostTensor, Inputs, Model, Outputs, TensorInput } from './model.ts';
export { checkPlan } from './plan.ts';
export type {
  Copy,
  EntryCall,
  KernelInfo,
  Plan,
  PlanFunction,
  PlanModule,
  PlanWeight,
  PlanWeights,
  Signature,
  Slot,
  StateSlot,
  TensorType,
} from './plan.ts';
export { pickModule, supports } from './features.ts';
export type { Feature } from './features.ts';
export { PlayerError } from './error.ts';
export type { PlayerErrorCode } from './error.ts';
export { checksum } from './checksum.ts';
export type { ArrayOf, ElementArray, ElementType } from './element.ts';
