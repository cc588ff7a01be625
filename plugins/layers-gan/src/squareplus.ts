import { composite, type Tensor } from '@hebb/core';

/**
 * (x + √(x² + β)) / 2, a smooth ReLU without exponentials; β = 0 is ReLU itself.
 * Barron 2021, arXiv:2112.11687. Shape: any -> same.
 */
export const squareplus = composite('squareplus', {
  body: (x: Tensor, { beta = 4 }: { beta?: number } = {}) =>
    x.mul(x).add(beta).sqrt().add(x).mul(0.5),
  samples: [{ in: [[5]] }, { in: [[2, 3]], attrs: { beta: 1.5 } }, { in: [[2, 1, 4]] }],
});
