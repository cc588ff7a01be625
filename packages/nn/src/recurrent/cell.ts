/** What single-step recurrent layers share. */
import { fail, formatShape, reshape, zeros } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import type { RecurrentWeights } from '@hebb/ops';
import { checkCount } from '../check.ts';
import { fanInUniform } from '../init/draw.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';

export interface RecurrentCellOptions {
  /** Default true. */
  readonly bias?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
  /** Where start values come from; the default generator when left out. */
  readonly generator?: Generator;
}

/** Base of the cells (PyTorch's `RNNCellBase`): `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`. */
export abstract class RNNCellBase extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly weightIh: Parameter;
  readonly weightHh: Parameter;
  readonly biasIh: Parameter | undefined;
  readonly biasHh: Parameter | undefined;
  readonly #name: string;

  protected constructor(
    name: string,
    gates: number,
    inputSize: number,
    hiddenSize: number,
    { bias = true, dtype = 'float32', generator }: RecurrentCellOptions,
  ) {
    super();
    this.#name = name;
    this.inputSize = checkCount(name, 'inputSize', inputSize);
    this.hiddenSize = checkCount(name, 'hiddenSize', hiddenSize);
    const how = { dtype, ...(generator && { generator }) };
    const make = (...shape: number[]): Parameter =>
      new Parameter(fanInUniform(shape, hiddenSize, how));
    const rows = gates * hiddenSize;
    this.weightIh = make(rows, inputSize);
    this.weightHh = make(rows, hiddenSize);
    this.biasIh = bias ? make(rows) : undefined;
    this.biasHh = bias ? make(rows) : undefined;
  }

  protected weights(): RecurrentWeights {
    return {
      weightIh: this.weightIh.value,
      weightHh: this.weightHh.value,
      biasIh: this.biasIh?.value,
      biasHh: this.biasHh?.value,
    };
  }

  /** Runs a step on [N, I] and [N, H]; one input without its batch axis is taken too. */
  protected step<T extends readonly Tensor[]>(
    x: Tensor,
    states: readonly (Tensor | undefined)[],
    cell: (x: Tensor, states: readonly Tensor[]) => T,
  ): Tensor[] {
    const { inputSize, hiddenSize } = this;
    const single = x.rank === 1;
    if ((x.rank !== 2 && !single) || x.shape.at(-1) !== inputSize) {
      fail(this.#name, 'input does not fit', formatShape(x.shape), `[N, ${inputSize}]`);
    }
    const rows = single ? reshape(x, [1, inputSize]) : x;
    const wanted = [rows.shape[0]!, hiddenSize];
    const given = states.map((state, k) => {
      if (state === undefined) return zeros(wanted, x.dtype);
      const full = single && state.rank === 1 ? reshape(state, [1, state.size]) : state;
      if (formatShape(full.shape) !== formatShape(wanted)) {
        const letter = k === 0 ? 'h' : 'c';
        fail(
          this.#name,
          `${letter} does not fit`,
          formatShape(state.shape),
          formatShape(single ? [hiddenSize] : wanted),
        );
      }
      return full;
    });
    const next = cell(rows, given);
    return next.map((state) => (single ? reshape(state, [hiddenSize]) : state));
  }

  override extraRepr(): string {
    const bias = this.biasIh === undefined ? ', bias=false' : '';
    return `${this.inputSize}, ${this.hiddenSize}${bias}`;
  }
}
