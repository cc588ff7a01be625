/** The compiled functions of a trainer: one call a batch, for training, evaluation and prediction. */
import { Tensor, Variable, compile, defaultGenerator, fail, formatShape, scalar } from '@hebb/core';
import type { Compiled } from '@hebb/core';
import { Module, withMode } from '@hebb/nn';
import type { Metric } from '../metrics/metric.ts';
import { clipGradNorm, clipGradValue } from '../optim/clip.ts';
import type { Optimizer } from '../optim/optimizer.ts';
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
 * Training: forward, loss, gradients, update, sums. A step whose loss is not finite changes nothing, and
 * none after it does, so that the model keeps its last sound state and the cause can be looked for at
 * leisure although the host reads the sums only now and then.
 */
export class TrainStep {
  readonly totals = new Totals();
  readonly run: Compiled<[inputs: Tensor[], target: Tensor], null>;
  readonly #settings: StepSettings;
  /** Steps since the start of `fit`, and the first of them that failed (-1: none). */
  readonly #count = new Variable(scalar(0, 'int32'));
  readonly #failed = new Variable(scalar(-1, 'int32'));

  constructor(settings: StepSettings) {
    this.#settings = settings;
    this.run = compile((inputs: Tensor[], target: Tensor) => this.#trace(inputs, target), {
      name: 'training step',
      donate: [0, 1],
    });
  }

  #trace(inputs: Tensor[], target: Tensor): null {
    const { model, loss, optimizer, metrics } = this.#settings;
    const guarded = new Map<Variable, Tensor>();
    for (const variable of [
      ...model.parameters(),
      ...model.buffers(),
      ...optimizer.state,
      defaultGenerator.state,
    ]) {
      guarded.set(variable, variable.value);
    }
    const output = withMode(model, true, () => model.forward(...inputs));
    const value = lossOf(loss, output, target);
    optimizer.step(clip(optimizer.gradients(value), this.#settings));

    const sound = value.abs().lt(Infinity).and(this.#failed.value.lt(0));
    for (const [variable, before] of guarded) {
      const after = variable.value;
      if (after !== before) variable.value = after.where(sound, before);
    }
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
  }

  /** Moves the sums to the host. Returns the number of the first step whose loss was not finite, if any. */
  async take(): Promise<number | undefined> {
    await this.totals.take();
    const failed = await this.#failed.peek().item();
    return failed < 0 ? undefined : failed;
  }

  /** Counts from 0 again. */
  restart(): void {
    for (const [variable, start] of [
      [this.#count, 0],
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
  }
}

/** Evaluation: forward in evaluation mode, sums of loss and metrics. */
export class EvaluationStep {
  readonly totals = new Totals();
  readonly run: Compiled<[inputs: Tensor[], target: Tensor], null>;

  constructor(settings: Pick<StepSettings, 'model' | 'metrics'> & { readonly loss?: Loss }) {
    const { model, loss, metrics } = settings;
    this.run = compile(
      (inputs: Tensor[], target: Tensor) => {
        const output = withMode(model, false, () => model.forward(...inputs));
        if (loss !== undefined) {
          this.totals.add('loss', lossOf(loss, output, target).mul(inputs[0]!.shape[0]!));
        }
        for (const metric of metrics) {
          this.totals.add(`metric ${metric.name}`, metric.batch(output, target));
        }
        return null;
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
