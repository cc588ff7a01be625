import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, tensor } from '@hebb/core';
import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { files } from '../parallel-text/corpus.ts';
import { CaptionTransformer } from './model.ts';
import { transformerTranslation } from './transformer-translation.ts';

it('looks at no padding and not ahead', async () => {
  await init(cpu());
  manualSeed(0);
  const size = { sourceWords: 9, targetWords: 8, width: 8, heads: 2, layers: 1, dropout: 0.5 };
  const model = new CaptionTransformer({ ...size, longest: 6 }).eval();
  const rows = (values: number[][]) => tensor(values, { dtype: 'int32' });
  const lengths = tensor(Int32Array.of(2));
  const logits = (source: number[], inputs: number[]) =>
    model
      .forward(rows([source]), lengths, rows([inputs]))
      .narrow(1, 0, 2)
      .toArray();
  const want = await logits([3, 2, 0, 0], [1, 3, 4]);
  expect(await logits([3, 2, 7, 8], [1, 3, 6])).toEqual(want);
  expect(await logits([4, 2, 0, 0], [1, 3, 4])).not.toEqual(want);
});

(hasData(...files) ? it : it.skip)(
  'learns to translate a little in a minute, and agrees with ONNX Runtime',
  () =>
    quickRun(transformerTranslation, ['--no-worker'], ({ result }) => {
      expect(result.failures).toEqual([]);
    }),
);
