/** A compiled training step in a page of a real browser: what it learns there, and what Node learns. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromiumPath, launchChromium, noChromium, serveSite } from '@hebb/conformance/browser';
import { build } from 'esbuild';
import { main } from '../src/index.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const source = fileURLToPath(new URL('fixtures/step.ts', import.meta.url));
const learn = `import { loadModel } from './step/index.js';
export async function learn() {
  const model = await loadModel();
  const x = Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1);
  const y = Float32Array.of(1, 3, 0, 2);
  const losses = [];
  for (let i = 0; i < 50; i++) losses.push(model.run({ x, y }).loss.data[0]);
  return { losses, predicted: Array.from(model.call('predict', { x }).y.data) };
}
`;
interface Learned {
  readonly losses: number[];
  readonly predicted: number[];
}

/** Compiles the step for a target and bundles the script with it. */
async function prepare(folder: string, target: 'browser' | 'node'): Promise<void> {
  await mkdir(folder, { recursive: true });
  const out = join(folder, 'step');
  const args = ['--step', 'step', '--target', target, '--shape', 'batch=4', '--out', out];
  let text = '';
  const keep = (more: string): void => void (text += more);
  const code = await main(['compile', source, ...args], { out: keep, err: keep });
  if (code !== 0) throw new Error(text);
  await writeFile(join(folder, 'learn.js'), learn);
  await build({
    entryPoints: [join(folder, 'learn.js')],
    bundle: true,
    format: 'esm',
    platform: target === 'node' ? 'node' : 'browser',
    conditions: ['@hebb/source'],
    alias: { '@hebb/runtime': join(root, 'packages/runtime/src/index.ts') },
    // Where the two files are, from the bundle's place.
    outfile: join(out, 'bundle.js'),
  });
}

const there = (await chromiumPath()) !== undefined;
(there ? it : it.skip)(
  `learns in Chromium as in Node${there ? '' : ` ${noChromium}`}`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hebb-page-'));
    await prepare(join(folder, 'browser'), 'browser');
    await prepare(join(folder, 'node'), 'node');

    await writeFile(join(folder, 'browser/step/index.html'), '<!doctype html><title>step</title>');
    const asked: string[] = [];
    const site = await serveSite(
      (path) => {
        asked.push(path);
        return readFile(join(folder, 'browser/step', path === '/' ? 'index.html' : path));
      },
      {
        // No evaluation, not even of strings: WebAssembly alone.
        headers: {
          'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
        },
      },
    );
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(site.url);
      const there = await page.evaluate<Learned, string>(async (address) => {
        const script = (await import(address)) as { learn(): Promise<Learned> };
        return script.learn();
      }, '/bundle.js');
      const bundle = JSON.stringify(join(folder, 'node/step/bundle.js'));
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--input-type=module',
        '-e',
        `import { learn } from ${bundle}; console.log(JSON.stringify(await learn()));`,
      ]);
      const here = JSON.parse(stdout) as Learned;
      expect(there.losses.at(-1)).toBeLessThan(0.01);
      there.losses.forEach((loss, i) =>
        expect(Math.abs(loss - here.losses[i]!)).toBeLessThan(1e-5),
      );
      there.predicted.forEach((y, i) =>
        expect(Math.abs(y - here.predicted[i]!)).toBeLessThan(1e-4),
      );
      expect(asked.filter((path) => path.endsWith('.wasm'))).toHaveLength(1);
    } finally {
      await browser.close();
      await site.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);
