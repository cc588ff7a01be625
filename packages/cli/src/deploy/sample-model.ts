/** A model for projects that have none yet: irises by logistic regression, right for 148 of Fisher's 150. */
import { cpu } from '@hebb/backend-cpu';
import { tensor, withBackend } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { softmax } from '@hebb/ops';
import { compileFunctions } from '../ahead/index.ts';
import type { Built } from '../ahead/index.ts';

export const sampleLabels = ['setosa', 'versicolor', 'virginica'];

// A row for length and width of sepals, length and width of petals, in centimetres.
const weight = [
  ...[0.489, 0.412, -0.901],
  ...[1.933, -0.336, -1.597],
  ...[-3.3, -0.264, 3.563],
  ...[-1.577, -1.497, 3.074],
];
const bias = [5.567, 4.494, -10.06];

/** Input `x` float32 [1, 4], output `probabilities` [1, 3]. */
export const compileSample = (name: string): Promise<Built> =>
  withBackend(cpu(), () => {
    const w = tensor(weight, { shape: [4, 3] });
    const b = tensor(bias);
    const run = (x: Tensor): Tensor => softmax(x.matmul(w).add(b), 1);
    return compileFunctions(
      { name, functions: { run: { run, input: { x: [1, 4] }, output: 'probabilities' } } },
      { simd: ['relaxed'] },
    );
  });
