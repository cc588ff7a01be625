/** The compiled functions of a trainer: one call a batch, for training, evaluation and prediction. */
import {
  Tensor,
  Variable,
  compile,
  defaultGenerator,
  fail,
  formatShape,
  scalar,
  zeros,
} from '@hebb/core';
import type { Compiled } from '@hebb/core';
import { Module, withMode } from '@hebb/nn';
import type { Parameter } from '@hebb/nn';
import type { ExponentialMovingAverage } from '../average/ema.ts';
import type { CollectedMetric } from '../metrics/collected.ts';
import type { Metric } from '../metrics/metric.ts';
import { clipGradNorm, clipGradValue } from '../optim/clip.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { autocast } from '../precision/autocast.ts';
import type { AutocastOptions } from '../precision/autocast.ts';
import type { LossScaler } from '../precision/loss-scaler.ts';
import { Totals } from './totals.ts';

/** A model whose forward takes tensors and gives one. */
export type Model = Module & { forward(...inputs: Tensor[]): Tensor };

/** A loss as a function or a module: a scalar from what the model gave and what was wanted. */
export type Loss =
  | ((output: Tensor, target: Tensor) => Tensor)
  | (Module & { forward(output: Tensor, target: Tensor): Tensor });

export interface StepSettings {
  readonly model: Model;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly metrics: readonly Metric<unknown>[];
  readonly clipGradNorm?: number | undefined;
  readonly clipGradValue?: number | undefined;
  readonly ema?: ExponentialMovingAverage | undefined;
  readonly autocast?: AutocastOptions | undefined;
  readonly scaler?: LossScaler | undefined;
}

export function lossOf(loss: Loss, output: Tensor, target: Tensor): Tensor {
  const value = loss instanceof Module ? loss.forward(output, target) : loss(output, target);
  if (!(value instanceof Tensor) || value.size !== 1) {
    fail(
      'Trainer',
      'the loss is not one number: reduce it with mean or sum',
      value instanceof Tensor ? formatShape(value.shape) : typeof value,
    );
  }
  return value.reshape([]);
}

export function clip(
  grads: Tensor[],
  { clipGradNorm: norm, clipGradValue: value }: StepSettings,
): Tensor[] {
  const bounded = value === undefined ? grads : clipGradValue(grads, value);
  return norm === undefined ? bounded : clipGradNorm(bounded, norm).grads;
}

/**
 * Runs `body` in a mode and in the precision asked for. What it returns and what it wrote to the model's
 * buffers and the default generator is the same computation with its products in 16 bits.
 */
export function inPrecision(
  { model, autocast: options }: Pick<StepSettings, 'model' | 'autocast'>,
  training: boolean,
  body: () => readonly Tensor[],
): readonly Tensor[] {
  const variables = [...model.buffers(), defaultGenerator.state];
  const before = variables.map((variable) => variable.value);
  const results = withMode(model, training, body);
  if (options === undefined) return results;
  const written = variables.filter((variable, i) => variable.value !== before[i]);
  const cast = autocast([...results, ...written.map((variable) => variable.value)], options);
  written.forEach((variable, i) => (variable.value = cast[results.length + i]!));
  return cast.slice(0, results.length);
}

/**
 * Which part of an update a batch is: all of it, or the first, a middle one or the last of several whose
 * gradients add up.
 */
export type Phase = 'whole' | 'first' | 'middle' | 'last';

/**
 * Training: forward, loss, gradients, update, sums. A step whose loss is not finite changes nothing, and
 * none after it does, so that the model keeps its last sound state and the cause can be looked for at
 * leisure although the host reads the sums only now and then.
 */
export class TrainStep {
  readonly totals = new Totals();
  /** `share`: empty for `whole`, else the part of the update's samples that are in this batch. */
  readonly run: Compiled<[inputs: Tensor[], target: Tensor, share: Tensor[], phase: Phase], null>;
  readonly #settings: StepSettings;
  readonly #gathered = new Map<Parameter, Variable>();
  /** Batches since the start of the epoch, and the first of them that failed (-1: none). */
  readonly #count = new Variable(scalar(0, 'int32'));
  readonly #failed = new Variable(scalar(-1, 'int32'));

  constructor(settings: StepSettings) {
    this.#settings = settings;
    this.run = compile(this.trace, { name: 'training step', donate: [0, 1, 2] });
  }

