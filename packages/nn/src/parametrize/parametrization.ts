/**
 * Weights that are computed from what is learned, each time they are read: weight and spectral
 * normalisation, or a rule of your own. Names in state dicts are PyTorch's
 * (`parametrizations.weight.original`).
 */
import { fail, formatShape, sameShape } from '@hebb/core';
import type { DType, Shape, Tensor } from '@hebb/core';
import { Module } from '../module/module.ts';
import { joinPath, stateName } from '../module/names.ts';
import { Parameter } from '../module/parameter.ts';
import { withMode } from '../module/run.ts';

/** A rule from learned values to a weight. */
export abstract class Parametrization extends Module {
  abstract override forward(...originals: Tensor[]): Tensor;

  /** Values from which `forward` makes the given weight, or nearly; by default the weight itself. */
  rightInverse(weight: Tensor): Tensor | readonly Tensor[] {
    return weight;
  }

  /** Endings of the names that PyTorch's older functions gave, and where those values belong. @internal */
  get olderNames(): Readonly<Record<string, string>> {
    return {};
  }
}

/** What stands in a layer's field instead of the parameter. */
export class Parametrized extends Module {
  readonly shape: Shape;
  readonly dtype: DType;
  #originals: Parameter[];
  readonly #rules: Parametrization[];

  constructor(weight: Parameter, rule: Parametrization) {
    super();
    this.shape = weight.shape;
    this.dtype = weight.dtype;
    this.#rules = [rule];
    const { requiresGrad } = weight;
    this.#originals = inverse(rule, weight.peek()).map(
      (value) => new Parameter(value, { requiresGrad }),
    );
    this.#check();
  }

  /** Adds a rule that takes what the others give. */
  append(rule: Parametrization): void {
    const { requiresGrad } = this;
    const weight = this.peek();
    const before = this.#originals;
    if (inverse(rule, weight).length !== 1) fail('parametrize', 'a further rule takes one value');
    this.#rules.push(rule);
    try {
      const values = this.#invert(weight);
      this.#originals = values.map((value) => new Parameter(value, { requiresGrad }));
      this.#check();
    } catch (error) {
      this.#rules.pop();
      this.#originals = before;
      throw error;
    }
  }

  /** The weight as it is now. Setting it sets what it is computed from. */
  get value(): Tensor {
    const [first, ...rest] = this.#rules;
    const start = first!.forward(...this.#originals.map(({ value }) => value));
    return rest.reduce((value, rule) => rule.forward(value), start);
  }
  set value(weight: Tensor) {
    this.#invert(weight).forEach((value, i) => (this.#originals[i]!.value = value));
  }
  /** The weight in evaluation: reading it changes nothing. */
  peek(): Tensor {
    return withMode(this, false, () => this.value);
  }
  forward(): Tensor {
    return this.value;
  }

  get requiresGrad(): boolean {
    return this.#originals.some(({ requiresGrad }) => requiresGrad);
  }
  set requiresGrad(value: boolean) {
    for (const original of this.#originals) original.requiresGrad = value;
  }

  #invert(weight: Tensor): readonly Tensor[] {
    let values: readonly Tensor[] = [weight];
    for (const rule of this.#rules.toReversed()) values = inverse(rule, values[0]!);
    return values;
  }

  #check(): void {
    const { shape, dtype } = this.peek();
    if (sameShape(shape, this.shape) && dtype === this.dtype) return;
    fail(
      'parametrize',
      'the rule makes another kind of weight',
      `${dtype}${formatShape(shape)}`,
      `${this.dtype}${formatShape(this.shape)}`,
    );
  }

  override *members() {
    const single = this.#originals.length === 1;
    for (const [i, original] of this.#originals.entries()) {
      yield [single ? 'original' : `original${i}`, original] as const;
    }
    for (const [i, rule] of this.#rules.entries()) yield [String(i), rule] as const;
  }
  override memberName(name: string): string {
    return `parametrizations.${name}`;
  }

  override adaptState(state: Map<string, Tensor>, path: string): void {
    const parts = path.split('.');
    const [rule] = this.#rules;
    if (this.#rules.length !== 1 || parts.at(-2) !== 'parametrizations') return;
    const field = joinPath(...parts.slice(0, -2), parts.at(-1)!);
    for (const [ending, own] of Object.entries(rule!.olderNames)) {
      const value = state.get(field + ending);
      if (value === undefined || state.has(`${path}.${own}`)) continue;
      state.delete(field + ending);
      state.set(`${path}.${own}`, value);
    }
  }
}

function inverse(rule: Parametrization, weight: Tensor): readonly Tensor[] {
  const values = rule.rightInverse(weight);
  return Array.isArray(values) ? (values as readonly Tensor[]) : [values as Tensor];
}

/** The field that holds a parameter of that name, given as in code or as in a state dict. */
function fieldOf(module: Module, name: string): [field: string, value: Parameter | Parametrized] {
  const fields = Object.entries(module).filter(
    (entry): entry is [string, Parameter | Parametrized] =>
      entry[1] instanceof Parameter || entry[1] instanceof Parametrized,
  );
  const found = fields.find(([field]) => field === name || stateName(field) === name);
  if (found !== undefined) return found;
  const names = fields.map(([field]) => field).join(', ');
  return fail(
    'parametrize',
    `${module.constructor.name} has no parameter of that name`,
    name,
    names === '' ? 'a layer with parameters' : names,
  );
}

/**
 * Puts a rule between what is learned and the layer's parameter `name`. From now on the layer computes the
 * parameter from values that start as the rule's inverse of it. Several rules apply one after the other.
 * Attach optimizers afterwards: the parameters are other ones now. Returns the layer.
 */
export function parametrize<M extends Module>(
  module: M,
  name: string,
  rule: Parametrization | ((weight: Tensor) => Parametrization),
): M {
  const [field, weight] = fieldOf(module, name);
  const made = rule instanceof Parametrization ? rule : rule(weight.peek());
  made.train(module.training);
  if (weight instanceof Parametrized) weight.append(made);
  else {
    const value = new Parametrized(weight, made).train(module.training);
    Reflect.set(module, field, value);
  }
  return module;
}

/** Makes the weight a parameter again, with the value that it has in evaluation. Returns the layer. */
export function removeParametrizations<M extends Module>(module: M, name: string): M {
  const [field, weight] = fieldOf(module, name);
  if (!(weight instanceof Parametrized)) {
    fail('removeParametrizations', `${name} of ${module.constructor.name} is not parametrised`);
  }
  const { requiresGrad } = weight;
  Reflect.set(module, field, new Parameter(weight.peek(), { requiresGrad }));
  return module;
}

/** Whether a layer computes the parameter (or any, when no name is given). */
export function isParametrized(module: Module, name?: string): boolean {
  if (name !== undefined) return fieldOf(module, name)[1] instanceof Parametrized;
  return Object.values(module).some((value) => value instanceof Parametrized);
}
