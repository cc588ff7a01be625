/** Attention layers of encoder-decoder models. */
import { fail, formatShape } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import { Linear, Module, Parameter, init } from '@hebb/nn';
import { additiveAttention, multiplicativeAttention } from '@hebb/ops';

export interface AttentionOptions {
  /** Default float32. */
  readonly dtype?: DType;
  /** Where start values come from; the default generator when left out. */
  readonly generator?: Generator;
}

function checkQuery(layer: string, query: Tensor, size: number): void {
  if ((query.rank !== 2 && query.rank !== 3) || query.shape.at(-1) !== size) {
    fail(layer, 'query does not fit', formatShape(query.shape), `[N, ${size}] or [N, L, ${size}]`);
  }
}

/**
 * Scores `vᵀ tanh(W_q query + W_k key)`. Bahdanau et al. 2015, arXiv:1409.0473. `project` the encoder's
 * outputs once, then call with a query for each step of the decoder, or with those of all its steps.
 * Shape: query [N, Q], values [N, T, V], mask bool [N, T] (true: may be looked at) ->
 * [context [N, V], weights [N, T]], or with queries [N, L, Q] -> [N, L, V], [N, L, T].
 */
export class AdditiveAttention extends Module {
  readonly querySize: number;
  readonly query: Linear;
  readonly key: Linear;
  /** [size] */
  readonly v: Parameter;

  constructor(querySize: number, valueSize: number, size: number, options: AttentionOptions = {}) {
    super();
    this.querySize = querySize;
    this.query = new Linear(querySize, size, { ...options, bias: false });
    this.key = new Linear(valueSize, size, options);
    this.v = new Parameter(init.fanInUniform([size], size, options));
  }

  /** Keys of the encoder's outputs. Shape: [N, T, V] -> [N, T, size]. */
  project(values: Tensor): Tensor {
    return this.key.forward(values);
  }

  forward(
    query: Tensor,
    values: Tensor,
    mask?: Tensor,
    keys: Tensor = this.project(values),
  ): [context: Tensor, weights: Tensor] {
    checkQuery('AdditiveAttention', query, this.querySize);
    return additiveAttention(this.query.forward(query), keys, values, this.v.value, mask);
  }
}

/**
 * Scores `queryᵀ W key`, Luong's general form. Luong et al. 2015, arXiv:1508.04025. `project` the
 * encoder's outputs once, then call with a query for each step of the decoder, or with those of all its steps.
 * Shape: query [N, Q], values [N, T, V], mask bool [N, T] (true: may be looked at) ->
 * [context [N, V], weights [N, T]], or with queries [N, L, Q] -> [N, L, V], [N, L, T].
 */
export class MultiplicativeAttention extends Module {
  readonly querySize: number;
  readonly key: Linear;

  constructor(querySize: number, valueSize: number, options: AttentionOptions = {}) {
    super();
    this.querySize = querySize;
    this.key = new Linear(valueSize, querySize, { ...options, bias: false });
  }

  /** Keys of the encoder's outputs. Shape: [N, T, V] -> [N, T, Q]. */
  project(values: Tensor): Tensor {
    return this.key.forward(values);
  }

  forward(
    query: Tensor,
    values: Tensor,
    mask?: Tensor,
    keys: Tensor = this.project(values),
  ): [context: Tensor, weights: Tensor] {
    checkQuery('MultiplicativeAttention', query, this.querySize);
    return multiplicativeAttention(query, keys, values, mask);
  }
}
