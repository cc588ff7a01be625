/** Where a token stands: added to embeddings, or turned into queries and keys. */
import { add, fail, formatShape, iota } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Dropout, Module, ModuleBuffer, Parameter, init } from '@hebb/nn';
import { rotaryAngles, rotaryEmbedding, sinusoidalPositions } from '@hebb/ops';
import { checkCount, howOf, sourceOf, typeOf } from '../check.ts';
import type { How } from '../check.ts';

export interface PositionOptions extends How {
  /** Inputs are [N, T, width] instead of [T, N, width]. Default true. */
  readonly batchFirst?: boolean;
  /** Probability of dropout on the result, while training. Default 0. */
  readonly dropout?: number;
}

abstract class AddedPositions extends Module {
  readonly maxLength: number;
  readonly width: number;
  readonly batchFirst: boolean;
  readonly dropout: Dropout;

  protected constructor(width: number, maxLength: number, options: PositionOptions) {
    super();
    this.width = checkCount(new.target.name, 'width', width);
    this.maxLength = checkCount(new.target.name, 'maxLength', maxLength);
    this.batchFirst = options.batchFirst ?? true;
    this.dropout = new Dropout(options.dropout ?? 0, sourceOf(options));
  }
  protected abstract table(): Tensor;

  /** `positions`, integers [N, T], where the tokens stand; left out: 0, 1, 2... */
  forward(x: Tensor, positions?: Tensor): Tensor {
    const axis = this.batchFirst ? 1 : 0;
    if (x.rank !== 3 || x.shape[2] !== this.width) {
      fail(
        this.constructor.name,
        'input does not fit',
        formatShape(x.shape),
        `[.., .., ${this.width}]`,
      );
    }
    const steps = x.shape[axis]!;
    if (steps > this.maxLength) {
      fail(
        this.constructor.name,
        'the sequence is longer than there are positions',
        String(steps),
        `at most ${this.maxLength}`,
      );
    }
    if (positions !== undefined) {
      const placed = this.table().gather(positions, 0);
      return this.dropout.forward(add(x, this.batchFirst ? placed : placed.transpose(0, 1)));
    }
    const rows = this.table().narrow(0, 0, steps);
    return this.dropout.forward(add(x, this.batchFirst ? rows : rows.unsqueeze(1)));
  }
  override extraRepr(): string {
    return `${this.width}, maxLength=${this.maxLength}`;
  }
}

/** Adds sines and cosines. Vaswani et al. 2017, arXiv:1706.03762, section 3.5. Shape: [N, T, width] -> same. */
export class SinusoidalPositions extends AddedPositions {
  readonly encoding: ModuleBuffer;
  constructor(width: number, maxLength = 5000, options: PositionOptions = {}) {
    super(width, maxLength, options);
    const values = sinusoidalPositions(maxLength, width, typeOf(options));
    this.encoding = new ModuleBuffer(values, { persistent: false });
  }
  protected table(): Tensor {
    return this.encoding.value;
  }
}

/** Adds a learned table `weight` [maxLength, width], normal at the start. Shape: [N, T, width] -> same. */
export class LearnedPositions extends AddedPositions {
  weight: Parameter;
  constructor(width: number, maxLength: number, options: PositionOptions = {}) {
    super(width, maxLength, options);
    this.weight = new Parameter(init.normal([maxLength, width], { std: 0.02, ...howOf(options) }));
  }
  protected table(): Tensor {
    return this.weight.value;
  }
}

export interface RotaryOptions {
  /** Default 10 000. */
  readonly base?: number;
  /** Pairs are neighbours instead of element j and j + width/2. Default false. */
  readonly interleaved?: boolean;
  /** Positions are divided by this; default 1. */
  readonly scaling?: number;
}

/**
 * Turns queries and keys by their positions. Su et al. 2021, arXiv:2104.09864. `width` elements of each head
 * are turned, the rest stays. Shape: [N, heads, T, size] -> same.
 */
export class RotaryPositions extends Module {
  readonly width: number;
  readonly base: number;
  readonly interleaved: boolean;
  readonly scaling: number;

  constructor(
    width: number,
    { base = 10_000, interleaved = false, scaling = 1 }: RotaryOptions = {},
  ) {
    super();
    this.width = checkCount('RotaryPositions', 'width', width);
    if (width % 2 !== 0) fail('RotaryPositions', 'width is even', String(width));
    this.base = base;
    this.interleaved = interleaved;
    this.scaling = scaling;
  }
  /** `positions`, integers [T] or [N, T]; left out: 0, 1, 2... */
  forward(x: Tensor, positions: Tensor = iota(x.shape[2]!)): Tensor {
    const { base, scaling, interleaved } = this;
    const dtype = x.dtype === 'float64' ? 'float64' : 'float32';
    const [cosine, sine] = rotaryAngles(positions, this.width, { base, scaling, dtype });
    return rotaryEmbedding(x, cosine, sine, { interleaved });
  }
  override extraRepr(): string {
    return `${this.width}, base=${this.base}`;
  }
}
