/** What a case is: named inputs and either a function to run or a step to train. */
import type { Layers } from '../models/layers.ts';

export type Family = 'kernels' | 'infer' | 'train';

export interface InputSpec {
  readonly shape: readonly number[];
  /** Integers below this, as int32; left out: floats in [-1, 1). */
  readonly below?: number;
  /** Floats of 16 bits. */
  readonly half?: boolean;
}

interface CaseBase {
  readonly name: string;
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** Largest difference allowed, as a fraction of the largest absolute value of the reference. */
  readonly tolerance: number;
}

/** The inputs stay where the contender computes (kernels), or come from the host at each call (infer). */
export interface ForwardCase extends CaseBase {
  readonly family: 'kernels' | 'infer';
  forward<T>(layers: Layers<T>, inputs: readonly T[]): T;
}

export interface OptimizerSettings {
  readonly kind: 'sgd' | 'adam';
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
}

/** A loss and the parameters that it trains: those whose names start with `prefix`. */
export interface Phase {
  readonly name: string;
  readonly prefix: string;
  readonly optimizer: OptimizerSettings;
  /** What `shared` gave is a constant to this phase. */
  readonly detached?: boolean;
  loss<T>(layers: Layers<T>, inputs: readonly T[], shared: T | undefined): T;
}

/** One training step: phases one after the other, each on the parameters that the one before left. */
export interface TrainCase extends CaseBase {
  readonly family: 'train';
  /** A value that several phases use. */
  shared?<T>(layers: Layers<T>, inputs: readonly T[]): T;
  readonly phases: readonly Phase[];
}

export type Case = ForwardCase | TrainCase;

/** Steps whose losses are compared before anything is timed. */
export const checkedSteps = 3;

export const adam = (lr: number, beta1 = 0.9): OptimizerSettings => ({
  kind: 'adam',
  lr,
  beta1,
  beta2: 0.999,
  eps: 1e-8,
});
export const sgd = (lr: number): OptimizerSettings => ({ ...adam(lr), kind: 'sgd' });
