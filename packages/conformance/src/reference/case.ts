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
  readonly note?: string;
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

/**
 * Computes a case: a single tensor is its `output`. Outputs that the case does not list may be given too;
 * they are not looked at. May be asynchronous where a shape depends on data.
 */
export type CaseFunction = (
  tensors: Tensors,
  attrs: CaseAttrs,
  given: ReferenceCase,
) => Outputs | Promise<Outputs>;

/** What a family can compute, by the case's `op`. */
export type CaseTable = { readonly [op: string]: CaseFunction };
/** Tables by the family's name. */
export type FamilyTables = { readonly [family: string]: CaseTable };
