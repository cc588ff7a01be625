/** Losses. */
import { cast } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { logSoftmax, nllLoss } from '@hebb/ops';
import type { Reduction } from '@hebb/ops';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';

/** No class has this number, so nothing is left out. */
const none = -(2 ** 31);

function negativeLogLikelihood(c: Call, logp: Tensor): Tensor {
  const reduction = c.attr.string('reduction', 'mean');
  if (reduction !== 'none' && reduction !== 'mean' && reduction !== 'sum') {
    c.invalid(`reduction is ${reduction}`);
  }
  const how: Reduction = reduction;
  const ignoreIndex = c.attr.int('ignore_index', none);
  const target = cast(c.tensor(1), 'int32');
  return nllLoss(logp, target, { weight: c.maybe(2) ?? null, reduction: how, ignoreIndex });
}

export const lossOperators: OperatorTable = {
  NegativeLogLikelihoodLoss: [since(1, (c) => negativeLogLikelihood(c, c.tensor(0)))],
  SoftmaxCrossEntropyLoss: [
    since(1, (c) => {
      const logp = logSoftmax(c.tensor(0), 1);
      return [negativeLogLikelihood(c, logp), logp];
    }),
  ],
};
