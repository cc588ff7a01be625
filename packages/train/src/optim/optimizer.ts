/** What all optimizers share: parameter groups, state in variables, gradients of what they update. */
import { Variable, fail, formatShape, gradients, isFloat, scalar } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { Parameter } from '@hebb/nn';
import { checkNumber, checkOptions } from '../check.ts';
import { loadOptimizerState, readOptimizerState } from './state.ts';

export interface OptimizerOptions {
  /** Learning rate. */
  readonly lr?: number;
  /** Pull of the parameters towards zero. */
  readonly weightDecay?: number;
  /** Go up instead of down: the step takes the gradients with their sign turned. Default false. */
  readonly maximize?: boolean;
}

/** Parameters with settings of their own; what is left out is the optimizer's. */
export type GroupOptions<Options> = Partial<Options> & {
  readonly parameters: Iterable<Parameter>;
};

/** State of one parameter by name, in PyTorch's words: `exp_avg`, `momentum_buffer`. */
export type Slots = Readonly<Record<string, Variable>>;

/** A group as it stands: its settings, and those that schedules change as variables. */
export class ParameterGroup<Options> {
  readonly parameters: readonly Parameter[];
  readonly options: Options;
  /** The rate at the start, which schedules scale. */
  readonly initialLr: number;
  readonly #lr: Variable;
  readonly #momentum: Variable;
  #lrNumber: number;
  #momentumNumber: number;

  constructor(parameters: readonly Parameter[], options: Options, lr: number, momentum: number) {
    this.parameters = parameters;
    this.options = options;
    this.initialLr = lr;
    this.#lrNumber = lr;
    this.#momentumNumber = momentum;
    // As precise as the widest parameter, so that float64 training is float64 throughout.
    const dtype: DType = parameters.some((p) => p.dtype === 'float64') ? 'float64' : 'float32';
    this.#lr = new Variable(scalar(lr, dtype));
    this.#momentum = new Variable(scalar(momentum, dtype));
  }

  /** Learning rate. Setting it reaches compiled steps without compiling again. */
  get lr(): number {
    return this.#lrNumber;
  }
  set lr(lr: number) {
    this.set({ lr });
  }
  /** Momentum, or Adam's first beta; some schedules cycle it. */
  get momentum(): number {
    return this.#momentumNumber;
  }
  set momentum(momentum: number) {
    this.set({ momentum });
  }

