import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
import { spokenDigits } from './spoken-digits.ts';

(hasData('datasets/fsdd') ? it : it.skip)(
  'hears most digits of a stranger after a short training, and so does the exported model',
  async () => {
    const out = await mkdtemp(join(tmpdir(), 'hebb-spoken-digits-'));
    try {
      const options = parseOptions(['--quick', '--no-worker'], spokenDigits.options)!;
      const { failures, measures, notes } = await execute(
        spokenDigits,
        options,
        () => undefined,
        out,
      );
      expect(failures).toEqual([]);
      expect(measures.map(({ atLeast }) => atLeast)).toEqual([60, 75]);
      expect(notes.find(([what]) => what.startsWith('onnxruntime'))![1]).toMatch(/^agrees/);
    } finally {
      await rm(out, { recursive: true });
    }
  },
);
