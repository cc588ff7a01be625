/** Pages of a real browser and their workers: threads where a page is isolated, one thread where it is not. */
import {
  bundleForBrowser,
  chromiumPath,
  launchChromium,
  noChromium,
  serveSite,
} from '@hebb/conformance/browser';
import type { PageResult } from './fixtures/page.ts';

async function visit(isolated: boolean): Promise<PageResult[]> {
  const script = await bundleForBrowser(new URL('fixtures/page.ts', import.meta.url));
  const site = await serveSite(
    (path) => (path === '/page.js' ? script : '<script type="module" src="/page.js"></script>'),
    { isolated },
  );
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction('globalThis.run !== undefined');
    return [await page.evaluate('run()'), await page.evaluate('inWorker()')];
  } finally {
    await browser.close();
    await site.close();
  }
}

const there = (await chromiumPath()) !== undefined;
(there ? describe : describe.skip)(`in Chromium${there ? '' : ` ${noChromium}`}`, () => {
  it.each([true, false])('isolated: %s', async (isolated) => {
    for (const result of await visit(isolated)) {
      expect(result.isolated).toBe(isolated);
      expect(result.threads).toEqual(isolated ? [1, 2] : [1, 1]);
      expect(result.same).toBe(true);
      expect(Number.isFinite(result.sums[0])).toBe(true);
      const [one, two] = result.losses;
      expect(one!.at(-1)).toBeLessThan(one![0]! / 1e6);
      expect(two).toEqual(one);
    }
  });
});
