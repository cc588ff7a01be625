/** Tables of learned vectors. */
import {
  add,
  alias,
  and,
  div,
  expand,
  fail,
  formatShape,
  full,
  gt,
  iota,
  maximum,
  mul,
  ne,
  reshape,
  scatter,
  stopGradient,
  sub,
  where,
  zeros,
} from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import { embedding, embeddingBag, norm } from '@hebb/ops';
import { checkCount } from '../check.ts';
import { normal } from '../init/draw.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';

export interface EmbeddingOptions {
  /** A row that starts as zeros and is never learned; negative ones count from the end. */
  readonly paddingIdx?: number | null;
  /**
   * Rows longer than this are shortened when they are looked up: in training the table itself is
   * changed, before the step's update; in evaluation only what is read.
   */
  readonly maxNorm?: number | null;
  /** Which norm `maxNorm` bounds; default 2. */
  readonly normType?: number;
  /** In training, divide the gradient of each row by how often it is looked up in the call. */
  readonly scaleGradByFreq?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
  /** Where the start values come from; the default generator when left out. */
  readonly generator?: Generator;
}

/** What both tables share: weight [numEmbeddings, embeddingDim], standard normal at the start. */
abstract class Table extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  weight: Parameter;
  /** The shortened table that the last call in training wrote. */
  #written: WeakRef<Tensor> | undefined;

  protected constructor(
    layer: string,
    numEmbeddings: number,
    embeddingDim: number,
    options: EmbeddingOptions,
  ) {
    super();
    const { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false } = options;
    const { dtype = 'float32', generator } = options;
    this.numEmbeddings = checkCount(layer, 'numEmbeddings', numEmbeddings);
    this.embeddingDim = checkCount(layer, 'embeddingDim', embeddingDim);
    this.paddingIdx = paddingIdx === null ? null : rowOf(layer, paddingIdx, numEmbeddings);
    if (maxNorm !== null && !(maxNorm > 0)) {
      fail(layer, 'maxNorm is a positive number', String(maxNorm));
    }
    if (!(normType > 0)) fail(layer, 'normType is a positive number', String(normType));
    this.maxNorm = maxNorm;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    const start = normal([numEmbeddings, embeddingDim], { dtype, ...(generator && { generator }) });
    const padding = this.paddingIdx;
    this.weight = new Parameter(
      padding === null ? start : where(ne(column(iota(numEmbeddings)), padding), start, 0),
    );
  }

  /** The weight as a call with these indices sees it. */
  protected table(index: Tensor): Tensor {
    let weight = this.weight.value;
    if (this.maxNorm !== null) weight = this.#shortened(weight, index, this.maxNorm);
    if (!this.scaleGradByFreq || !this.training) return weight;
    const share = div(1, maximum(column(this.#counts(index)), 1));
    // The same numbers; the part that is differentiated carries the factor.
    return add(stopGradient(weight), mul(sub(weight, stopGradient(weight)), share));
  }

  #counts(index: Tensor): Tensor {
    const { dtype } = this.weight;
    const flat = reshape(index, [index.size]).to('int32');
    return scatter(
      zeros([this.numEmbeddings], dtype),
      flat,
      full([index.size], 1, dtype),
      0,
      'add',
    );
  }

  #shortened(weight: Tensor, index: Tensor, limit: number): Tensor {
    const length = norm(stopGradient(weight), this.normType, 1, true);
    let long = gt(length, limit);
    if (this.training) long = and(long, gt(column(this.#counts(index)), 0));
    // As PyTorch, which keeps the result safely below the limit.
    const short = where(
      expand(long, weight.shape),
      mul(stopGradient(weight), div(limit, add(length, 1e-7))),
      stopGradient(weight),
    );
    if (this.training && weight !== this.#written?.deref()) {
      // Gradients are taken with respect to what the variable now holds, so this is where they start.
      const written = alias(short);
      this.weight.value = written;
      this.#written = new WeakRef(written);
      return written;
    }
    // A second call before the update, or evaluation: only what is read changes, gradients pass through.
    return add(weight, stopGradient(sub(short, weight)));
  }

  override extraRepr(): string {
    const parts = [String(this.numEmbeddings), String(this.embeddingDim)];
    if (this.paddingIdx !== null) parts.push(`paddingIdx=${this.paddingIdx}`);
    if (this.maxNorm !== null) parts.push(`maxNorm=${this.maxNorm}`);
    if (this.normType !== 2) parts.push(`normType=${this.normType}`);
    if (this.scaleGradByFreq) parts.push('scaleGradByFreq=true');
    return parts.join(', ');
  }
}

const column = (x: Tensor): Tensor => reshape(x, [x.size, 1]);

function rowOf(layer: string, index: number, rows: number): number {
  const row = index < 0 ? index + rows : index;
  if (!Number.isInteger(index) || row < 0 || row >= rows) {
    fail(layer, 'paddingIdx is no row', String(index), `${-rows} to ${rows - 1}`);
  }
  return row;
}

/** A table's options and start values taken from given vectors. */
function pretrained(layer: string, weight: Tensor): [rows: number, width: number, dtype: DType] {
  if (weight.rank !== 2) {
    fail(layer, 'pretrained vectors do not fit', formatShape(weight.shape), '[rows, width]');
  }
  return [weight.shape[0]!, weight.shape[1]!, weight.dtype];
}

export interface PretrainedOptions extends Omit<EmbeddingOptions, 'dtype' | 'generator'> {
  /** Whether the vectors stay as they are; default true. */
  readonly freeze?: boolean;
}

/**
 * Rows of a table: `new Embedding(10_000, 64)`. Weight [numEmbeddings, embeddingDim], standard normal at
 * the start. Indices are integers in [0, numEmbeddings).
 * Shape: [...] integers -> [..., embeddingDim].
 */
export class Embedding extends Table {
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super('Embedding', numEmbeddings, embeddingDim, options);
  }

  /** A table of given vectors [numEmbeddings, embeddingDim], frozen unless told otherwise. */
  static fromPretrained(weight: Tensor, { freeze = true, ...rest }: PretrainedOptions = {}) {
    const [rows, width, dtype] = pretrained('Embedding', weight);
    const layer = new Embedding(rows, width, { ...rest, dtype });
    layer.weight = new Parameter(weight, { requiresGrad: !freeze });
    return layer;
  }

  forward(index: Tensor): Tensor {
    return embedding(index, this.table(index), { paddingIdx: this.paddingIdx });
  }
}

export interface EmbeddingBagLayerOptions extends EmbeddingOptions {
  /** How the rows of a bag become one; default mean. */
  readonly mode?: 'sum' | 'mean' | 'max';
  /** The last offset is the end of the last bag; default false. */
  readonly includeLastOffset?: boolean;
}

/**
 * Sums, means or maxima of bags of rows, without the rows in between. Rows of `paddingIdx` do not count.
 * Shape: [bags, n] integers, or [n] with `offsets` [bags] where each begins -> [bags, embeddingDim].
 */
export class EmbeddingBag extends Table {
  readonly mode: 'sum' | 'mean' | 'max';
  readonly includeLastOffset: boolean;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingBagLayerOptions = {}) {
    super('EmbeddingBag', numEmbeddings, embeddingDim, options);
    const { mode = 'mean', includeLastOffset = false } = options;
    const modes = ['sum', 'mean', 'max'];
    if (!modes.includes(mode)) fail('EmbeddingBag', 'unknown mode', String(mode), modes.join(', '));
    if (mode === 'max' && this.scaleGradByFreq) {
      fail('EmbeddingBag', 'scaleGradByFreq is not for mode max');
    }
    this.mode = mode;
    this.includeLastOffset = includeLastOffset;
  }

  /** A table of given vectors [numEmbeddings, embeddingDim], frozen unless told otherwise. */
  static fromPretrained(
    weight: Tensor,
    {
      freeze = true,
      ...rest
    }: PretrainedOptions & Pick<EmbeddingBagLayerOptions, 'mode' | 'includeLastOffset'> = {},
  ) {
    const [rows, width, dtype] = pretrained('EmbeddingBag', weight);
    const layer = new EmbeddingBag(rows, width, { ...rest, dtype });
    layer.weight = new Parameter(weight, { requiresGrad: !freeze });
    return layer;
  }

  /** `perSampleWeights`, shaped like the indices, scale the rows; with mode sum only. */
  forward(index: Tensor, offsets?: Tensor, perSampleWeights?: Tensor): Tensor {
    return embeddingBag(index, this.table(index), offsets, {
      mode: this.mode,
      paddingIdx: this.paddingIdx,
      includeLastOffset: this.includeLastOffset,
      ...(perSampleWeights && { perSampleWeights }),
    });
  }

  override extraRepr(): string {
    return `${super.extraRepr()}, mode=${this.mode}`;
  }
}
