/** One reference case as its JSON file has it, and what a family's table may say about it. */
import type { Tensor } from '@hebb/core';

export type AttrValue = number | string | boolean | null | readonly AttrValue[] | CaseAttrs;
/** Settings under PyTorch's names. */
export type CaseAttrs = { readonly [name: string]: AttrValue };

export interface StoredTensor {
  readonly shape: readonly number[];
  readonly dtype: 'float64' | 'int64' | 'bool';
  /** Row-major; infinities and NaN are strings. */
  readonly data: readonly (number | string)[];
}
export type StoredTensors = { readonly [name: string]: StoredTensor };

export interface ReferenceCase {
  readonly case: string;
  readonly family: string;
  readonly op: string;
  readonly note?: string | null;
  readonly attrs: CaseAttrs;
  readonly inputs: StoredTensors;
  readonly params: StoredTensors;
  readonly outputs: StoredTensors;
  readonly loss: string | null;
  readonly loss_value: number | null;
  readonly cotangents: StoredTensors;
  readonly grads: StoredTensors;
  readonly tolerance: { readonly rtol: number; readonly atol: number };
}

/** Inputs and parameters together, under their names in the case. */
export type Tensors = { readonly [name: string]: Tensor };
export type Outputs = Tensor | Tensors;

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/**
 * Results of a case that has a layout of its own: gradients that were computed on the way, and tolerances
 * of single outputs where the case's is not theirs (statistics of random draws).
 */
export class Computed {
  readonly outputs: Tensors;
  readonly grads: Tensors;
  readonly tolerances: Readonly<Record<string, Tolerance>>;

  constructor(
    outputs: Tensors,
    {
      grads = {},
      tolerances = {},
    }: { readonly grads?: Tensors; readonly tolerances?: Readonly<Record<string, Tolerance>> } = {},
  ) {
    this.outputs = outputs;
    this.grads = grads;
    this.tolerances = tolerances;
  }
}

/** Thrown by a function that knows the op but not this case of it; the message says why. */
export class SkipCase extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'SkipCase';
  }
}

export interface CaseContext {
  /** Float type of the run. */
  readonly dtype: 'float64' | 'float32';
}

/**
 * Computes a case: a single tensor is its `output`. Outputs that the case does not list may be given too;
 * they are not looked at. May be asynchronous where a shape depends on data.
 */
export type CaseFunction = (
  tensors: Tensors,
  attrs: CaseAttrs,
  given: ReferenceCase,
  context: CaseContext,
) => Outputs | Computed | Promise<Outputs | Computed>;

/** What a family can compute, by the case's `op`. */
export type CaseTable = { readonly [op: string]: CaseFunction };
/** Tables by the family's name. */
export type FamilyTables = { readonly [family: string]: CaseTable };
