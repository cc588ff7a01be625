/** A model from elsewhere learns another task: a network that reads handwritten digits listens to spoken ones. */
import { tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Flatten, Linear, Sequential, Softmax, crossEntropy } from '@hebb/nn';
import { importOnnxFile } from '@hebb/onnx/node';
import { AdamW, Trainer } from '@hebb/train';
import { dataPath } from '../common/data.ts';
import type { Example } from '../common/example.ts';
import { ship } from '../common/ship.ts';
import { recordings } from '../common/speech.ts';
import { pictures, side } from './pictures.ts';

export const fineTune: Example = {
  name: 'fine-tune',
  summary:
    'A model that reads handwritten digits, from another framework, learns to hear spoken ones',
  async run(run) {
    const { quick, seed } = run.options;
    // The file is written for one picture at a time and ends in scores of handwriting: neither is kept.
    const trunk = await importOnnxFile<Tensor>(
      dataPath('models/mnist-12/model.onnx', 'https://github.com/onnx/models (mnist-12)'),
      {
        inputs: { Input3: ['batch', 1, side, side] },
        outputs: ['Pooling160_Output_0'],
      },
    );
    trunk.freeze();
    const model = new Sequential(trunk, new Flatten(), new Linear(16 * 4 * 4, 10));
    run.say(`trunk of ${trunk.producer}: ${[...trunk.namedParameters().keys()].join(', ')}`);

    const all = (await recordings()).filter(({ take }) => !quick || take < 15);
    // Takes 0 to 4 are the customary test part.
    const train = await pictures(all.filter(({ take }) => take >= 5));
    const test = await pictures(all.filter(({ take }) => take < 5));
    run.say(`${train.length} recordings to learn from, ${test.length} to be judged by`);

    const fit = async (lr: number, epochs: number): Promise<number> => {
      const trainer = new Trainer({
        model,
        loss: crossEntropy,
        optimizer: new AdamW({ lr }),
        metrics: ['accuracy'],
        seed,
      });
      await trainer.fit(train, { epochs, batchSize: 32 });
      const { metrics } = await trainer.evaluate(test);
      trainer.dispose();
      return 100 * metrics['accuracy']!;
    };
    const epochs = quick ? 8 : 12;
    run.measure({
      what: 'accuracy, new head alone',
      value: await fit(2e-3, epochs),
      unit: '%',
      digits: 1,
    });
    trunk.unfreeze();
    run.measure({
      what: 'accuracy, all layers trained on',
      value: await fit(1e-3, epochs),
      unit: '%',
      digits: 1,
      atLeast: quick ? 80 : 93,
    });

    const cases = [1, 3, 8].map((n) => {
      const { image } = test.batch(Int32Array.from({ length: n }, (_, i) => i));
      return { spectrogram: tensor(image.data, { shape: image.shape, dtype: image.dtype }) };
    });
    await ship(run, {
      name: 'spoken-digits',
      model: new Sequential(model, new Softmax(1)).eval(),
      input: { spectrogram: ['batch', 1, side, side] },
      output: ['probabilities'],
      cases,
      shapes: [{ batch: 1 }],
    });
  },
};
