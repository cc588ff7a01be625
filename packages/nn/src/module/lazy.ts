/** Layers that learn the size of their input from the first input. */
import { fail, zeros } from '@hebb/core';
import { Tensor } from '@hebb/core';
import { joinPath } from './names.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';
import type { ModuleBuffer } from './parameter.ts';
import { withMode } from './run.ts';

/** Stands where a parameter will be: whoever asks for its shape or value is told what to do. */
export class UninitializedParameter extends Parameter {
  readonly #layer: string;

  constructor(layer: string) {
    super(zeros([0]));
    this.#layer = layer;
  }
  #missing(): never {
    return fail(
      this.#layer,
      'has no weights before its first input: call `materialize(model, inputShape)` first',
    );
  }
  override get shape(): readonly number[] {
    return this.#missing();
  }
  override get value(): Tensor {
    return this.#missing();
  }
  override set value(_next: Tensor) {
    this.#missing();
  }
  override peek(): Tensor {
    return this.#missing();
  }
}

type Member = readonly [name: string, value: Parameter | ModuleBuffer | Module];

/**
 * Base of the lazy layers (PyTorch's `torch.nn.modules.lazy`): one becomes a layer of the right size at its
 * first call, by `materialize`, or when a state dict is loaded, and has that layer's names in state dicts.
 * Before that its parameters can neither be read nor given to an optimizer.
 */
export abstract class LazyModule<
  Layer extends Module & { forward(x: Tensor): Tensor },
> extends Module {
  #layer: Layer | undefined;
  readonly #placeholder = new UninitializedParameter(this.constructor.name);

  /** The layer for inputs of `size` channels or features. */
  protected abstract make(size: number): Layer;
  /** Axis of the input that holds its channels or features. */
  protected abstract readonly axis: number;
  /** The input's size that weights of this shape are for. */
  protected abstract sizeOf(weight: readonly number[]): number | undefined;

  /** Whether the layer is there. */
  get materialized(): boolean {
    return this.#layer !== undefined;
  }
  /** The layer. Throws before there is one. */
  get module(): Layer {
    return this.#layer ?? fail(this.constructor.name, 'has had no input yet: call `materialize`');
  }

  forward(x: Tensor): Tensor {
    const layer = this.#layer ?? this.#materialize(x);
    // The layer is not a member, so the mode that goes down the tree ends here.
    layer.training = this.training;
    return layer.forward(x);
  }

  #materialize(x: Tensor): Layer {
    const size = x.shape.at(this.axis);
    if (size === undefined) {
      fail(this.constructor.name, 'input has too few axes', `[${x.shape.join(',')}]`);
    }
    return (this.#layer = this.make(size));
  }

  override *members(): Iterable<Member> {
    if (this.#layer === undefined) yield ['weight', this.#placeholder];
    else yield* this.#layer.members();
  }
  /** @internal */
  override adaptState(state: Map<string, Tensor>, path: string): void {
    const weight = state.get(joinPath(path, 'weight')) ?? state.get(joinPath(path, 'running_mean'));
    if (this.#layer !== undefined || !(weight instanceof Tensor)) return;
    const size = this.sizeOf(weight.shape);
    if (size !== undefined) this.#layer = this.make(size);
  }

  override extraRepr(): string {
    return this.#layer?.extraRepr() ?? 'not materialized';
  }
}

/**
 * Gives all lazy layers of a model their sizes by a run that computes nothing: shapes are known before
 * numbers are. `inputs` are the shapes of the inputs, or tensors where values or types matter (indices).
 * Returns the model.
 */
export function materialize<M extends Module>(
  model: M,
  ...inputs: readonly (readonly number[] | Tensor)[]
): M {
  const given = inputs.map((each) => (each instanceof Tensor ? each : zeros(each)));
  const forward: (...inputs: never[]) => unknown = model.forward;
  withMode(model, false, () => forward.apply(model, given as never[]));
  return model;
}
