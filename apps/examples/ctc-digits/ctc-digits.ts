/** Sequences of spoken digits in noise, learnt without knowing where a digit begins. */
import { tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { addNoise, ctcBeamDecode, ctcGreedyDecode, errorRate } from '@hebb/ops';
import { AdamW, OneCycleLR, RandomSampler, Trainer } from '@hebb/train';
import type { Example } from '../common/example.ts';
import { integer } from '../common/options.ts';
import { ship } from '../common/ship.ts';
import { parts, said } from './data.ts';
import { Recognizer, length, longest, sequenceLoss } from './model.ts';

/** Labels of CTC as digits. */
const digitsOf = (labels: readonly number[]): number[] => labels.map((label) => label - 1);

export const ctcDigits: Example = {
  name: 'ctc-digits',
  summary: 'Sequences of spoken digits in noise are written down, learnt by CTC without alignments',
  options: {
    beams: { type: 'string', default: '16', help: 'prefixes kept by the beam search (default 16)' },
  },
  async run(run) {
    const { quick, seed } = run.options;
    const beams = integer('beams', run.options.own['beams'], 1);
    const tests = quick ? 64 : 500;
    const { train, test } = await parts({
      speeds: quick ? [1] : [0.85, 0.92, 1, 1.08, 1.15],
      takes: 50,
      tests,
    });
    const epochs = quick ? 5 : 10;
    const count = quick ? 720 : 2400;
    // The first updates only learn to be silent, so that a short run needs many of them.
    const batchSize = quick ? 8 : 16;
    run.say(
      `1 to ${longest} digits of one speaker: ${epochs} times ${count} sequences of takes 5 to 49, ` +
        `${tests} of takes 0 to 4 to be judged by`,
    );
    const model = new Recognizer();
    const trainer = new Trainer({
      model,
      loss: sequenceLoss,
      optimizer: new AdamW({ lr: 4e-3, weightDecay: 0.02 }),
      schedule: new OneCycleLR({
        maxLr: 4e-3,
        totalSteps: (epochs * count) / batchSize,
        pctStart: 0.15,
      }),
      clipGradNorm: 2,
      ema: { decay: 0.98 },
      seed,
    });
    await trainer.fit(train, {
      epochs,
      batchSize,
      sampler: new RandomSampler(train.length, { count, replacement: true, seed }),
    });
    await trainer.ema!.apply();

    const all = test.batch(Int32Array.from({ length: tests }, (_, i) => i));
    const wanted = Array.from({ length: tests }, (_, i) =>
      said((all.digits.data as Int32Array).subarray(i * (1 + longest), (i + 1) * (1 + longest))),
    );
    const clean = tensor(all.audio.data, { shape: all.audio.shape });
    const rows: [string, string, string, string][] = [];
    const atMost = quick ? 35 : 10;
    for (const decibels of [undefined, 20, 10] as const) {
      const audio = decibels === undefined ? clean : addNoise(clean, decibels);
      const logProbs = await listen(trainer, audio);
      const greedy = (await ctcGreedyDecode(logProbs)).map(digitsOf);
      const beam = (await ctcBeamDecode(logProbs, { beams })).map(([best]) =>
        digitsOf(best?.labels ?? []),
      );
      const noise = decibels === undefined ? 'clean' : `noise at ${decibels} dB`;
      for (const [how, heard] of Object.entries({ greedy, beam })) {
        const value = 100 * errorRate(wanted, heard);
        const what = `digit error rate, ${noise}, ${how}`;
        run.measure({ what, value, unit: '%', digits: 1, atMost });
      }
      for (let i = 0; i < 3; i++) {
        rows.push([noise, wanted[i]!.join(' '), greedy[i]!.join(' '), beam[i]!.join(' ')]);
      }
    }
    run.table(['sound', 'said', 'heard, greedy', `heard, ${beams} beams`], rows);

    const cases = [[0], [1], [2], [3, 4]].map((indices) => {
      const { audio } = test.batch(indices);
      return { audio: tensor(audio.data, { shape: audio.shape }) };
    });
    await ship(run, {
      name: 'ctc-digits',
      model: model.eval(),
      input: { audio: ['batch', length] },
      output: ['log_probabilities'],
      cases,
      shapes: [{ batch: 1 }],
    });
  },
};

/** Log-probabilities of all sounds as the decoders take them. Shape: [N, T] -> [steps, N, 11]. */
async function listen(trainer: Trainer, audio: Tensor): Promise<Tensor> {
  const data = await audio.data();
  const [count, size] = audio.shape as [number, number];
  const logProbs = await trainer.predict(
    {
      length: count,
      get: (index) => ({
        audio: {
          data: data.subarray(index * size, (index + 1) * size) as Float32Array,
          shape: [size],
          dtype: 'float32',
        },
      }),
    },
    { batchSize: 32 },
  );
  return logProbs.permute([1, 0, 2]);
}
