/** Low-rank adapters. Hu et al. 2021, arXiv:2106.09685. */
import { HebbError, fail, matmul, mul, realize } from '@hebb/core';
import type { Generator, Tensor } from '@hebb/core';
import { Dropout, Linear, type Module, Parameter, init } from '@hebb/nn';
import type { LoadReport, StateDict } from '@hebb/nn';
import { checkCount, checkShare } from '../check.ts';

export interface LoRAOptions {
  /** Width between the two factors; default 8. */
  readonly rank?: number;
  /** The product counts alpha / rank; default 2 · rank. */
  readonly alpha?: number;
  /** Probability of dropout of the adapters' input, while training. Default 0. */
  readonly dropout?: number;
  /**
   * Which linear layers: by the end of their path (`'c_attn'`, `'attn.c_proj'`), or by an expression on the
   * whole path. Default: all.
   */
  readonly targets?: readonly (string | RegExp)[];
  /** Paths of parameters that go on learning as they are, such as a new classifier: `['classifier']`. */
  readonly alsoTrain?: readonly string[];
  readonly generator?: Generator;
}

interface Adapter {
  readonly path: string;
  readonly layer: Linear;
  readonly a: Linear;
  readonly b: Linear;
  readonly detach: () => void;
}

const fits = (path: string, target: string | RegExp): boolean =>
  typeof target === 'string' ? path === target || path.endsWith(`.${target}`) : target.test(path);

/**
 * Adapters on a model: `y = x Wᵀ + (alpha / rank) · (x Aᵀ) Bᵀ`. B is zero at the start, so nothing changes
 * until they learn. They stand in the layers as `lora_A` and `lora_B`, the names of the PEFT library.
 */
export class LoRA {
  readonly model: Module;
  readonly scale: number;
  readonly #adapters: readonly Adapter[];
  readonly #frozen: readonly Parameter[];
  #merged = false;

  constructor(model: Module, options: LoRAOptions = {}) {
    const { rank = 8, dropout = 0, targets, alsoTrain = [], generator } = options;
    checkCount('LoRA', 'rank', rank);
    checkShare('LoRA', 'dropout', dropout);
    const { alpha = 2 * rank } = options;
    this.model = model;
    this.scale = alpha / rank;
    const found = [...model.namedModules()].filter(
      (entry): entry is [string, Linear] =>
        entry[1] instanceof Linear &&
        (targets === undefined || targets.some((target) => fits(entry[0], target))),
    );
    for (const target of targets ?? []) {
      if (!found.some(([path]) => fits(path, target))) {
        fail('LoRA', 'no linear layer has this name', String(target));
      }
    }
    if (found.length === 0) fail('LoRA', 'the model has no linear layer');
    for (const [path, layer] of found) {
      if (!(layer.weight instanceof Parameter)) {
        fail('LoRA', 'the weight is computed from others', path, 'a plain parameter');
      }
      if ('lora_A' in layer) fail('LoRA', 'the layer has an adapter already', path);
    }
    const named = model.namedParameters();
    const kept = (name: string): boolean =>
      alsoTrain.some((path) => name === path || name.startsWith(`${path}.`));
    for (const path of alsoTrain) {
      if (![...named.keys()].some((name) => name === path || name.startsWith(`${path}.`))) {
        fail('LoRA', 'alsoTrain names no parameter', path);
      }
    }
    this.#frozen = [...named]
      .filter(([name, parameter]) => parameter.requiresGrad && !kept(name))
      .map(([, parameter]) => parameter);
    for (const parameter of this.#frozen) parameter.requiresGrad = false;
    this.#adapters = found.map(([path, layer]) =>
      this.#attach(path, layer, rank, dropout, generator),
    );
  }

