/** Hebb: training steps. */
import { compile, currentBackend } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Parameter } from '@hebb/nn';
import { Adam, SGD } from '@hebb/train';
import type { OptimizerSettings, TrainCase } from '../cases/case.ts';
import type { Work } from '../cases/work.ts';
import type { Loaded } from '../harness/runner.ts';
import { fromHost } from './forward.ts';
import { HebbLayers } from './layers.ts';

function optimizerOf({ kind, lr, beta1, beta2, eps }: OptimizerSettings): Adam | SGD {
  return kind === 'adam' ? new Adam({ lr, betas: [beta1, beta2], eps }) : new SGD({ lr });
}

export async function loadTraining(work: Work<TrainCase>): Promise<Loaded> {
  const { phases, shared } = work.case;
  const parameters = new Map(
    [...work.parameters].map(([name, p]) => [name, new Parameter(fromHost(p))]),
  );
  const layers = new HebbLayers((name) => parameters.get(name)!.value);
  const optimizers = phases.map(({ prefix, optimizer }) =>
    optimizerOf(optimizer).attach(
      [...parameters].filter(([name]) => name.startsWith(prefix)).map(([, p]) => p),
    ),
  );
  const step = compile(
    (...inputs: Tensor[]) => {
      const value = shared?.(layers, inputs);
      return phases.map((phase, i) => {
        const loss = phase.loss(layers, inputs, phase.detached ? value?.detach() : value);
        optimizers[i]!.minimize(loss);
        return loss;
      });
    },
    { name: work.case.name },
  );
  const hosts = [...work.inputs.values()];
  return {
    async run() {
      const inputs = hosts.map(fromHost);
      const losses = await step(...inputs);
      const values: number[] = [];
      for (const loss of losses) {
        values.push(await loss.item());
        loss.dispose();
      }
      for (const input of inputs) input.dispose();
      return Float32Array.from(values);
    },
    values: () => currentBackend().memory().buffers,
  };
}