  readonly trace = (inputs: Tensor[], target: Tensor, share: Tensor[], phase: Phase): null => {
    const { model, loss, optimizer, metrics, ema, scaler } = this.#settings;
    const valueOf = (variables: Iterable<Variable>): Map<Variable, Tensor> =>
      new Map([...variables].map((variable) => [variable, variable.value]));
    // What an update changes, and what every batch does.
    const updated = valueOf([...model.parameters(), ...optimizer.state, ...(ema?.state ?? [])]);
    const touched = valueOf([...model.buffers(), defaultGenerator.state]);

    const [output, value] = inPrecision(this.#settings, true, () => {
      const result = model.forward(...inputs);
      return [result, lossOf(loss, result, target)];
    }) as [Tensor, Tensor];
    const sound = value.abs().lt(Infinity).and(this.#failed.value.lt(0));
    const part = share[0] === undefined ? value : value.mul(share[0].to(value.dtype));
    const grads = this.#gather(
      optimizer.gradients(scaler === undefined ? part : scaler.scaled(part)),
      phase,
    );
    let moves = sound;
    if (phase === 'whole' || phase === 'last') {
      const plain = scaler === undefined ? grads : scaler.unscaled(grads);
      if (scaler !== undefined) moves = sound.and(scaler.judge(plain, sound));
      optimizer.step(clip(plain, this.#settings));
      ema?.update();
    }
    guard(updated, moves);
    guard(touched, sound);
    this.#failed.value = this.#failed.value.where(
      sound.or(this.#failed.value.ge(0)),
      this.#count.value,
    );
    this.#count.value = this.#count.value.add(1);

    const rows = inputs[0]!.shape[0]!;
    this.totals.add('loss', value.mul(rows).where(sound, 0));
    for (const metric of metrics) {
      const sums = metric.batch(output, target);
      this.totals.add(`metric ${metric.name}`, sums.where(sound, 0));
    }
    return null;
  };

  /** Adds the gradients to those of the batches before, where an update has several. */
  #gather(grads: Tensor[], phase: Phase): Tensor[] {
    if (phase === 'whole') return grads;
    return this.#settings.optimizer.parameters.map((parameter, i) => {
      let sum = this.#gathered.get(parameter);
      if (sum === undefined) {
        sum = new Variable(zeros(parameter.shape, parameter.dtype));
        this.#gathered.set(parameter, sum);
      }
      const total = phase === 'first' ? grads[i]! : sum.value.add(grads[i]!);
      if (phase !== 'last') sum.value = total;
      return total;
    });
  }

  /** Number of the first batch since `restart` whose loss was not finite, if any. */
  async failed(): Promise<number | undefined> {
    const failed = await this.#failed.peek().item();
    return failed < 0 ? undefined : failed;
  }

  /** Variables of its own that hold nothing of the run between updates. */
  get passing(): Variable[] {
    return [this.#count, this.#failed, ...this.#gathered.values(), ...this.totals.variables];
  }

  /** Counts from `first` again. */
  restart(first = 0): void {
    for (const [variable, start] of [
      [this.#count, first],
      [this.#failed, -1],
    ] as const) {
      const old = variable.peek();
      variable.set(scalar(start, 'int32'));
      old.dispose();
    }
  }

  dispose(): void {
    this.run.dispose();
    this.totals.dispose();
    for (const sum of this.#gathered.values()) sum.peek().dispose();
    this.#gathered.clear();
  }
}

/** Keeps the values from before where the condition is false. */
export function guard(before: ReadonlyMap<Variable, Tensor>, condition: Tensor): void {
  for (const [variable, old] of before) {
    const after = variable.value;
    if (after !== old) variable.value = after.where(condition, old);
  }
}

/** Evaluation: forward in evaluation mode, sums of loss and metrics; returns what metrics collect. */
export class EvaluationStep {
  readonly totals = new Totals();
  readonly run: Compiled<[inputs: Tensor[], target: Tensor], Tensor[]>;

  constructor(
    settings: Pick<StepSettings, 'model' | 'metrics' | 'autocast'> & {
      readonly loss?: Loss;
      readonly collected?: readonly CollectedMetric[];
    },
  ) {
    const { model, loss, metrics, collected = [] } = settings;
    this.run = compile(
      (inputs: Tensor[], target: Tensor) => {
        const [output] = inPrecision(settings, false, () => [model.forward(...inputs)]) as [Tensor];
        if (loss !== undefined) {
          this.totals.add('loss', lossOf(loss, output, target).mul(inputs[0]!.shape[0]!));
        }
        for (const metric of metrics) {
          this.totals.add(`metric ${metric.name}`, metric.batch(output, target));
        }
        return collected.map((metric) => metric.collect(output, target));
      },
      { name: 'evaluation step', donate: [0, 1] },
    );
  }

  dispose(): void {
    this.run.dispose();
    this.totals.dispose();
  }
}

/** Loss and metrics from sums over `samples` rows. */
export function summarize(
  totals: Totals,
  metrics: readonly Metric[],
  samples: number,
): { loss: number; metrics: Record<string, number> } {
  const results: Record<string, number> = {};
  for (const metric of metrics) {
    results[metric.name] = metric.result(totals.sums(`metric ${metric.name}`));
  }
  return { loss: (totals.sums('loss')[0] ?? NaN) / samples, metrics: results };
}