  #attach(
    path: string,
    layer: Linear,
    rank: number,
    p: number,
    generator: Generator | undefined,
  ): Adapter {
    const how = { dtype: layer.weight.dtype, ...(generator && { generator }) };
    const a = new Linear(layer.inFeatures, rank, { bias: false, ...how });
    const b = new Linear(rank, layer.outFeatures, { bias: false, ...how });
    a.weight = new Parameter(init.kaimingUniform(a.weight.shape, { a: Math.sqrt(5), ...how }));
    b.weight = new Parameter(init.zeros(b.weight.shape, { dtype: layer.weight.dtype }));
    const drop = new Dropout(p, { ...(generator && { generator }) });
    Object.assign(layer, { lora_A: a, lora_B: b, ...(p > 0 ? { lora_dropout: drop } : {}) });
    for (const each of [a, b, drop]) each.train(layer.training);
    const unhook = layer.onForward(({ inputs, output }) => {
      if (this.#merged) return undefined;
      const x = drop.forward(inputs[0] as Tensor);
      return (output as Tensor).add(mul(b.forward(a.forward(x)), this.scale));
    });
    const detach = (): void => {
      unhook();
      for (const field of ['lora_A', 'lora_B', 'lora_dropout'])
        Reflect.deleteProperty(layer, field);
    };
    return { path, layer, a, b, detach };
  }

  /** Paths of the layers with adapters. */
  get paths(): string[] {
    return this.#adapters.map(({ path }) => path);
  }
  /** The adapters' parameters, which alone learn (with those of `alsoTrain`). */
  parameters(): Parameter[] {
    return this.#adapters.flatMap(({ a, b }) => [a.weight, b.weight]);
  }
  /** The adapters' values: `h.0.attn.c_attn.lora_A.weight`... */
  async stateDict(): Promise<StateDict> {
    const state = await this.model.stateDict();
    return Object.fromEntries(
      Object.entries(state).filter(([name]) => /\.?lora_[AB]\./.test(name)),
    );
  }
  /** Takes over values of `stateDict`. Throws with all names that are missing or too much. */
  loadStateDict(state: StateDict): LoadReport {
    const own = new Set(
      this.paths.flatMap((path) =>
        ['lora_A', 'lora_B'].map((name) => `${path === '' ? '' : `${path}.`}${name}.weight`),
      ),
    );
    const missing = [...own].filter((name) => !(name in state));
    const unexpected = Object.keys(state).filter((name) => !own.has(name));
    if (missing.length + unexpected.length > 0) {
      const problems = [
        ...(missing.length > 0 ? [`missing ${missing.join(', ')}`] : []),
        ...(unexpected.length > 0 ? [`unexpected ${unexpected.join(', ')}`] : []),
      ];
      throw new HebbError(`the state does not fit the adapters: ${problems.join('; ')}`, {
        op: 'LoRA.loadStateDict',
      });
    }
    this.#needApart('loadStateDict');
    this.model.loadStateDict(state, { strict: false });
    return { missing, unexpected };
  }

  get merged(): boolean {
    return this.#merged;
  }
  /** Adds the products to the weights: the model is then as fast as before. Compile functions anew. */
  async merge(): Promise<void> {
    this.#needApart('merge');
    await this.#change(1);
    this.#merged = true;
  }
  /** Takes them out again, up to rounding. */
  async unmerge(): Promise<void> {
    if (!this.#merged) fail('LoRA.unmerge', 'the adapters are not merged');
    await this.#change(-1);
    this.#merged = false;
  }
  #needApart(op: string): void {
    if (this.#merged) fail(`LoRA.${op}`, 'the adapters are merged already');
  }
  async #change(sign: number): Promise<void> {
    for (const { layer, a, b } of this.#adapters) {
      const product = matmul(b.weight.value, a.weight.value);
      layer.weight.value = layer.weight.value.add(product.mul(sign * this.scale));
    }
    await realize(...this.#adapters.map(({ layer }) => layer.weight.value));
  }

  /** Takes the adapters off (merged ones leave their weights changed) and lets the model learn whole again. */
  remove(): void {
    for (const { detach } of this.#adapters) detach();
    for (const parameter of this.#frozen) parameter.requiresGrad = true;
  }
}
