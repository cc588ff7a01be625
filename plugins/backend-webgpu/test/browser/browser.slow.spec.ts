/**
 * The backend in headless Chromium, in the page and in a worker of it: on SwiftShader, so that no graphics
 * processor is needed, or with HEBB_GPU=hardware on the machine's own, and then the whole kit.
 */
import {
  bundleForBrowser,
  chromiumPath,
  gpuFromEnvironment,
  launchChromium,
  noChromium,
  serveSite,
} from '@hebb/conformance/browser';
import type { Site } from '@hebb/conformance/browser';
import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import type { Answers } from './work.ts';

// A software device compiles a shader for up to a second.
jest.setTimeout(600_000);

const gpu = gpuFromEnvironment();
const there = (await chromiumPath()) !== undefined;

(there ? describe : describe.skip)(`in Chromium${there ? '' : ` ${noChromium}`}`, () => {
  let site: Site;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    const here = (name: string) => bundleForBrowser(new URL(name, import.meta.url));
    const files = new Map([
      ['/', '<!doctype html><title>webgpu</title><script type="module" src="/page.js"></script>'],
      ['/page.js', await here('page.ts')],
      ['/worker.js', await here('worker.ts')],
    ]);
    site = await serveSite((path) => files.get(path));
    browser = await launchChromium(gpu);
    page = await open(browser);
    page.on('pageerror', (error) => complaints.push(error.message));
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  async function open(where: Browser): Promise<Page> {
    const opened = await where.newPage();
    await opened.goto(site.url);
    await opened.waitForFunction('globalThis.ask !== undefined');
    return opened;
  }

  function ask<K extends keyof Answers>(
    where: 'page' | 'worker',
    name: K,
    { only = '', from = page } = {},
  ): Promise<Answers[K]> {
    const given = [where, name, only].map((value) => JSON.stringify(value)).join(', ');
    return from.evaluate<Answers[K]>(`ask(${given})`);
  }

  /** A part that reaches each kind of shader: loops, products, routines, scans, random bits. */
  const parts = {
    page: [
      // Each shader takes time to compile, and this one has many.
      'contract: (?!compiles a chain)',
      'forward: (add|argmax|sort|gather|scatter|cumsum|matmul|conv)$',
      'gradient: (matmul|conv|layerNorm|scaledDotProductAttention)$',
      'scan: (recurrent cell|a loop in a loop)$',
      'training:',
    ],
    worker: ['contract: (gives|draws)', 'forward: (mul|matmul|sort)$', 'gradient: softmax$'],
  };

  it.each(['page', 'worker'] as const)('conforms in the %s', async (where) => {
    const only = gpu === 'hardware' ? '' : parts[where].join('|');
    const { passed, failed } = await ask(where, 'conformance', { only });
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(parts[where].length);
  });

  it.each(['page', 'worker'] as const)('trains in the %s as the oracle does', async (where) => {
    const { losses, wanted, accuracy, held } = await ask(where, 'training');
    expect(losses).toHaveLength(wanted.length);
    // Rounding grows from step to step.
    losses.slice(0, 30).forEach((loss, i) => expect(loss / wanted[i]!).toBeCloseTo(1, 3));
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 4);
    expect(accuracy).toBeGreaterThan(0.95);
    // A value or two may wait for the collector at either time; a leak would be one a step.
    expect(held[1] - held[0]).toBeLessThanOrEqual(2);
  });

  it('says that the device is lost, and another one goes on', async () => {
    const { error, after } = await ask('page', 'loss');
    expect(error).toMatch(/the device is lost.*checkpoint/);
    expect(after).toEqual([2, 4, 6]);
    expect(complaints).toEqual([]);
  });

  it('computes on the adapter that is asked for', async () => {
    const name = await ask('worker', 'adapter');
    if (gpu === 'software') expect(name).toBe('google swiftshader');
    else expect(name).not.toMatch(/swiftshader|Error/);
  });

  // On a machine with a graphics processor Chromium offers it without being asked.
  (gpu === 'software' ? it : it.skip)('says what is missing where there is none', async () => {
    const plain = await launchChromium();
    try {
      const said = await ask('page', 'adapter', { from: await open(plain) });
      expect(said).toMatch(/no WebGPU|there is no adapter|^google swiftshader$/);
    } finally {
      await plain.close();
    }
  });
});
