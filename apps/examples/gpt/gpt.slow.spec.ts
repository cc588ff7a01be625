import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { file } from '../char-rnn/data.ts';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
import { gpt } from './gpt.ts';

(hasData(file) ? it : it.skip)(
  'learns in a minute, agrees with ONNX Runtime, and compiled it writes the same',
  async () => {
    // Below the examples: the compiled folder finds @hebb/runtime from there.
    const root = fileURLToPath(new URL('../out/', import.meta.url));
    await mkdir(root, { recursive: true });
    const out = await mkdtemp(join(root, 'test-'));
    try {
      const result = await execute(
        gpt,
        parseOptions(['--quick'], gpt.options)!,
        () => undefined,
        out,
      );
      expect(result.failures).toEqual([]);
      expect(result.notes.find(([what]) => what === 'compiled')![1]).toContain('the same text');
      const wrong = parseOptions(['--prompt', '€'], gpt.options)!;
      await expect(execute(gpt, wrong, () => undefined, out)).rejects.toThrow('have no "€"');
    } finally {
      await rm(out, { recursive: true });
    }
  },
  240_000,
);
