/** The plain mean of weights along a run, and statistics that fit it. */
import { realize } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, withMode } from '@hebb/nn';
import type { Layer, Parameter } from '@hebb/nn';
import { WeightAverage } from './average.ts';

/**
 * The mean of all values that the parameters had at its updates (PyTorch's `AveragedModel`), one an epoch
 * as a rule, at a rate held up by `SWALR`; then `updateBatchNorm`. Izmailov et al. 2018, arXiv:1803.05407.
 */
export class StochasticWeightAverage extends WeightAverage {
  constructor(parameters: Iterable<Parameter>) {
    super('StochasticWeightAverage', parameters);
  }
  protected entering(count: Tensor): Tensor {
    return count.add(1).to('float64').pow(-1);
  }
}

/**
 * Computes the running statistics of all batch normalisations anew, as the average over the inputs
 * (PyTorch's `update_bn`): those that were gathered along the way fit other weights. Nothing else changes.
 */
export async function updateBatchNorm(
  model: Layer,
  inputs: Iterable<Tensor> | AsyncIterable<Tensor>,
): Promise<void> {
  const kinds = [BatchNorm1d, BatchNorm2d, BatchNorm3d] as const;
  const layers = model
    .modules()
    .filter((layer) => kinds.some((Kind) => layer instanceof Kind)) as BatchNorm1d[];
  if (layers.length === 0) return;
  const momenta = layers.map((layer) => layer.momentum);
  try {
    for (const layer of layers) {
      layer.resetRunningStats();
      layer.momentum = null;
    }
    for await (const x of inputs) {
      withMode(model, true, () => model.forward(x));
      await realize(...layers.flatMap((layer) => layer.buffers().map((buffer) => buffer.peek())));
    }
  } finally {
    layers.forEach((layer, i) => (layer.momentum = momenta[i]!));
  }
}
