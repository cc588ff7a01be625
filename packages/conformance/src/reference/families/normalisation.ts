/** Family `normalisation`. */
import * as core from '@hebb/core';
import type { Tensor } from '@hebb/core';
import * as ops from '@hebb/ops';
import { flag, ints, maybeNum, num } from '../attrs.ts';
import type { AttrValue, CaseTable, Outputs, Tensors } from '../case.ts';

const eps = (value: AttrValue | undefined, otherwise: number): number =>
  maybeNum(value) ?? otherwise;

/** Running statistics after each of several training calls. `momentum` null averages all batches. */
function batchNormSteps(tensors: Tensors, momentum: number | undefined, epsilon: number): Outputs {
  const { weight, bias } = tensors;
  const batches = Object.keys(tensors).filter((name) => /^x\d+$/.test(name)).length;
  const channels = tensors['x0']!.shape[1]!;
  let mean: Tensor = (tensors['running_mean'] ?? zeros(channels, tensors['x0']!)).detach();
  let spread: Tensor = (tensors['running_var'] ?? ones(channels, tensors['x0']!)).detach();
  let output = tensors['x0']!;
  for (let k = 0; k < batches; k++) {
    [output, mean, spread] = ops.batchNormTraining(tensors[`x${k}`]!, mean, spread, weight, bias, {
      momentum: momentum ?? 1 / (k + 1),
      eps: epsilon,
    });
  }
  return {
    output,
    running_mean: mean,
    running_var: spread,
    eval_output: ops.batchNorm(tensors['x0']!, mean, spread, weight, bias, { eps: epsilon }),
  };
}
const zeros = (n: number, like: Tensor): Tensor => core.zeros([n], like.dtype);
const ones = (n: number, like: Tensor): Tensor => core.ones([n], like.dtype);

export const normalisation: CaseTable = {
  batch_norm: ({ x, running_mean: mean, running_var: spread, weight, bias }, attrs): Outputs => {
    const options = { eps: eps(attrs['eps'], 1e-5) };
    const training = flag(attrs['training']);
    if (training && mean !== undefined && spread !== undefined) {
      const momentum = maybeNum(attrs['momentum']) ?? 1;
      const [output, newMean, newVar] = ops.batchNormTraining(x!, mean, spread, weight, bias, {
        ...options,
        momentum,
      });
      return { output, running_mean: newMean, running_var: newVar };
    }
    const output = ops.batchNorm(x!, mean, spread, weight, bias, { ...options, training });
    return {
      output,
      ...(mean === undefined ? {} : { running_mean: mean }),
      ...(spread === undefined ? {} : { running_var: spread }),
    };
  },
  batch_norm_steps: (tensors, { momentum, eps: e }) =>
    batchNormSteps(tensors, maybeNum(momentum), eps(e, 1e-5)),
  group_norm: ({ x, weight, bias }, { num_groups: groups, eps: e }) =>
    ops.groupNorm(x!, num(groups), weight, bias, { eps: eps(e, 1e-5) }),
  instance_norm: ({ x, running_mean: mean, running_var: spread, weight, bias }, attrs): Outputs => {
    const options = { eps: eps(attrs['eps'], 1e-5) };
    const own = attrs['use_input_stats'] === undefined || flag(attrs['use_input_stats']);
    if (!own) {
      const output = ops.batchNorm(x!, mean, spread, weight, bias, options);
      return { output, running_mean: mean!, running_var: spread! };
    }
    const output = ops.instanceNorm(x!, weight, bias, options);
    if (mean === undefined || spread === undefined) return { output };
    const [newMean, newVar] = ops.instanceNormStatistics(x!, mean, spread, {
      momentum: maybeNum(attrs['momentum']) ?? 0.1,
    });
    return { output, running_mean: newMean, running_var: newVar };
  },
  layer_norm: ({ x, weight, bias }, { normalized_shape: shape, eps: e }) =>
    ops.layerNorm(x!, typeof shape === 'number' ? shape : ints(shape), weight, bias, {
      eps: eps(e, 1e-5),
    }),
  local_response_norm: ({ x }, { size, alpha, beta, k }) =>
    ops.localResponseNorm(x!, num(size), {
      alpha: maybeNum(alpha) ?? 1e-4,
      beta: maybeNum(beta) ?? 0.75,
      k: maybeNum(k) ?? 1,
    }),
  normalize: ({ x }, { p, dim, eps: e }) =>
    ops.normalize(x!, { p: num(p ?? 2), dim: num(dim ?? 1), eps: eps(e, 1e-12) }),
  rms_norm: ({ x, weight }, { eps: e }) =>
    ops.rmsNorm(x!, weight?.shape ?? x!.shape.slice(-1), weight, { eps: eps(e, 1e-6) }),
  spectral_norm: ({ x, u, v, weight, bias }, attrs): Outputs => {
    const result = ops.spectralNorm(weight!, u!, v!, {
      iterations: flag(attrs['training']) ? num(attrs['n_power_iterations'] ?? 1) : 0,
      eps: eps(attrs['eps'], 1e-12),
    });
    const spatial = weight!.rank - 2;
    const convs = [ops.conv1d, ops.conv2d, ops.conv3d];
    const output =
      spatial === 0
        ? ops.linear(x!, result.weight, bias)
        : convs[spatial - 1]!(x!, result.weight, bias);
    return { output, normalised_weight: result.weight, u: result.u, v: result.v };
  },
  weight_norm: ({ v, g }, { dim }) =>
    ops.weightNorm(v!, g!, dim === null ? null : (maybeNum(dim) ?? 0)),
};
