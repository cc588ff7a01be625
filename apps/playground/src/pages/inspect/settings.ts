/** What page and worker tell each other. */
import type { ValueType } from '@hebb/onnx';

/** Larger files are refused: their weights would be held twice and three times. */
export const mostBytes = 1_000_000_000;
/** Nodes drawn at a time: more would take long, and nobody sees more. */
export const drawnAtOnce = 200;
/** Rows of a table that are shown at a time. */
export const rowsAtOnce = 100;

export interface NodeRow {
  /** Id of its box in the drawing. */
  readonly id: string;
  readonly operator: string;
  readonly name: string;
  /** What it makes, with types. */
  readonly makes: string;
  /** Everything that is known of it. */
  readonly detail: string;
}

export interface WeightRow {
  readonly name: string;
  readonly dtype: string;
  readonly shape: string;
  readonly bytes: number;
  /** Of the largest only; not where the type is no number. */
  readonly stats?: {
    readonly min: number;
    readonly max: number;
    readonly mean: number;
    readonly std: number;
  };
}

export interface ModelInfo {
  readonly file: string;
  readonly name: string;
  readonly producer: string;
  readonly opset: number;
  readonly fileBytes: number;
  readonly inputs: readonly ValueType[];
  readonly outputs: readonly ValueType[];
  readonly operators: readonly (readonly [name: string, count: number])[];
  readonly parameters: number;
  readonly parameterBytes: number;
  readonly multiplyAdds?: number;
  readonly peakMemory?: number;
  readonly nodes: readonly NodeRow[];
  readonly weights: readonly WeightRow[];
  /** Why it cannot run, or why there are no estimates. */
  readonly problem?: string;
  readonly runs: boolean;
}

export const fills = ['normal', 'uniform', 'zeros', 'ones', 'counting', 'own'] as const;
export type Fill = (typeof fills)[number];

export interface InputChoice {
  readonly name: string;
  readonly shape: readonly number[];
  readonly fill: Fill;
  /** Numbers of `own`: a nested or flat list as JSON, or numbers with commas and spaces between. */
  readonly text?: string;
}

export interface OutputRow {
  readonly name: string;
  readonly type: string;
  readonly min?: number;
  readonly max?: number;
  /** Where the largest stands. */
  readonly argmax?: number;
  readonly mean?: number;
  readonly std?: number;
  /** NaN or infinite. */
  readonly notFinite: number;
  readonly values: string;
  /** How many values lie in each of equal parts between min and max. */
  readonly histogram?: readonly number[];
}

export interface RunResult {
  readonly outputs: readonly OutputRow[];
  /** Milliseconds: with compiling, and the median of later runs. */
  readonly first: number;
  readonly median: number;
}

export interface TimeRow {
  readonly id: string | undefined;
  readonly operator: string;
  readonly node: string;
  readonly shapes: string;
  readonly ms: number;
}

export interface ProfileResult {
  readonly rows: readonly TimeRow[];
  readonly ms: number;
  readonly fused: number;
}
