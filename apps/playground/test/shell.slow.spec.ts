/** What holds for every page: size, keyboard, phones, themes, isolation, faults of the graphics processor. */
import { spawn } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import {
  chromiumPath,
  gpuFromEnvironment,
  launchChromium,
  noChromium,
} from '@hebb/conformance/browser';
import type { Browser, Page, Worker } from 'playwright-core';
import { pages } from '../src/pages/index.ts';
import { accessibility, buildSite, choose, pageWidth, root, visit, viteScript } from './site.ts';
import type { Built } from './site.ts';

const there = (await chromiumPath()) !== undefined;
const inBrowser = there ? describe : describe.skip;
const names = pages.map(({ name }) => name);

/**
 * Chooses WebGPU and gives the worker that owns its tensors (others are threads). Not one of
 * `page.workers()`: the worker that was replaced stays there until the browser has ended it.
 */
async function chooseWebGpu(page: Page): Promise<Worker> {
  const started = page.waitForEvent('worker', (worker) =>
    /assets\/main-[^/]*\.js$/.test(worker.url()),
  );
  await choose(page, 'WebGPU');
  return started;
}

inBrowser(`every page${there ? '' : ` ${noChromium}`}`, () => {
  let browser: Browser;
  let built: Built;
  beforeAll(async () => {
    built = await buildSite();
    browser = await launchChromium(gpuFromEnvironment());
  });
  afterAll(async () => {
    await browser?.close();
    await built?.close();
  });

  it.each(names)(
    '%s loads less than 300 KB gzip without models, and nothing from elsewhere',
    async (name) => {
      const context = await browser.newContext();
      const page = await context.newPage();
      const sizes = new Map<string, Promise<number>>();
      page.on('response', (response) => {
        const url = response.url();
        if (!url.startsWith('http') || url.includes('/models/')) return;
        sizes.set(
          url,
          response.body().then((body) => gzipSync(body).length),
        );
      });
      await page.goto(`${built.isolated.url}/#/${name}`);
      await page.getByText(/^Computes on WebAssembly, \d+ threads?\.$/).waitFor();
      const total = (await Promise.all(sizes.values())).reduce((sum, size) => sum + size, 0);
      expect(total).toBeGreaterThan(50_000);
      expect(total).toBeLessThan(300_000);
      expect([...sizes.keys()].filter((url) => !url.startsWith(built.isolated.url))).toEqual([]);
      await context.close();
    },
  );

  it('is led by keyboard, and says where one is', async () => {
    const { page, problems, close } = await visit(browser, built.isolated, 'digit');
    await page.keyboard.press('Tab');
    const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent');
    expect(await focused()).toBe('To the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.getByRole('link', { name: 'Train' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Train a network' }).waitFor();
    expect(await focused()).toBe('Train a network');
    expect(await page.title()).toBe('Train a network · Hebb playground');
    const current = page.getByRole('navigation', { name: 'Pages' }).locator('[aria-current=page]');
    expect(await current.textContent()).toBe('Train');
    // The backend by arrow keys, as radio buttons go.
    await page.getByText(/^Computes on WebAssembly/).waitFor();
    await page.getByRole('radio', { name: 'WASM' }).focus();
    await page.goto(`${built.isolated.url}/#/nothing-of-that-name`);
    await page.getByRole('heading', { level: 1, name: 'Draw a digit' }).waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  it('has a theme of the system until one is chosen', async () => {
    const { page, close } = await visit(browser, built.isolated, 'digit', { colorScheme: 'dark' });
    const theme = (): Promise<string> => page.evaluate('document.documentElement.dataset.theme');
    expect(await theme()).toBe('dark');
    await page.getByRole('button', { name: 'Switch to light colours' }).click();
    expect(await theme()).toBe('light');
    await page.reload();
    await page.getByRole('button', { name: 'Switch to dark colours' }).waitFor();
    expect(await theme()).toBe('light');
    await close();
  });

  it.each([320, 390])('fits %s points without scrolling sideways', async (width) => {
    const visited = await visit(browser, built.isolated, names[0]!, {
      viewport: { width, height: 760 },
      colorScheme: 'dark',
      hasTouch: true,
      isMobile: true,
    });
    for (const name of names) {
      await visited.page.goto(`${built.isolated.url}/#/${name}`);
      await visited.page.getByText(/^Computes on /).waitFor();
      expect([name, await pageWidth(visited.page)]).toEqual([name, width]);
    }
    expect(visited.problems).toEqual([]);
    await visited.close();
  });

  it('goes on with one thread where the page is not isolated', async () => {
    const { page, problems, close } = await visit(browser, built.plain, 'digit');
    await page
      .getByText(
        'Computes on WebAssembly, 1 thread: this page is not cross-origin isolated, so threads cannot share memory.',
      )
      .waitFor();
    await page.getByRole('button', { name: 'Sample of a 4' }).click();
    await page.locator('.answer').getByText('4').waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  it('goes on without WebGPU where there is no adapter', async () => {
    const without = await launchChromium();
    const { page, close } = await visit(without, built.isolated, 'digit');
    await page.getByRole('radio', { name: 'WebGPU' }).check({ force: true });
    await page
      .getByRole('alert')
      .getByText(/^WebGPU is not to be had here/)
      .waitFor();
    await page.getByText(/^Computes on WebAssembly/).waitFor();
    expect(await page.getByRole('radio', { name: 'WASM' }).isChecked()).toBe(true);
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole('button', { name: 'Sample of a 2' }).click();
    await page.locator('.answer').getByText('2').waitFor();
    await close();
    await without.close();
  });

  it('outlives a lost device', async () => {
    const { page, close } = await visit(browser, built.isolated, 'digit');
    const worker = await chooseWebGpu(page);
    await page.getByRole('button', { name: 'Sample of a 7' }).click();
    await page.locator('.answer').getByText('7').waitFor();
    // The next command finds the device gone, as when a driver is reset.
    await worker.evaluate(`(() => {
      const { createCommandEncoder } = GPUDevice.prototype;
      GPUDevice.prototype.createCommandEncoder = function (...args) {
        this.destroy();
        return createCommandEncoder.apply(this, args);
      };
    })()`);
    await page.getByRole('button', { name: 'Sample of a 4' }).click();
    const alert = page.getByRole('alert');
    await alert.getByText('The graphics processor was lost. It has been started again.').waitFor();
    await page.locator('.answer').getByText('4').waitFor();
    expect(await page.getByText(/^Computes on WebGPU/).count()).toBe(1);
    await close();
  });

  it('names the kernel and the WGSL of a shader that does not compile', async () => {
    const { page, close } = await visit(browser, built.isolated, 'train');
    await page.getByLabel('Network', { exact: true }).selectOption('One layer, linear');
    await page.getByRole('img', { name: /: 10 of 28/ }).waitFor();
    const worker = await chooseWebGpu(page);
    await page
      .getByRole('status')
      .getByText(/^Random weights\.$/)
      .waitFor();
    await worker.evaluate(`(() => {
      const { createShaderModule } = GPUDevice.prototype;
      GPUDevice.prototype.createShaderModule = function (descriptor) {
        return createShaderModule.call(this, { ...descriptor, code: descriptor.code + ' nonsense' });
      };
    })()`);
    // Steps have kernels that have not been compiled yet.
    await page.getByRole('button', { name: 'Step', exact: true }).click();
    const alert = page.getByRole('alert');
    await alert.getByText(/the shader of .+ is refused/).waitFor();
    await alert.getByText('Details').click();
    expect(await alert.locator('pre').textContent()).toMatch(/line \d+[^]*fn main/);
    await alert.getByRole('button', { name: 'Close' }).click();
    await choose(page, 'WASM');
    await page
      .getByRole('status')
      .getByText(/^Random weights\.$/)
      .waitFor();
    await page.getByRole('button', { name: 'Step', exact: true }).click();
    await page
      .getByRole('status')
      .getByText(/^Step 1: loss/)
      .waitFor();
    await close();
  });

  it('opens from sources for development, isolated', async () => {
    const server = spawn(process.execPath, [viteScript, '--port', '0', '--host', '127.0.0.1'], {
      cwd: root,
    });
    try {
      const url = await new Promise<string>((resolve, reject) => {
        let text = '';
        server.stdout.on('data', (chunk) => {
          // Colours out.
          text += String(chunk).replace(/\u001b\[\d+m/g, '');
          const found = /http:\/\/127\.0\.0\.1:\d+/.exec(text);
          if (found) resolve(found[0]);
        });
        server.on('exit', () => reject(new Error(text)));
      });
      const page = await browser.newPage();
      await page.goto(url);
      await page.getByText(/^Computes on WebAssembly, \d+ threads?\.$/).waitFor();
      expect(await page.evaluate('crossOriginIsolated')).toBe(true);
      await page.close();
    } finally {
      server.kill();
    }
  });
});
