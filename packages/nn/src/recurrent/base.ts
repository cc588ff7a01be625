/** What recurrent layers share: weights under PyTorch's names, layers on layers, directions, dropout between. */
import { concat, fail, formatShape, narrow, permute, reshape, unsqueeze } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import { dropout } from '@hebb/ops';
import type { LstmWeights, SequenceLengths } from '@hebb/ops';
import { checkCount, checkNumber } from '../check.ts';
import { fanInUniform } from '../init/draw.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';

export interface RecurrentLayerOptions {
  /** Layers on top of each other, default 1. */
  readonly numLayers?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** x and y are [N, T, ·] instead of [T, N, ·]; states stay [layers · directions, N, ·]. Default false. */
  readonly batchFirst?: boolean;
  /** Probability of dropout on the outputs of all layers but the last, while training. Default 0. */
  readonly dropout?: number;
  /** Default false. */
  readonly bidirectional?: boolean;
  /**
   * For long sequences: gradients keep the state of every so many steps and compute those between again,
   * which takes memory like steps / checkpoint + checkpoint instead of steps, and a second forward pass.
   * Default: all is kept.
   */
  readonly checkpoint?: number | undefined;
  /** Default float32. */
  readonly dtype?: DType;
  /** Where start values and dropout come from; the default generator when left out. */
  readonly generator?: Generator;
}

export interface RecurrentCallOptions {
  /**
   * Steps that count in each sequence: whole numbers from 1 to T in any order, or an integer tensor [N].
   * Outputs beyond are 0, states are those at each sequence's own end, as with PyTorch's packed sequences.
   */
  readonly lengths?: SequenceLengths | undefined;
}

/** One layer on inputs [T, N, ·]: its outputs and last states [directions, N, ·]. */
type LayerFunction = (
  x: Tensor,
  weights: readonly LstmWeights[],
  states: readonly (Tensor | undefined)[],
  lengths: SequenceLengths | undefined,
) => readonly [y: Tensor, ...last: Tensor[]];

export interface RecurrentKind {
  readonly name: string;
  readonly gates: number;
  /** Size of the first state where it is not the hidden size. */
  readonly projSize?: number;
}

const directionNames = ['', '_reverse'] as const;

/**
 * Base of RNN, GRU and LSTM (PyTorch's `RNNBase`). Parameters are `weight_ih_l0` [G·H, I], `weight_hh_l0`
 * [G·H, H], `bias_ih_l0` and `bias_hh_l0` [G·H], `weight_hr_l0` [P, H] with a projection, with the suffix
 * `_reverse` for the other direction; all uniform within ±1/√H at the start.
 */
