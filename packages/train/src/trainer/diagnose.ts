/** After a loss that is not finite: where it comes from. */
import { HebbError, Tensor, compile, defaultGenerator, where, zeros } from '@hebb/core';
import type { Variable } from '@hebb/core';
import type { Module } from '@hebb/nn';
import { clip, inPrecision, lossOf } from './steps.ts';
import type { StepSettings } from './steps.ts';

/** Training stopped because numbers are no longer finite. The model keeps its last sound state. */
export class NonFiniteError extends HebbError {
  /** From 1. */
  readonly epoch: number;
  /** From 1, within the epoch. */
  readonly step: number;
  /** Path of the layer whose output is the first that is not finite, where one is. */
  readonly layer: string | undefined;
  /** Path of a parameter whose value or gradient is not finite, where one is. */
  readonly parameter: string | undefined;

  constructor(message: string, place: { epoch: number; step: number } & Findings) {
    super(message, { op: 'Trainer', path: '' });
    this.name = 'NonFiniteError';
    this.epoch = place.epoch;
    this.step = place.step;
    this.layer = place.layer?.path;
    this.parameter = place.value?.path ?? place.gradient?.path;
  }
}

interface Place {
  readonly path: string;
  /** Class of the layer: `Conv2d`. */
  readonly kind: string;
}

export interface Findings {
  /** First layer, in the order of the computation, whose output is not finite. */
  readonly layer?: Place | undefined;
  /** Last parameter whose value is not finite: the one nearest to where bad gradients came from. */
  readonly value?: Place | undefined;
  /** Last parameter whose gradient is not finite. */
  readonly gradient?: Place | undefined;
  /** The loss itself, NaN or an infinity. */
  readonly loss: number;
}

/** How many elements are NaN or infinite. Shape: [] int32. */
function countBad(x: Tensor): Tensor {
  const finite = x.abs().lt(Infinity);
  return where(finite, zeros(x.shape, 'int32'), 1).sum();
}

/** Runs the failing step once more, looking at every layer, parameter and gradient. Changes nothing. */
export async function diagnose(
  settings: StepSettings,
  inputs: Tensor[],
  target: Tensor,
): Promise<Findings> {
  const { model, loss, optimizer } = settings;
  const names = new Map<Variable, string>();
  for (const [name, parameter] of model.namedParameters()) names.set(parameter, name);
  const layers: Place[] = [];
  const trained = optimizer.parameters;

  const look = compile(
    (xs: Tensor[], y: Tensor) => {
      layers.length = 0;
      const counts: Tensor[] = [];
      const variables = [...model.buffers(), defaultGenerator.state];
      const before = variables.map((variable) => variable.value);
      const remove = model.modules().map((module) =>
        module.onForward(({ path, output }) => {
          if (!(output instanceof Tensor)) return;
          layers.push({ path, kind: module.constructor.name });
          counts.push(countBad(output));
        }),
      );
      try {
        const [value, ...inLayers] = inPrecision(settings, true, () => {
          const output = lossOf(loss, model.forward(...xs), y);
          return [output, ...counts];
        }) as [Tensor, ...Tensor[]];
        const grads = clip(optimizer.gradients(value), settings);
        return {
          loss: value,
          layers: inLayers,
          gradients: grads.map(countBad),
          values: model.parameters().map((parameter) => countBad(parameter.value)),
        };
      } finally {
        for (const undo of remove) undo();
        variables.forEach((variable, i) => (variable.value = before[i]!));
      }
    },
    { name: 'diagnosis' },
  );
  const found = await look(inputs, target);
  const bad = async (counts: readonly Tensor[]): Promise<number[]> => {
    const numbers = await Promise.all(counts.map((count) => count.item()));
    return numbers.flatMap((count, i) => (count > 0 ? [i] : []));
  };
  const placeOf = (variable: Variable | undefined): Place | undefined => {
    const path = variable === undefined ? undefined : names.get(variable);
    return path === undefined ? undefined : { path, kind: ownerOf(model, path) };
  };
  const result: Findings = {
    layer: layers[(await bad(found.layers))[0] ?? -1],
    value: placeOf(model.parameters()[(await bad(found.values)).at(-1) ?? -1]),
    gradient: placeOf(trained[(await bad(found.gradients)).at(-1) ?? -1]),
    loss: await found.loss.item(),
  };
  for (const tensor of [found.loss, ...found.layers, ...found.gradients, ...found.values]) {
    tensor.dispose();
  }
  look.dispose();
  return result;
}

/** Class of the module that holds the parameter at a path. */
function ownerOf(model: Module, path: string): string {
  const dot = path.lastIndexOf('.');
  const owner = model.namedModules().get(dot < 0 ? '' : path.slice(0, dot));
  return owner?.constructor.name ?? 'parameter';
}

const nameOf = ({ path, kind }: Place): string => (path === '' ? kind : `${path} (${kind})`);

/** The error for a step, in words. */
export function nonFinite(
  place: { epoch: number; epochs: number; step: number; steps: number },
  findings: Findings,
): NonFiniteError {
  const where = `epoch ${place.epoch} of ${place.epochs}, step ${place.step} of ${place.steps}`;
  const parts: string[] = [];
  if (findings.value !== undefined) {
    parts.push(
      `parameter ${nameOf(findings.value)} is no longer finite: the update of an earlier step did that`,
    );
  } else if (findings.layer !== undefined) {
    parts.push(`layer ${nameOf(findings.layer)} is the first whose output is not finite`);
  } else {
    parts.push('every layer gives finite numbers: the loss function itself does not');
  }
  if (findings.value === undefined && findings.gradient !== undefined) {
    parts.push(`the gradient of ${nameOf(findings.gradient)} is not finite`);
  }
  parts.push('the batch itself is finite', 'the model keeps the state before this step');
  return new NonFiniteError(`the loss is ${findings.loss} at ${where}: ${parts.join('; ')}`, {
    ...place,
    ...findings,
  });
}
