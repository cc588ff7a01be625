/** What page and worker tell each other. */

export interface ModelNews {
  /** Which characters it knows. */
  readonly characters: readonly string[];
  readonly parameters: number;
  readonly contextLength: number;
  readonly layers: number;
  readonly heads: number;
}

export interface WriteOptions {
  readonly prompt: string;
  readonly temperature: number;
  /** Only among so many of the likeliest; all where it is left out. */
  readonly topK?: number;
  readonly seed: number;
}

/** A character, and what else it might have been. */
export interface Written {
  readonly text: string;
  /** The likeliest first, after temperature. */
  readonly choices: readonly { readonly text: string; readonly probability: number }[];
}

export const sizes = {
  small: { contextLength: 48, layers: 2, heads: 4, width: 48 },
  medium: { contextLength: 64, layers: 3, heads: 4, width: 96 },
} as const;
export type SizeName = keyof typeof sizes;

export interface LearnOptions {
  readonly text: string;
  readonly size: SizeName;
  readonly lr: number;
  readonly seed: number;
}

export interface LearnNews {
  readonly steps: number;
  /** Nats a character: over the steps since the last news, and on held-out text. */
  readonly loss: number;
  readonly heldOut: number;
}

/** Characters that attention is shown for. */
export const attentionSteps = 32;

export interface AttentionMaps {
  /** What was looked at: at most `attentionSteps` characters. */
  readonly text: string;
  /** Share of attention of each character (row) on each (column): layer after layer, head after head. */
  readonly maps: Float32Array;
  readonly layers: number;
  readonly heads: number;
}
