/** Convolutions over the spectrogram, a GRU in both directions over time, the mean of what it says. */
import { unsqueeze } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { BatchNorm2d, Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import { GRU } from '@hebb/layers-rnn';
import { Dropout, Linear, Module, ReLU, Sequential, softmax } from '@hebb/nn';
import { Ear } from '../common/speech.ts';

/** Samples of an utterance: 1.024 seconds. */
export const length = 8192;

const mels = 40;

export class Listener extends Module {
  readonly ear = new Ear({ mels, shift: 2000, noise: 8, tilt: 3 });
  readonly convolutions = new Sequential(
    ...(
      [
        [1, 24],
        [24, 48],
        [48, 64],
      ] as const
    ).flatMap(([from, to], k) => [
      new Conv2d(from, to, 3, { padding: 1, bias: false }),
      new BatchNorm2d(to),
      new ReLU(),
      new MaxPool2d(k === 2 ? [2, 1] : 2),
    ]),
  );
  readonly dropout = new Dropout(0.3);
  readonly rnn = new GRU(64 * (mels / 8), 64, { bidirectional: true, batchFirst: true });
  readonly head = new Linear(128, 10);

  /** Shape: audio [N, T] -> logits [N, 10]. */
  forward(audio: Tensor): Tensor {
    const maps = this.convolutions.forward(unsqueeze(this.ear.forward(audio), 1));
    const [batch, channels, bands, steps] = maps.shape as [number, number, number, number];
    const rows = maps.permute([0, 3, 1, 2]).reshape([batch, steps, channels * bands]);
    const [y] = this.rnn.forward(this.dropout.forward(rows));
    return this.head.forward(this.dropout.forward(y.mean(1)));
  }
}

/** The same with probabilities at the end: what is exported. */
export class Served extends Module {
  readonly listener: Listener;
  constructor(listener: Listener) {
    super();
    this.listener = listener;
  }
  forward(audio: Tensor): Tensor {
    return softmax(this.listener.forward(audio), 1);
  }
}
