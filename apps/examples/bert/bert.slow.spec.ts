import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { files } from '../sentiment/corpora.ts';
import { bert } from './bert.ts';

(hasData(...files) ? it : it.skip)(
  'foretells hidden words better than chance, and agrees elsewhere',
  () =>
    quickRun(bert, ['--no-worker'], ({ result, value }) => {
      expect(result.failures).toEqual([]);
      // Of 1,500 words: ln 1500 = 7.3.
      expect(value(/hidden words$/)).toBeLessThan(6.5);
    }),
);
