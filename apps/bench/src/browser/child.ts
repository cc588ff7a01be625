/** A contender that lives in a page: this process starts the browser and passes on what the parent says. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  bundleForBrowser,
  gpuFromEnvironment,
  launchChromium,
  serveSite,
} from '@hebb/conformance/browser';
import type { Contender } from '../contenders.ts';
import { obey } from '../harness/serve.ts';
import { sources } from '../shipped/programs.ts';
import type { PageBench } from './pages/expose.ts';

/** Where onnxruntime-web's files are for its page. */
const libraryFolder = '/ort/';

export async function serveFromPage({ library }: Contender): Promise<never> {
  const script = await bundleForBrowser(join(sources, 'browser/pages', `${library}.ts`));
  let onnx: string | undefined;
  const files = (path: string): string | Promise<Uint8Array> | undefined => {
    if (path === '/') return '<!doctype html><script type="module" src="/page.js"></script>';
    if (path === '/page.js') return script;
    if (path === '/model.onnx' && onnx !== undefined) return readFile(onnx);
    if (path.startsWith(libraryFolder)) {
      const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
      return readFile(join(folder, path.slice(libraryFolder.length)));
    }
    return undefined;
  };
  // Clocks tick in microseconds in isolated pages, in tenths of a millisecond in others.
  const site = await serveSite(files, { isolated: true });
  const browser = await launchChromium(gpuFromEnvironment());
  const page = await browser.newPage();
  await page.goto(site.url);
  await page.waitForFunction('globalThis.bench !== undefined');
  type Answer<K extends keyof PageBench> = Awaited<ReturnType<PageBench[K]>>;
  const ask = async <K extends keyof PageBench>(
    name: K,
    ...args: Parameters<PageBench[K]>
  ): Promise<Answer<K>> => {
    const given = args.map((arg) => JSON.stringify(arg)).join(', ');
    try {
      return await page.evaluate<Answer<K>>(`bench.${name}(${given})`);
    } catch (error) {
      // Where it was thrown is no part of it.
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(
        text.replace(/^page\.evaluate: (?:Error: )?/, '').replace(/\n\s+at .*/gs, ''),
        {
          cause: error,
        },
      );
    }
  };
  return obey({
    load: ({ family, name, files: given, calls }) => {
      onnx = given.onnx;
      return ask('load', family, name, onnx === undefined ? {} : { onnx: '/model.onnx' }, calls);
    },
    measure: (milliseconds) => ask('measure', milliseconds),
    async finish() {
      await browser.close();
      await site.close();
      // Of several processes, shared with others of the browser.
      return 0;
    },
  });
}
