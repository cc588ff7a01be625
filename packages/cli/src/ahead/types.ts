/** What ahead-of-time compilation starts from: graphs, and what their inputs and outputs stand for. */
import type { Aval, DType, Graph, HostArray } from '@hebb/core';

/** What a graph reads at one of its inputs. */
export type Source =
  /** Argument of the function, by position. */
  | { readonly kind: 'argument'; readonly position: number }
  /** A value that stays between calls. */
  | { readonly kind: 'state'; readonly name: string }
  /** A weight, in storage form. */
  | { readonly kind: 'constant'; readonly name: string; readonly data: HostArray };

/** Where an output of a graph goes. */
export type Sink =
  | { readonly kind: 'result'; readonly position: number }
  | { readonly kind: 'state'; readonly name: string };

/** A function traced at one combination of shapes. */
export interface Traced {
  readonly graph: Graph;
  readonly sources: readonly Source[];
  readonly sinks: readonly Sink[];
}

export interface NamedValue {
  readonly name: string;
  readonly dtype: DType;
  /** Names of axes, where they have some. */
  readonly axes?: readonly (number | string | null)[];
}

export interface FunctionToCompile {
  readonly name: string;
  readonly arguments: readonly NamedValue[];
  readonly results: readonly NamedValue[];
  readonly signatures: readonly Traced[];
}

export interface StateToCompile extends Aval {
  readonly name: string;
  /** Storage form; zeros when left out. */
  readonly data?: HostArray;
}

export interface ProgramToCompile {
  readonly name: string;
  /** The first one is what `run` runs. */
  readonly functions: readonly FunctionToCompile[];
  readonly state: readonly StateToCompile[];
}
