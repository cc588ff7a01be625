/** What modules own: parameters, which optimizers change, and buffers, which only the model itself does. */
import { Variable } from '@hebb/core';
import type { Tensor } from '@hebb/core';

export interface ParameterOptions {
  /** Default true; a frozen parameter gets no gradient and no update. */
  readonly requiresGrad?: boolean;
}

/** A variable that is learned. A module registers it by holding it in a field. */
export class Parameter extends Variable {
  /** Read when a step is traced: a change after that reaches functions compiled later, not earlier. */
  requiresGrad: boolean;

  constructor(value: Tensor, { requiresGrad = true }: ParameterOptions = {}) {
    super(value);
    this.requiresGrad = requiresGrad;
  }
}

export interface ModuleBufferOptions {
  /** Default true; false keeps it out of state dicts. */
  readonly persistent?: boolean;
}

/** State that is not learned (PyTorch's `register_buffer`), such as running statistics. */
export class ModuleBuffer extends Variable {
  readonly persistent: boolean;

  constructor(value: Tensor, { persistent = true }: ModuleBufferOptions = {}) {
    super(value);
    this.persistent = persistent;
  }
}
