/** What stands, as JSON, in `model.card` beside the model. */
export interface ModelCard {
  readonly name: string;
  readonly description: string;
  readonly labels: readonly string[];
  /** How an image becomes the model's input; the same as in training. */
  readonly image: {
    readonly size: number;
    readonly mean: number;
    readonly std: number;
    readonly invert?: boolean | 'auto';
  };
}

/** Pixels that an image may have before it is decoded. */
export const maxPixels = 1 << 22;
