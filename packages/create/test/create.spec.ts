import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { create } from '../src/index.ts';

it('writes a project that is complete but for what npm installs', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'hebb-create-'));
  try {
    const folder = join(parent, 'my-endpoint');
    let text = '';
    const take = (chunk: string): void => void (text += chunk);
    expect(await create([folder], { out: take, err: take })).toBe(0);
    expect(text).toMatch(/npm install\nnpm run dev\n/);
    expect((await readdir(folder)).sort()).toEqual(
      [
        ...['.gitignore', '.hebb.json', 'README.md', 'model', 'package.json', 'smoke.json', 'src'],
        'wrangler.jsonc',
      ].sort(),
    );
    const read = (name: string) => readFile(join(folder, name), 'utf8');
    expect(JSON.parse(await read('package.json'))).toMatchObject({ name: 'my-endpoint' });
    expect(await read('src/worker.js')).toMatch(/labels: \['setosa', 'versicolor', 'virginica'\]/);
    // The answer that the smoke test expects is one of three probabilities.
    const { outputs } = JSON.parse(await read('smoke.json')) as {
      outputs: { probabilities: { data: number[] } };
    };
    expect(outputs.probabilities.data.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 5);
    const { plan } = (await import(pathToFileURL(join(folder, 'model/plan.js')).href)) as {
      plan: { name: string };
    };
    expect(plan.name).toBe('my-endpoint');
    // Again, over what is there: nothing is lost.
    expect(await create([folder], { out: take, err: take })).toBe(0);
    expect(text).toMatch(/worker\.js: unchanged/);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});
