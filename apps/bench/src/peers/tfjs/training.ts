/** TensorFlow.js: training steps. */
// Only the whole library registers the gradients.
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-core';
import type { OptimizerSettings, Phase, TrainCase } from '../../cases/case.ts';
import type { Work } from '../../cases/work.ts';
import type { Loaded } from '../../harness/runner.ts';
import { arranged, numbersOf } from './forward.ts';
import { TfjsLayers } from './layers.ts';
import { fromParameter, layoutsOf } from './weights.ts';

const optimizerOf = ({ kind, lr, beta1, beta2, eps }: OptimizerSettings) =>
  kind === 'adam' ? tf.train.adam(lr, beta1, beta2, eps) : tf.train.sgd(lr);

export async function loadTraining(work: Work<TrainCase>): Promise<Loaded> {
  const layout = layoutsOf(work.case);
  const parameters = new Map<string, Variable>(
    [...work.parameters].map(([name, p]) => [
      name,
      tf.variable(fromParameter(p, layout(name)), true, name),
    ]),
  );
  const layers = new TfjsLayers((name) => parameters.get(name)!, true);
  const optimizers = work.case.phases.map(({ optimizer }) => optimizerOf(optimizer));
  const sources = [...work.inputs.values()].map(arranged);
  const step = (phase: Phase, i: number, inputs: Tensor[]): Tensor => {
    const trained = [...parameters].filter(([name]) => name.startsWith(phase.prefix));
    const fixed = phase.detached ? work.case.shared?.(layers, inputs) : undefined;
    const { value, grads } = tf.variableGrads(
      () => phase.loss(layers, inputs, fixed ?? work.case.shared?.(layers, inputs)) as Scalar,
      trained.map(([, variable]) => variable),
    );
    optimizers[i]!.applyGradients(
      Object.entries(grads).map(([name, tensor]) => ({ name, tensor })),
    );
    return value;
  };
  return {
    async run() {
      const losses = tf.tidy(() => {
        const inputs = sources.map((make) => make());
        return work.case.phases.map((phase, i) => step(phase, i, inputs));
      });
      const values = Float32Array.from(
        (await Promise.all(losses.map(numbersOf))).map(([value]) => value!),
      );
      tf.dispose(losses);
      return values;
    },
  };
}
