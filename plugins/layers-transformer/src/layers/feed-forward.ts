/** Feed-forward networks: two layers, gated, or chosen among several for each token. */
import { fail, reshape } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Dropout, Linear, Module, gelu, init, relu, silu, softmax, Parameter } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { oneHot, topk } from '@hebb/ops';
import { checkCount, howOf, sourceOf } from '../check.ts';
import type { How } from '../check.ts';

/** PyTorch's names for activations, GPT-2's approximation, and functions of your own. */
export type Activation = 'relu' | 'gelu' | 'gelu_tanh' | 'silu' | ((x: Tensor) => Tensor);

const activations = {
  relu,
  gelu: (x: Tensor) => gelu(x),
  gelu_tanh: (x: Tensor) => gelu(x, { approximate: 'tanh' }),
  silu: (x: Tensor) => silu(x),
} satisfies Record<string, (x: Tensor) => Tensor>;

export function activationOf(layer: string, kind: Activation): (x: Tensor) => Tensor {
  if (typeof kind === 'function') return kind;
  if (!Object.hasOwn(activations, kind)) {
    fail(layer, 'unknown activation', String(kind), Object.keys(activations).join(', '));
  }
  return activations[kind];
}

export interface FeedForwardOptions extends How {
  /** Default 'gelu'. */
  readonly activation?: Activation;
  /** Default true. */
  readonly bias?: boolean;
  /** Probability of dropout between the layers, while training. Default 0. */
  readonly dropout?: number;
}

/** `linear2(dropout(activation(linear1(x))))`. Shape: [..., width] -> same. */
export class FeedForward extends Module {
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(width: number, hidden: number, options: FeedForwardOptions = {}) {
    super();
    const { activation = 'gelu', bias = true, dropout = 0 } = options;
    const how = howOf(options);
    this.linear1 = new Linear(width, hidden, { bias, ...how });
    this.dropout = new Dropout(dropout, sourceOf(options));
    this.linear2 = new Linear(hidden, width, { bias, ...how });
    this.#activation = activationOf('FeedForward', activation);
  }
  forward(x: Tensor): Tensor {
    const hidden = this.#activation(this.linear1.forward(x));
    return this.linear2.forward(this.dropout.forward(hidden));
  }
}

export interface SwiGLUOptions extends How {
  /** Default false. */
  readonly bias?: boolean;
}

/**
 * `down(silu(gate(x)) · up(x))`. Shazeer 2020, arXiv:2002.05202. Names in state dicts are Llama's:
 * `gate_proj`, `up_proj`, `down_proj`. Shape: [..., width] -> same.
 */
export class SwiGLU extends Module {
  readonly gateProj: Linear;
  readonly upProj: Linear;
  readonly downProj: Linear;

  constructor(width: number, hidden: number, options: SwiGLUOptions = {}) {
    super();
    const how = { bias: options.bias ?? false, ...howOf(options) };
    this.gateProj = new Linear(width, hidden, how);
    this.upProj = new Linear(width, hidden, how);
    this.downProj = new Linear(hidden, width, how);
  }
  forward(x: Tensor): Tensor {
    const gate = silu(this.gateProj.forward(x));
    return this.downProj.forward(gate.mul(this.upProj.forward(x)));
  }
}

export interface MixtureOfExpertsOptions extends How {
  /** Experts that each token is sent to; default 2. */
  readonly topK?: number;
  /** Makes an expert; default a `SwiGLU` of the hidden size. */
  readonly expert?: (index: number) => Layer;
}

/**
 * Several feed-forward networks, of which each token uses the `topK` that the router prefers, weighted by
 * the softmax of their scores. Shazeer et al. 2017, arXiv:1701.06538; weights among the chosen as in Jiang
 * et al. 2024, arXiv:2401.04088. Every expert runs on every token and what was not chosen counts zero: right
 * for the small numbers of experts that fit one machine. `auxiliaryLoss` of the last call keeps experts in
 * balance (Fedus et al. 2022, arXiv:2101.03961, equation 4): add about a hundredth of it to the loss.
 * Shape: [..., width] -> same.
 */
export class MixtureOfExperts extends Module {
  readonly numExperts: number;
  readonly topK: number;
  readonly gate: Linear;
  readonly experts: readonly Layer[];
  #auxiliaryLoss: Tensor | undefined;

  constructor(
    width: number,
    hidden: number,
    numExperts: number,
    options: MixtureOfExpertsOptions = {},
  ) {
    super();
    const name = 'MixtureOfExperts';
    this.numExperts = checkCount(name, 'numExperts', numExperts);
    this.topK = checkCount(name, 'topK', options.topK ?? 2);
    if (this.topK > numExperts) {
      fail(name, 'topK is larger than the number of experts', `${this.topK} of ${numExperts}`);
    }
    const how = howOf(options);
    const make = options.expert ?? (() => new SwiGLU(width, hidden, how));
    this.gate = new Linear(width, numExperts, { bias: false, ...how });
    this.gate.weight = new Parameter(init.normal([numExperts, width], { std: 0.02, ...how }));
    this.experts = Array.from({ length: numExperts }, (_, i) => make(i));
  }

  /** Number of experts · Σ share of tokens · mean probability; 1 in perfect balance. A tensor of no axis. */
  get auxiliaryLoss(): Tensor {
    return (
      this.#auxiliaryLoss ?? fail('MixtureOfExperts', 'there was no call yet to have a loss from')
    );
  }

  forward(x: Tensor): Tensor {
    const scores = this.gate.forward(x);
    const [best, chosen] = topk(scores, this.topK, -1);
    const shares = softmax(best, -1);
    // [..., topK, experts] -> each expert's weight [..., experts]
    const picked = oneHot(chosen, this.numExperts).to(x.dtype);
    const weights = picked.mul(shares.unsqueeze(-1)).sum(-2);
    const tokens = [scores.size / this.numExperts, this.numExperts] as const;
    const sent = reshape(picked.sum(-2), tokens).mean(0).div(this.topK);
    const probability = reshape(softmax(scores, -1), tokens).mean(0);
    this.#auxiliaryLoss = sent.mul(probability).sum().mul(this.numExperts);
    return this.experts
      .map((expert, i) => expert.forward(x).mul(weights.narrow(-1, i, 1)))
      .reduce((a, b) => a.add(b));
  }
}