  /**
   * Sets both. `release` frees the old values' buffers at once; only where no step is pending, that is
   * where steps are compiled.
   */
  set(
    { lr = this.#lrNumber, momentum = this.#momentumNumber }: { lr?: number; momentum?: number },
    release = false,
  ): void {
    checkNumber('ParameterGroup', 'lr', lr, { low: 0 });
    checkNumber('ParameterGroup', 'momentum', momentum, { low: 0 });
    if (lr !== this.#lrNumber) replace(this.#lr, lr, release);
    if (momentum !== this.#momentumNumber) replace(this.#momentum, momentum, release);
    this.#lrNumber = lr;
    this.#momentumNumber = momentum;
  }
  /** @internal */
  get variables(): { readonly lr: Variable; readonly momentum: Variable } {
    return { lr: this.#lr, momentum: this.#momentum };
  }
}

function replace(variable: Variable, value: number, release: boolean): void {
  const old = variable.peek();
  variable.set(scalar(value, variable.dtype));
  if (release) old.dispose();
}

/** The numbers of a step as scalar tensors of one parameter's dtype. */
export interface StepScalars {
  readonly lr: Tensor;
  readonly momentum: Tensor;
  /** 1 at the first step. */
  readonly step: Tensor;
}

/**
 * Base of the optimizers. `attach` gives it the parameters; a `Trainer` does that itself. A step is built
 * of tensors, so it belongs into a compiled function:
 *
 * ```ts
 * const optimizer = new AdamW({ lr: 1e-3 }).attach(model.parameters());
 * const step = compile((x: Tensor, y: Tensor) => {
 *   const loss = crossEntropy(model.forward(x), y);
 *   optimizer.minimize(loss);
 *   return loss;
 * });
 * ```
 */
export abstract class Optimizer<Options extends OptimizerOptions = OptimizerOptions> {
  readonly options: Required<Options>;
  readonly #name: string;
  #groups: ParameterGroup<Required<Options>>[] | undefined;
  readonly #slots = new Map<Parameter, Slots>();
  readonly #steps = new Variable(scalar(0, 'int32'));

  protected constructor(
    name: string,
    options: Options,
    defaults: Omit<Required<Options>, 'maximize'>,
  ) {
    checkOptions(name, options, [...Object.keys(defaults), 'maximize']);
    this.#name = name;
    const all: Omit<Required<Options>, 'maximize'> & OptimizerOptions = {
      maximize: false,
      ...defaults,
      ...defined(options),
    };
    this.options = all as Required<Options>;
    this.validate(this.options);
  }

  /** Throws for settings that make no sense. */
  protected validate(options: Required<Options>): void {
    checkNumber(this.#name, 'lr', options.lr, { low: 0 });
    checkNumber(this.#name, 'weightDecay', options.weightDecay, { low: 0 });
  }
  /** Start values of the state that one parameter needs. */
  protected abstract slots(parameter: Parameter, options: Required<Options>): Slots;
  /** The parameter's next value; writes its slots. */
  protected abstract update(
    value: Tensor,
    gradient: Tensor,
    slots: Slots,
    scalars: StepScalars,
    options: Required<Options>,
  ): Tensor;
  /** What `ParameterGroup.momentum` starts from. */
  protected momentumOf(_options: Required<Options>): number {
    return 0;
  }

  /**
   * Gives the optimizer its parameters, or groups with settings of their own, once. Throws when there is
   * none, one comes twice, or one is not real.
   */
  attach(parameters: Iterable<Parameter> | readonly GroupOptions<Options>[]): this {
    if (this.#groups !== undefined) fail(this.#name, 'already has its parameters');
    const given = [...(parameters as Iterable<Parameter | GroupOptions<Options>>)];
    if (given.length === 0) fail(this.#name, 'there are no parameters to optimize');
    const inputs: readonly { members: Iterable<Parameter>; own: Partial<Options> }[] =
      given[0] instanceof Parameter
        ? [{ members: given as Parameter[], own: {} }]
        : (given as GroupOptions<Options>[]).map(splitGroup);
    const groups = inputs.map(({ members, own }) => {
      checkOptions(this.#name, own, Object.keys(this.options));
      const options: Required<Options> = { ...this.options, ...defined(own) };
      this.validate(options);
      const list = [...members];
      for (const parameter of list) this.#register(parameter, options);
      return new ParameterGroup(list, options, options.lr!, this.momentumOf(options));
    });
    this.#groups = groups;
    return this;
  }

  #register(parameter: Parameter, options: Required<Options>): void {
    if (!(parameter instanceof Parameter)) {
      fail(this.#name, 'a parameter is not a Parameter', typeof parameter);
    }
    if (this.#slots.has(parameter)) {
      fail(this.#name, 'a parameter is given twice', formatShape(parameter.shape));
    }
    if (!isFloat(parameter.dtype)) {
      fail(this.#name, 'a parameter is not real', parameter.dtype, 'a float type');
    }
    this.#slots.set(parameter, this.slots(parameter, options));
  }

  get attached(): boolean {
    return this.#groups !== undefined;
  }
  get groups(): readonly ParameterGroup<Required<Options>>[] {
    return this.#groups ?? fail(this.#name, 'has no parameters yet: call attach');
  }
  /** What a step updates: the parameters of all groups that are not frozen. */
  get parameters(): Parameter[] {
    return this.groups.flatMap((group) => group.parameters.filter((p) => p.requiresGrad));
  }

  /** Learning rate of the first group; setting it sets all groups. */
  get lr(): number {
    return this.groups[0]!.lr;
  }
  set lr(value: number) {
    for (const group of this.groups) group.lr = value;
  }

  /** Gradients of a scalar loss with respect to `parameters`, in their order. */
  gradients(loss: Tensor): Tensor[] {
    return gradients(
      loss,
      this.parameters.map((parameter) => parameter.value),
    );
  }

  /** One update from gradients in the order of `parameters`. */
  step(grads: readonly Tensor[]): void {
    const { parameters } = this;
    if (grads.length !== parameters.length) {
      fail(
        this.#name,
        'needs a gradient for each parameter',
        `${grads.length}`,
        `${parameters.length}`,
      );
    }
    this.#steps.value = this.#steps.value.add(1);
    const steps = this.#steps.value;
    let next = 0;
    for (const group of this.groups) {
      const { lr, momentum } = group.variables;
      const scalars = new Map<DType, StepScalars>();
      for (const parameter of group.parameters) {
        if (!parameter.requiresGrad) continue;
        const { dtype } = parameter;
        let own = scalars.get(dtype);
        if (own === undefined) {
          own = {
            lr: lr.value.to(dtype),
            momentum: momentum.value.to(dtype),
            step: steps.to(dtype),
          };
          scalars.set(dtype, own);
        }
        const slots = this.#slots.get(parameter)!;
        const given = grads[next++]!;
        const gradient = group.options.maximize ? given.neg() : given;
        parameter.value = this.update(parameter.value, gradient, slots, own, group.options);
      }
    }
  }

  /** Gradients and update in one: what a training step ends with. Returns the gradients. */
  minimize(loss: Tensor): Tensor[] {
    const grads = this.gradients(loss);
    this.step(grads);
    return grads;
  }

  /** Everything that a step changes beside the parameters. */
  get state(): Variable[] {
    return [this.#steps, ...[...this.#slots.values()].flatMap((slots) => Object.values(slots))];
  }

  /**
   * Every variable that a step reads or writes beside the parameters, by name: `step`, `0.exp_avg`,
   * `group.0.lr`. Optimizers of the same settings name theirs alike.
   */
  namedState(): Map<string, Variable> {
    const { variables } = this.#namedState();
    this.groups.forEach((group, g) => {
      variables.set(`group.${g}.lr`, group.variables.lr);
      variables.set(`group.${g}.momentum`, group.variables.momentum);
    });
    return variables;
  }

  /** State by name (`step`, `0.exp_avg`, `group.0.lr`), copied to the host; see `Module.stateDict`. */
  async stateDict(): Promise<Record<string, Tensor>> {
    return readOptimizerState(this.#namedState());
  }
  /** Takes over a state; all of it or, when names or shapes disagree, nothing. */
  async loadStateDict(state: Readonly<Record<string, Tensor>>): Promise<void> {
    const entries = this.#namedState();
    const rates = await loadOptimizerState(this.#name, entries, state);
    this.groups.forEach((group, i) => {
      const lr = rates.get(`group.${i}.lr`);
      const momentum = rates.get(`group.${i}.momentum`);
      if (lr !== undefined) group.lr = lr;
      if (momentum !== undefined) group.momentum = momentum;
    });
  }

  #namedState(): { variables: Map<string, Variable>; numbers: Map<string, number> } {
    const variables = new Map([['step', this.#steps]]);
    const numbers = new Map<string, number>();
    let index = 0;
    this.groups.forEach((group, g) => {
      numbers.set(`group.${g}.lr`, group.lr);
      numbers.set(`group.${g}.momentum`, group.momentum);
      for (const parameter of group.parameters) {
        for (const [name, variable] of Object.entries(this.#slots.get(parameter)!)) {
          variables.set(`${index}.${name}`, variable);
        }
        index += 1;
      }
    });
    return { variables, numbers };
  }
}

function splitGroup<Options>(group: GroupOptions<Options>): {
  members: Iterable<Parameter>;
  own: Partial<Options>;
} {
  const own: Partial<Options> & { parameters?: Iterable<Parameter> } = { ...group };
  delete own.parameters;
  return { members: group.parameters, own };
}

/** Options given as `undefined` count as left out. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}
