/** What tells a discriminator that samples are all alike. */
import { concat, expand } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module } from '@hebb/nn';

/**
 * Adds a map that holds the deviation of the features over the batch, averaged over all of them: a batch without
 * variety is told at once. Karras et al. 2018, arXiv:1710.10196, section 3.
 * Shape: [N, C, H, W] -> [N, C + 1, H, W].
 */
export class MinibatchStd extends Module {
  forward(x: Tensor): Tensor {
    const [n, , h, w] = x.shape as [number, number, number, number];
    const centered = x.sub(x.mean(0, true));
    const deviation = centered.mul(centered).mean(0).add(1e-8).sqrt().mean();
    return concat([x, expand(deviation.reshape([1, 1, 1, 1]), [n, 1, h, w])], 1);
  }
}
