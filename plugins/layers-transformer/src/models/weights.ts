/** Weights under Hugging Face's names. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { LoadOptions, LoadReport, Module, StateDict } from '@hebb/nn';

export type Weights = StateDict | ReadonlyMap<string, Tensor>;

/** What to do with a name: another one, or `undefined` to leave the entry out. */
export type Rename = (name: string) => string | undefined;

/**
 * Loads weights under other names. `Module.loadStateDict` lists what is missing, what is too much and what has
 * another shape. `turned` says which are stored [in, out].
 */
export function loadRenamed(
  model: Module,
  weights: Weights,
  rename: Rename,
  { turned = () => false, ...options }: LoadOptions & { turned?: (name: string) => boolean } = {},
): LoadReport {
  const entries = weights instanceof Map ? weights : Object.entries(weights as StateDict);
  const state = new Map<string, Tensor>();
  for (const [given, value] of entries) {
    const name = rename(given);
    if (name === undefined) continue;
    if (state.has(name)) {
      fail(model.constructor.name, 'two weights have the same place', given, name);
    }
    state.set(name, turned(name) && value.rank === 2 ? value.transpose() : value);
  }
  return model.loadStateDict(state, options);
}

type Json = Readonly<Record<string, unknown>>;

/** Reads a number of a `config.json`; throws where it is missing or none. */
export function numberOf(model: string, config: Json, name: string, otherwise?: number): number {
  const value = config[name] ?? otherwise;
  if (typeof value === 'number') return value;
  return fail(model, `config.json has no number ${name}`, JSON.stringify(value) ?? 'nothing');
}
