/** Which adapter the contenders in pages get. */
import { existsSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  bundleForBrowser,
  chromiumPath,
  launchChromium,
  serveSite,
} from '@hebb/conformance/browser';
import type { PageGpu } from '@hebb/conformance/browser';
import { sources } from '../shipped/programs.ts';
import type { AdapterInfo, Peak } from './pages/adapter.ts';

export type { AdapterInfo, Peak } from './pages/adapter.ts';

export interface FoundAdapter {
  readonly info: AdapterInfo;
  /** What it does in multiplications and additions alone. */
  readonly peak: Peak;
  readonly browser: string;
  /** For the environment of contenders: in pages, and in Node. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * The machine's own adapter, or the software one where there is none; HEBB_GPU chooses.
 * @throws Error where Chromium is missing or offers no WebGPU.
 */
export async function findAdapter(): Promise<FoundAdapter> {
  const wanted = process.env['HEBB_GPU'];
  const ways: readonly PageGpu[] =
    wanted === 'software' || wanted === 'hardware' ? [wanted] : ['hardware', 'software'];
  for (const gpu of ways) {
    const found = await look(gpu, ways.length > 1);
    if (found === undefined) continue;
    const variables = { HEBB_GPU: gpu, ...(gpu === 'software' && (await softwareDriver())) };
    return { ...found, variables };
  }
  throw new Error('Chromium finds no adapter; HEBB_GPU=software takes one on the processor');
}

async function look(
  gpu: PageGpu,
  realOnly: boolean,
): Promise<Omit<FoundAdapter, 'variables'> | undefined> {
  const script = await bundleForBrowser(join(sources, 'browser/pages/adapter.ts'));
  const site = await serveSite(
    (path) => (path === '/page.js' ? script : '<script type="module" src="/page.js"></script>'),
    { isolated: true },
  );
  const browser = await launchChromium(gpu);
  try {
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction('globalThis.adapter !== undefined');
    const info = await page.evaluate<AdapterInfo | undefined>('adapter.describe()');
    if (info === undefined || (gpu === 'hardware' && realOnly && info.software)) return undefined;
    const peak = await page.evaluate<Peak>('adapter.peak()');
    return { info, peak, browser: `Chromium ${browser.version()}` };
  } finally {
    await browser.close();
    await site.close();
  }
}

/** Variables that make Dawn in Node take the SwiftShader that lies beside Chromium. */
async function softwareDriver(): Promise<Record<string, string>> {
  const chromium = await chromiumPath();
  const folders = [
    ...(chromium === undefined ? [] : [dirname(realpathSync(chromium))]),
    // The system's start Chromium by a script that lies elsewhere.
    '/usr/lib/chromium',
    tmpdir(),
  ];
  const folder = folders.find((each) => existsSync(join(each, 'vk_swiftshader_icd.json')));
  if (folder === undefined) return {};
  const driver = join(folder, 'vk_swiftshader_icd.json');
  const { LD_LIBRARY_PATH } = process.env;
  return {
    VK_ICD_FILENAMES: driver,
    VK_DRIVER_FILES: driver,
    LD_LIBRARY_PATH: LD_LIBRARY_PATH ? `${folder}:${LD_LIBRARY_PATH}` : folder,
  };
}
