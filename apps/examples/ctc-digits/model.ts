/** Convolutions over the spectrogram, a GRU in both directions, and at each step a digit or none. */
import { unsqueeze } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { BatchNorm2d, Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import { GRU } from '@hebb/layers-rnn';
import { Dropout, Linear, Module, ReLU, Sequential, ctcLoss, logSoftmax, relu } from '@hebb/nn';
import { Ear } from '../common/speech.ts';

/** Samples of an utterance: 3.584 seconds. */
export const length = 28672;
/** Most digits of an utterance. */
export const longest = 6;

const mels = 40;

export class Recognizer extends Module {
  readonly ear = new Ear({ mels, noise: 5, tilt: 3, timeMasks: 2, timeWidth: 8 });
  readonly convolutions = new Sequential(
    new Conv2d(1, 16, 3, { padding: 1, bias: false }),
    new BatchNorm2d(16),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(16, 32, 3, { padding: 1, bias: false }),
    new BatchNorm2d(32),
    new ReLU(),
    new MaxPool2d([2, 1]),
  );
  readonly narrow = new Linear(32 * (mels / 4), 96);
  readonly dropout = new Dropout(0.2);
  readonly rnn = new GRU(96, 96, { bidirectional: true, batchFirst: true });
  readonly head = new Linear(192, 11);

  /** Shape: audio [N, T] -> log-probabilities of blank and digits [N, ⌊(⌊T / 128⌋ + 1) / 2⌋, 11]. */
  forward(audio: Tensor): Tensor {
    const maps = this.convolutions.forward(unsqueeze(this.ear.forward(audio), 1));
    const [batch, channels, bands, steps] = maps.shape as [number, number, number, number];
    const rows = maps.permute([0, 3, 1, 2]).reshape([batch, steps, channels * bands]);
    const [y] = this.rnn.forward(this.dropout.forward(relu(this.narrow.forward(rows))));
    return logSoftmax(this.head.forward(this.dropout.forward(y)), 2);
  }
}

/** CTC over whole utterances. Shape: logProbs [N, T, 11], digits [N, 1 + longest] as `Sequences` gives -> []. */
export function sequenceLoss(logProbs: Tensor, digits: Tensor): Tensor {
  const [batch, steps] = logProbs.shape as [number, number, number];
  const counts = digits.narrow(1, 0, 1).reshape([batch]);
  const labels = digits.narrow(1, 1, longest);
  const lengths = new Array<number>(batch).fill(steps);
  return ctcLoss(logProbs.permute([1, 0, 2]), labels, lengths, counts, { zeroInfinity: true });
}
