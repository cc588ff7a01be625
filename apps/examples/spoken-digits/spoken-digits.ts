/** Spoken digits, heard by a network that takes raw audio; one speaker is never heard in training. */
import { tensor } from '@hebb/core';
import { crossEntropy } from '@hebb/nn';
import type { Tensor } from '@hebb/core';
import { AdamW, OneCycleLR, RandomSampler, Trainer } from '@hebb/train';
import type { Example } from '../common/example.ts';
import { ship } from '../common/ship.ts';
import { parts } from './data.ts';
import type { Utterances } from './data.ts';
import { Listener, Served, length } from './model.ts';

const batchSize = 32;
const speeds = [0.8, 0.87, 0.94, 1, 1.06, 1.13, 1.2];

export const spokenDigits: Example = {
  name: 'spoken-digits',
  summary:
    'Convolutions and a GRU hear spoken digits in raw audio, also from a speaker never heard',
  options: {
    speaker: {
      type: 'string',
      default: 'theo',
      help: 'who is left out of training (default theo)',
    },
  },
  async run(run) {
    const { quick, seed } = run.options;
    const speaker = String(run.options.own['speaker']);
    const { train, recorded, known, unseen } = await parts(speaker, {
      speeds: quick ? [0.87, 1, 1.13] : speeds,
      takes: quick ? 20 : 50,
    });
    run.say(
      `${recorded} recordings at several speeds to learn from; ${known.length} of the same speakers ` +
        `and ${unseen.length} of ${speaker} to be judged by`,
    );
    const model = new Listener();
    const epochs = quick ? 8 : 24;
    const trainer = new Trainer({
      model,
      loss: (logits: Tensor, digit: Tensor) => crossEntropy(logits, digit, { labelSmoothing: 0.1 }),
      optimizer: new AdamW({ lr: 3e-3, weightDecay: 0.02 }),
      schedule: new OneCycleLR({
        maxLr: 3e-3,
        totalSteps: epochs * Math.floor(recorded / batchSize),
      }),
      metrics: ['accuracy'],
      clipGradNorm: 5,
      ema: { decay: 0.99 },
      seed,
    });
    await trainer.fit(train, {
      epochs,
      batchSize,
      // An epoch is as many utterances as there are recordings, each at one of the speeds.
      sampler: new RandomSampler(train.length, { count: recorded, seed }),
      dropLast: true,
    });
    const judge = async (data: Utterances): Promise<number> =>
      100 * (await trainer.evaluate(data)).metrics['accuracy']!;
    run.measure({
      what: `accuracy on ${speaker}, not heard in training`,
      value: await judge(unseen),
      unit: '%',
      digits: 1,
      atLeast: quick ? 60 : 85,
    });
    run.measure({
      what: 'accuracy on held-out takes of the other speakers',
      value: await judge(known),
      unit: '%',
      digits: 1,
      atLeast: quick ? 75 : 97,
    });
    run.say(`${speaker} (rows: what was said, columns: what was heard)`);
    run.say((await trainer.confusionMatrix(unseen)).toString());

    await trainer.ema!.apply();
    const cases = [[0], [1], [100], [unseen.length - 1], [2, 3, 4]].map((indices) => {
      const { audio } = unseen.batch(indices);
      return { audio: tensor(audio.data, { shape: audio.shape }) };
    });
    await ship(run, {
      name: 'spoken-digits',
      model: new Served(model).eval(),
      input: { audio: ['batch', length] },
      output: ['probabilities'],
      cases,
      shapes: [{ batch: 1 }],
    });
  },
};
