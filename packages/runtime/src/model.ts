/** Types of compiled models; generated wrappers make them exact. */
import type { ArrayOf, ElementArray, ElementType } from './element.ts';
import type { Plan, TensorType } from './plan.ts';

/** A tensor outside the player: elements in row-major order. */
export interface HostTensor<
  D extends ElementType = ElementType,
  S extends readonly number[] = readonly number[],
> {
  readonly dtype: D;
  readonly shape: S;
  readonly data: ArrayOf<D>;
}

/** What is accepted for an input: the dtype may be left out, since the model knows it. */
export type TensorInput<
  D extends ElementType = ElementType,
  S extends readonly number[] = readonly number[],
> = { readonly dtype?: D; readonly shape: S; readonly data: ArrayOf<D> };

/** Inputs by name: tensors, or bare arrays where only one compiled shape has that many elements. */
export type Inputs = Readonly<Record<string, TensorInput | ElementArray>>;
export type Outputs = Record<string, HostTensor>;

export interface Model {
  readonly name: string;
  readonly plan: Plan;
  /** Inputs and outputs of the first function. */
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  /**
   * Runs the first function. Results are copies.
   * @throws PlayerError `input` for values that are missing, unknown, or of the wrong type or size; `shape`
   *   for shapes that the model was not compiled for.
   */
  run(inputs: Inputs): Outputs;
  /** Runs the function of that name. Errors as `run`. */
  call(name: string, inputs: Inputs): Outputs;
  /** Copies of all values that stay between calls, by name. */
  state(): Outputs;
  /**
   * Replaces state; names that are left out keep theirs. Nothing changes when one of them does not fit.
   * @throws PlayerError `input` or `shape`.
   */
  loadState(values: Inputs): void;
}
