/** What page and worker tell each other. */

export const features = ['x', 'y', 'x²', 'y²', 'xy', 'sin x', 'sin y'] as const;
export type Feature = (typeof features)[number];
export const activations = ['tanh', 'relu', 'sigmoid', 'leaky', 'linear'] as const;
export type ActivationName = (typeof activations)[number];

export interface Architecture {
  /** Units of each hidden layer. */
  readonly layers: readonly number[];
  readonly features: readonly Feature[];
  readonly activation: ActivationName;
  readonly optimizer: 'adam' | 'sgd';
  readonly seed: number;
}

/** What changes while it learns, without starting over. */
export interface Rates {
  readonly lr: number;
  /** Weights of the penalties on the absolute and the squared size of the weights. */
  readonly l1: number;
  readonly l2: number;
  readonly batch: number;
}

/** The plane is looked at in so many places each way. */
export const resolution = 48;
/** Points of each part, training and test, that fit. */
export const mostPoints = 400;

/** What is drawn of a state. */
export interface ToyFrame {
  readonly step: number;
  /** Mean cross entropy and share of right answers; NaN where there are no points. */
  readonly train: { readonly loss: number; readonly accuracy: number };
  readonly test: { readonly loss: number; readonly accuracy: number };
  /** Probability of kind 1 at each place of the plane. */
  readonly surface: Float32Array;
  /** What each hidden unit gives at each place, unit after unit, layer after layer. */
  readonly units: Float32Array;
  /** [out, in] row after row, layer after layer. */
  readonly weights: readonly Float32Array[];
}