export abstract class RNNBase extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly checkpoint: number | undefined;
  /** Size of the projected state, 0 for none. */
  readonly projSize: number;
  readonly #kind: RecurrentKind;
  readonly #generator: Generator | undefined;

  protected constructor(
    kind: RecurrentKind,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentLayerOptions,
  ) {
    super();
    const { name, gates, projSize = 0 } = kind;
    const { numLayers = 1, bias = true, batchFirst = false, bidirectional = false } = options;
    const { dtype = 'float32', generator } = options;
    this.inputSize = checkCount(name, 'inputSize', inputSize);
    this.hiddenSize = checkCount(name, 'hiddenSize', hiddenSize);
    this.numLayers = checkCount(name, 'numLayers', numLayers);
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = checkNumber(name, 'dropout', options.dropout ?? 0, 0, 1);
    this.bidirectional = bidirectional;
    const { checkpoint } = options;
    this.checkpoint =
      checkpoint === undefined ? undefined : checkCount(name, 'checkpoint', checkpoint);
    if (!Number.isInteger(projSize) || projSize < 0 || projSize >= hiddenSize) {
      fail(name, 'projSize is a whole number below hiddenSize', String(projSize));
    }
    this.projSize = projSize;
    this.#kind = kind;
    this.#generator = generator;
    const how = { dtype, ...(generator && { generator }) };
    const stateSize = projSize || hiddenSize;
    const rows = gates * hiddenSize;
    for (let layer = 0; layer < numLayers; layer++) {
      const width = layer === 0 ? inputSize : stateSize * this.directions;
      for (const direction of directionNames.slice(0, this.directions)) {
        const shapes: Record<string, readonly number[]> = {
          weight_ih: [rows, width],
          weight_hh: [rows, stateSize],
          ...(bias && { bias_ih: [rows], bias_hh: [rows] }),
          ...(projSize > 0 && { weight_hr: [projSize, hiddenSize] }),
        };
        // Fields of their own, so that they are found, named and replaced as those of any module.
        for (const [name, shape] of Object.entries(shapes)) {
          const value = new Parameter(fanInUniform(shape, hiddenSize, how));
          Reflect.set(this, `${name}_l${layer}${direction}`, value);
        }
      }
    }
  }

  /** 2 when bidirectional, else 1. */
  get directions(): 1 | 2 {
    return this.bidirectional ? 2 : 1;
  }

  #value(name: string): Tensor | undefined {
    const field: unknown = Reflect.get(this, name);
    return field instanceof Parameter ? field.value : undefined;
  }

  #weights(layer: number): LstmWeights[] {
    return directionNames.slice(0, this.directions).map((direction) => {
      const at = (name: string): Tensor | undefined => this.#value(`${name}_l${layer}${direction}`);
      return {
        weightIh: at('weight_ih')!,
        weightHh: at('weight_hh')!,
        biasIh: at('bias_ih'),
        biasHh: at('bias_hh'),
        weightHr: at('weight_hr'),
      };
    });
  }

  /** Runs all layers; `states` are the first states in PyTorch's layout, one entry a state of the cell. */
  protected run(
    x: Tensor,
    states: readonly (Tensor | undefined)[],
    { lengths }: RecurrentCallOptions,
    layerFunction: LayerFunction,
  ): [y: Tensor, ...last: Tensor[]] {
    const { name } = this.#kind;
    const { inputSize, batchFirst, directions, numLayers } = this;
    const single = x.rank === 2;
    if ((x.rank !== 3 && !single) || x.shape.at(-1) !== inputSize) {
      const batched = batchFirst ? '[N, T,' : '[T, N,';
      fail(name, 'input does not fit', formatShape(x.shape), `${batched} ${inputSize}]`);
    }
    // [T, N, I] inside, whatever comes in.
    let y = single ? unsqueeze(x, 1) : batchFirst ? permute(x, [1, 0, 2]) : x;
    const [steps, batch] = y.shape as [number, number, number];
    if (steps === 0) fail(name, 'a sequence has at least one step', formatShape(x.shape));
    const first = states.map((state, k) => {
      if (state === undefined) return undefined;
      const size = k === 0 && this.projSize > 0 ? this.projSize : this.hiddenSize;
      const given = single && state.rank === 2 ? unsqueeze(state, 1) : state;
      const wanted = [numLayers * directions, batch, size];
      if (formatShape(given.shape) !== formatShape(wanted)) {
        const letter = k === 0 ? 'h0' : 'c0';
        fail(name, `${letter} does not fit`, formatShape(state.shape), formatShape(wanted));
      }
      return given;
    });
    const last: Tensor[][] = [];
    for (let layer = 0; layer < numLayers; layer++) {
      const init = first.map((state) => state && narrow(state, 0, layer * directions, directions));
      const [output, ...ends] = layerFunction(y, this.#weights(layer), init, lengths);
      last.push(ends);
      y = output;
      if (layer < numLayers - 1 && this.dropout > 0) {
        const generator = this.#generator && { generator: this.#generator };
        y = dropout(y, this.dropout, { training: this.training, ...generator });
      }
    }
    const ends = last[0]!.map((_, k) => {
      const all = last.map((layer) => layer[k]!);
      const joined = all.length === 1 ? all[0]! : concat(all, 0);
      return single ? reshape(joined, [joined.shape[0]!, joined.shape[2]!]) : joined;
    });
    if (single) y = reshape(y, [steps, y.shape[2]!]);
    else if (batchFirst) y = permute(y, [1, 0, 2]);
    return [y, ...ends];
  }

  override extraRepr(): string {
    const parts = [String(this.inputSize), String(this.hiddenSize)];
    if (this.projSize > 0) parts.push(`projSize=${this.projSize}`);
    if (this.numLayers > 1) parts.push(`numLayers=${this.numLayers}`);
    if (!this.bias) parts.push('bias=false');
    if (this.batchFirst) parts.push('batchFirst=true');
    if (this.dropout > 0) parts.push(`dropout=${this.dropout}`);
    if (this.bidirectional) parts.push('bidirectional=true');
    if (this.checkpoint !== undefined) parts.push(`checkpoint=${this.checkpoint}`);
    return parts.join(', ');
  }
}
