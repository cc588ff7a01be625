/** Models that are published: their weights under Hugging Face's names, how they begin, what describes them. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Embedding, Linear, Module, Parameter, init } from '@hebb/nn';
import type { LoadOptions, LoadReport, StateDict } from '@hebb/nn';
import { howOf, typeOf } from '../check.ts';
import type { How } from '../check.ts';

export type Weights = StateDict | ReadonlyMap<string, Tensor>;

/** A model whose published weights have other names, or another form, than its own. */
export abstract class PublishedModel extends Module {
  /** The model's own name of an entry of a published file; `undefined` for one that it does not read. */
  protected abstract ownName(published: string): string | undefined;

  /** Whether the weight of that own name is stored [in, out]. */
  protected isTurned(_name: string): boolean {
    return false;
  }

  /**
   * Takes weights as Hugging Face stores them. Throws with all names that are missing or too much, and all shapes that
   * differ; nothing is taken then.
   */
  loadHuggingFace(weights: Weights, options: LoadOptions = {}): LoadReport {
    const entries = weights instanceof Map ? weights : Object.entries(weights as StateDict);
    const state = new Map<string, Tensor>();
    for (const [published, value] of entries) {
      const name = this.ownName(published);
      if (name === undefined) continue;
      if (state.has(name)) {
        fail(this.constructor.name, 'two weights have the same place', published, name);
      }
      state.set(name, this.isTurned(name) && value.rank === 2 ? value.transpose() : value);
    }
    return this.loadStateDict(state, options);
  }
}

/** Normal weights of embeddings and linear layers, biases zero. `stdOf` gives a layer's standard deviation, 0.02 at first. */
export function setNormal(
  model: Module,
  config: How,
  stdOf: (layer: Embedding | Linear) => number = () => 0.02,
): void {
  const how = howOf(config);
  for (const layer of model.modules()) {
    if (!(layer instanceof Embedding || layer instanceof Linear)) continue;
    layer.weight = new Parameter(init.normal(layer.weight.shape, { std: stdOf(layer), ...how }));
    if (layer instanceof Linear && layer.bias) {
      layer.bias = new Parameter(init.zeros(layer.bias.shape, typeOf(config)));
    }
  }
}

type Json = Readonly<Record<string, unknown>>;

/** Reads a number of a `config.json`; throws where it is missing or none. */
export function numberOf(model: string, config: Json, name: string, otherwise?: number): number {
  const value = config[name] ?? otherwise;
  if (typeof value === 'number') return value;
  return fail(model, `config.json has no number ${name}`, JSON.stringify(value) ?? 'nothing');
}
