/** The built playground behind a web server, pages of it in Chromium, and what every page must be. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serveSite } from '@hebb/conformance/browser';
import type { Site } from '@hebb/conformance/browser';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

export const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
export const viteScript = join(dirname(require.resolve('vite/package.json')), 'bin/vite.js');

export interface Built {
  readonly folder: string;
  /** Behind a server with the two headers of isolation, and one without. */
  readonly isolated: Site;
  readonly plain: Site;
  close(): Promise<void>;
}

/** Builds as `npm run build` does, into a folder of its own, and serves it. Three seconds. */
export async function buildSite(): Promise<Built> {
  const folder = await mkdtemp(join(tmpdir(), 'hebb-playground-'));
  const args = [viteScript, 'build', '--outDir', folder, '--emptyOutDir', '--logLevel', 'warn'];
  await promisify(execFile)(process.execPath, args, { cwd: root });
  const files = (path: string): Promise<Uint8Array> =>
    readFile(join(folder, path === '/' ? 'index.html' : path));
  // Nothing but the page's own scripts and WebAssembly: no eval, no other hosts.
  const headers = {
    'content-security-policy':
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; " +
      "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:",
  };
  const isolated = await serveSite(files, { isolated: true, headers });
  const plain = await serveSite(files, { headers });
  return {
    folder,
    isolated,
    plain,
    close: async () => {
      await isolated.close();
      await plain.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Visit {
  readonly page: Page;
  /** Messages of the console, exceptions, and requests to other hosts: there should be none. */
  readonly problems: string[];
  close(): Promise<void>;
}

/** Opens a page by its address behind `#/`, in a context of its own. */
export async function visit(
  browser: Browser,
  site: Site,
  name: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(site.url) && !/^(blob|data):/.test(url)) problems.push(url);
  });
  // Less than a test has, to say what it waited for.
  page.setDefaultTimeout(150_000);
  await page.goto(`${site.url}/#/${name}`);
  await page.getByText(/^Computes on /).waitFor();
  return { page, problems, close: () => context.close() };
}

/** Chooses a backend in the header and waits until it computes. */
export async function choose(page: Page, backend: 'WASM' | 'WebGPU'): Promise<void> {
  await page.getByRole('radio', { name: backend }).check({ force: true });
  const name = backend === 'WASM' ? 'WebAssembly' : 'WebGPU';
  await page.getByText(new RegExp(`^Computes on ${name}`)).waitFor();
}

/** A number of a readout; NaN while there is none. */
export async function number(page: Page, name: string): Promise<number> {
  const text = await page.locator('.readout', { hasText: name }).locator('dd').textContent();
  return Number(text!.replace(/[,%]/g, '').trim().replace('–', 'NaN'));
}

/** Asks again until the answer is wanted; ends with the test's time limit. */
export async function eventually<T>(
  page: Page,
  ask: () => Promise<T>,
  wanted: (value: T) => boolean,
): Promise<T> {
  for (;;) {
    const value = await ask();
    if (wanted(value)) return value;
    await page.waitForTimeout(50);
  }
}

/** Waits until a number of a readout is as wanted. */
export const until = (
  page: Page,
  name: string,
  wanted: (value: number) => boolean,
): Promise<number> => eventually(page, () => number(page, name), wanted);

/** Waits until what was told to stop stands still: the same for most of a second. */
export async function standing<T>(page: Page, ask: () => Promise<T>): Promise<T> {
  let value = await ask();
  for (let same = 0; same < 4;) {
    await page.waitForTimeout(200);
    const now = await ask();
    same = now === value ? same + 1 : 0;
    value = now;
  }
  return value;
}

/** Waits until there are so many elements of that kind. */
export const has = (page: Page, selector: string, count: number): Promise<number> =>
  eventually(
    page,
    () => page.locator(selector).count(),
    (found) => found === count,
  );

export const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click();

/** The page is accessible, and fits a phone's width. */
export async function expectForAll(page: Page): Promise<void> {
  expect(await accessibility(page)).toEqual([]);
  await page.setViewportSize({ width: 320, height: 700 });
  expect(await pageWidth(page)).toBeLessThanOrEqual(320);
}

/** Keeps a picture of the page in out/screenshots, as NAME.png. */
export async function shoot(page: Page, name: string, fullPage = true): Promise<void> {
  const folder = join(root, 'out/screenshots');
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
}

/** What axe-core finds against WCAG 2.2 A and AA, in words; nothing when all is well. */
export async function accessibility(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(require.resolve('axe-core/axe.min.js'), 'utf8'));
  return page.evaluate<string[]>(`(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await axe.run(document, { runOnly: tags });
    return violations.map(({ id, nodes }) => id + ': ' + nodes.map((n) => n.html + ' ' + n.failureSummary).join(' | '));
  })()`);
}

/** Width that the page wants; more than the window's means scrolling sideways. */
export const pageWidth = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth');
