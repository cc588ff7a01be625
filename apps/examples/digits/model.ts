/** The network of the demo: two convolutions with batch normalisation, 20,522 parameters. */
import { BatchNorm2d, Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import { Flatten, Linear, ReLU, Sequential, Softmax } from '@hebb/nn';

/** Shape: [N, 1, 28, 28] -> [N, 10], one logit a digit. */
export function digitNet() {
  return new Sequential(
    new Conv2d(1, 16, 3, { padding: 1 }),
    new BatchNorm2d(16),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(16, 32, 3, { padding: 1 }),
    new BatchNorm2d(32),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(32 * 7 * 7, 10),
  );
}

/** The same with probabilities at the end: what is exported and served. */
export function classifier(net: ReturnType<typeof digitNet>) {
  return new Sequential(net, new Softmax(1));
}
