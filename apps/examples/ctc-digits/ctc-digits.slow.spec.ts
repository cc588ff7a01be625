import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
import { ctcDigits } from './ctc-digits.ts';
import { parts, said } from './data.ts';
import { length } from './model.ts';

const present = hasData('datasets/fsdd');

(present ? it : it.skip)(
  'a short training writes down most digits of a sequence, and so does the exported model',
  async () => {
    const out = await mkdtemp(join(tmpdir(), 'hebb-ctc-digits-'));
    try {
      const options = parseOptions(['--quick', '--no-worker'], ctcDigits.options)!;
      const { failures, measures, notes } = await execute(ctcDigits, options, () => undefined, out);
      expect(failures).toEqual([]);
      expect(measures.map(({ atMost }) => atMost)).toEqual(new Array(6).fill(35));
      expect(notes.find(([what]) => what.startsWith('onnxruntime'))![1]).toMatch(/^agrees/);
    } finally {
      await rm(out, { recursive: true });
    }
  },
);

(present ? it : it.skip)('a number gives one sequence, which ends before its sound', async () => {
  const { test } = await parts({ speeds: [1], takes: 7, tests: 40 });
  const { audio: all } = test.batch(Int32Array.from({ length: test.length }, (_, i) => i));
  for (let i = 0; i < test.length; i++) {
    const { audio, digits } = test.get(i);
    expect(audio.data).toHaveLength(length);
    expect(audio.data).toEqual(all.data.subarray(i * length, (i + 1) * length));
    const list = said(digits.data as Int32Array);
    expect(list.length).toBeGreaterThan(0);
    expect(list.every((digit) => digit >= 0 && digit <= 9)).toBe(true);
  }
});
