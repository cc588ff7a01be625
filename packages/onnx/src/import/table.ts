/** The shape of the operator table: one entry an operator and range of opsets. */
import type { Tensor } from '@hebb/core';
import type { Call } from './call.ts';
import type { Steps } from './need.ts';
import type { Value } from './value.ts';

export type Built = Value | readonly (Value | undefined)[];

export interface OperatorEntry {
  /** First opset in which the operator means this; an entry holds until the next one begins. */
  readonly since: number;
  /** Builds the outputs from the inputs. */
  readonly build?: (call: Call) => Built;
  /** Control flow: runs subgraphs, and may ask for numbers in between. */
  readonly run?: (call: Call) => Steps<Built>;
  /** Inputs that training must not touch although they are float initialisers: running statistics. */
  readonly buffers?: readonly number[];
}

export type OperatorTable = Readonly<Record<string, readonly OperatorEntry[]>>;

/** An entry that holds for all opsets from `since` on. */
export function since(version: number, build: (call: Call) => Built): OperatorEntry {
  return { since: version, build };
}

/** An operator of one input that means the same in all opsets. */
export function unary(fn: (x: Tensor) => Tensor): readonly OperatorEntry[] {
  return [since(1, (c) => fn(c.tensor(0)))];
}

/** The entry in force at an opset. */
export function entryAt(
  entries: readonly OperatorEntry[],
  opset: number,
): OperatorEntry | undefined {
  let best: OperatorEntry | undefined;
  for (const entry of entries) {
    if (entry.since <= opset && (best === undefined || entry.since > best.since)) best = entry;
  }
  return best;
}
