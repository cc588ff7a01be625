/** Pages of a real browser: threads where a page is isolated, one thread where it is not. */
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import type { PageResult } from './fixtures/page.ts';

const browser = [
  process.env['HEBB_CHROMIUM'],
  ...['chromium', 'chromium-browser', 'google-chrome'].map((name) => `/usr/bin/${name}`),
].find((path) => path !== undefined && existsSync(path));

async function visit(isolated: boolean): Promise<PageResult> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('fixtures/page.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    conditions: ['@hebb/source'],
  });
  const script = outputFiles[0]!.text;
  const server = createServer((request, response) => {
    if (isolated) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const instance = await chromium.launch({ executablePath: browser!, args: ['--no-sandbox'] });
  try {
    const page = await instance.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await page.waitForFunction('globalThis.run !== undefined');
    return await page.evaluate('run()');
  } finally {
    await instance.close();
    server.close();
  }
}

// The browser is no dependency: HEBB_CHROMIUM names one where it is in no usual place.
(browser === undefined ? describe.skip : describe)('in Chromium', () => {
  it.each([true, false])(
    'isolated: %s',
    async (isolated) => {
      const result = await visit(isolated);
      expect(result.isolated).toBe(isolated);
      expect(result.threads).toEqual(isolated ? [1, 2] : [1, 1]);
      expect(result.same).toBe(true);
      expect(Number.isFinite(result.sums[0])).toBe(true);
    },
    60_000,
  );
});
