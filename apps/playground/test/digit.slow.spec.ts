/** The drawing page by clicks, keys and files, on both backends. */
import {
  chromiumPath,
  gpuFromEnvironment,
  launchChromium,
  noChromium,
} from '@hebb/conformance/browser';
import { digits, encodePng } from '@hebb/data';
import type { Browser, Page } from 'playwright-core';
import { accessibility, buildSite, choose, shoot, visit } from './site.ts';
import type { Built } from './site.ts';

const there = (await chromiumPath()) !== undefined;
const inBrowser = there ? describe : describe.skip;

/** What stands large beside the pad. */
const answer = (page: Page) => page.locator('.answer');

/** Waits until the network reads this digit; fails after the page's time limit. */
const reads = (page: Page, digit: number): Promise<void> =>
  answer(page).getByText(String(digit), { exact: true }).waitFor();

/** Moves the pressed mouse along points of the pad, from 0 to 1. */
async function stroke(page: Page, points: readonly (readonly [number, number])[]): Promise<void> {
  const { x, y, width, height } = (await page.locator('.pad canvas').boundingBox())!;
  const [first, ...rest] = points.map(([u, v]) => [x + u * width, y + v * height] as const);
  await page.mouse.move(...first!);
  await page.mouse.down();
  for (const point of rest) await page.mouse.move(...point, { steps: 6 });
  await page.mouse.up();
}

/** A picture of a digit as a photograph may be: any size, dark on light or light on dark, colours. */
function picture(digit: number, width: number, height: number, inverted: boolean): Buffer {
  const set = digits({ count: 40, seed: 5, size: 64 });
  const found = Array.from({ length: 40 }, (_, i) => set.get(i)).find(
    ({ label }) => Number(label.data[0]) === digit,
  )!;
  const data = new Uint8Array(width * height * 3);
  const side = Math.min(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const u = Math.floor(((x - (width - side) / 2) / side) * 64);
      const v = Math.floor(((y - (height - side) / 2) / side) * 64);
      const inside = u >= 0 && u < 64 && v >= 0 && v < 64;
      const ink = inside ? Number(found.image.data[v * 64 + u]) / 255 : 0;
      const shade = inverted ? 40 + 200 * ink : 235 - 200 * ink;
      data.set([shade, shade * 0.95, shade * 0.85], (y * width + x) * 3);
    }
  }
  return Buffer.from(encodePng({ data, width, height, channels: 3 }));
}

inBrowser(`drawing a digit${there ? '' : ` ${noChromium}`}`, () => {
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

  it.each(['WASM', 'WebGPU'] as const)('reads what is drawn, on %s', async (backend) => {
    const { page, problems, close } = await visit(browser, built.isolated, 'digit');
    await choose(page, backend);
    // An example at once; the first stroke takes its place.
    await reads(page, 3);
    await stroke(page, [
      [0.5, 0.2],
      [0.49, 0.5],
      [0.48, 0.8],
    ]);
    await reads(page, 1);
    await page.getByRole('button', { name: 'Clear' }).click();
    await readsNothing(page);
    await stroke(page, [
      [0.3, 0.25],
      [0.68, 0.25],
      [0.6, 0.45],
      [0.47, 0.8],
    ]);
    await reads(page, 7);
    const probabilities = await page
      .getByRole('list', { name: 'Probability of each digit' })
      .getByRole('listitem')
      .allTextContents();
    expect(probabilities).toHaveLength(10);
    const shares = probabilities.map((text) => Number(/ ([0-9.]+) %$/.exec(text)![1]));
    expect(shares.indexOf(Math.max(...shares))).toBe(7);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, -0.5);
    // What the readers of screens hear, once the hand rests.
    await page
      .getByRole('status')
      .getByText(/^The network reads a 7, \d+ % sure\.$/)
      .waitFor();
    const maps = await page.locator('.layers h3').allTextContents();
    expect(maps).toEqual([
      'Convolution 1 8 maps of 28 × 28',
      'Pooled 1 8 maps of 14 × 14',
      'Convolution 2 16 maps of 14 × 14',
      'Pooled 2 16 maps of 7 × 7',
    ]);
    expect(
      await page
        .getByRole('img', { name: /^Convolution 1: 8 features; the strongest are/ })
        .count(),
    ).toBe(1);
    expect(await colours(page)).toEqual([true, true, true, true]);
    expect(problems).toEqual([]);
    await close();
  });

  it('takes samples, an eraser and a pen of another width', async () => {
    const { page, problems, close } = await visit(browser, built.isolated, 'digit');
    for (const digit of [5, 8, 0]) {
      await page.getByRole('button', { name: `Sample of a ${digit}` }).click();
      await reads(page, digit);
    }
    const eraser = page.getByRole('button', { name: 'Eraser' });
    await eraser.click();
    expect(await eraser.getAttribute('aria-pressed')).toBe('true');
    const pen = page.getByRole('slider', { name: 'Pen' });
    await pen.fill('40');
    // All of it away, line by line.
    for (let v = 0.05; v < 1; v += 0.1)
      await stroke(page, [
        [0.02, v],
        [0.98, v],
      ]);
    await readsNothing(page);
    expect(problems).toEqual([]);
    await close();
  });

  it('can be drawn on by keyboard alone', async () => {
    const { page, problems, close } = await visit(browser, built.isolated, 'digit');
    await page.getByRole('application', { name: 'Drawing pad' }).focus();
    const keys = async (key: string, times: number): Promise<void> => {
      for (let i = 0; i < times; i++) await page.keyboard.press(key);
    };
    await keys('Space', 1);
    await page.getByRole('status').getByText('Pen down').waitFor();
    await keys('Shift+ArrowDown', 4);
    await keys('Space', 1);
    await reads(page, 1);
    await shoot(page, 'digit-keyboard', false);
    await keys('e', 1);
    expect(await page.getByRole('button', { name: 'Eraser' }).getAttribute('aria-pressed')).toBe(
      'true',
    );
    await keys('Delete', 1);
    await readsNothing(page);
    expect(problems).toEqual([]);
    await close();
  });

  it('reads pictures of any size, and says what is no picture', async () => {
    const { page, problems, close } = await visit(browser, built.isolated, 'digit');
    const input = page.locator('input[type=file]');
    for (const [digit, width, height, inverted] of [
      [2, 640, 400, false],
      [6, 90, 333, true],
      [4, 28, 28, true],
    ] as const) {
      await page.getByRole('button', { name: 'Clear' }).click();
      await readsNothing(page);
      await input.setInputFiles({
        name: 'digit.png',
        mimeType: 'image/png',
        buffer: picture(digit, width, height, inverted),
      });
      await reads(page, digit);
    }
    await input.setInputFiles({
      name: 'notes.png',
      mimeType: 'image/png',
      buffer: Buffer.from('no picture'),
    });
    const alert = page.getByRole('alert');
    await alert
      .getByText(
        'notes.png is no picture that this browser can read. Take a PNG, JPEG or WebP file.',
      )
      .waitFor();
    await alert.getByRole('button', { name: 'Close' }).click();
    expect(await alert.textContent()).toBe('');
    // It goes on.
    await page.getByRole('button', { name: 'Sample of a 9' }).click();
    await reads(page, 9);
    // Dropped where one likes.
    const dropped = picture(2, 50, 60, false).toString('base64');
    await page.evaluate(`(async () => {
      const bytes = Uint8Array.from(atob('${dropped}'), (c) => c.charCodeAt(0));
      const files = new DataTransfer();
      files.items.add(new File([bytes], 'two.png', { type: 'image/png' }));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true }));
    })()`);
    await reads(page, 2);
    expect(problems).toEqual([]);
    await close();
  });

  it.each(['light', 'dark'] as const)('is accessible, %s', async (colorScheme) => {
    const { page, close } = await visit(browser, built.isolated, 'digit', { colorScheme });
    await reads(page, 3);
    expect(await accessibility(page)).toEqual([]);
    await shoot(page, `digit-${colorScheme}`);
    await close();
  });
});

/** Nothing is drawn. */
async function readsNothing(page: Page): Promise<void> {
  await answer(page).getByText('?').waitFor();
}

/** Whether the pictures of each stage hold more than one colour. */
const colours = (page: Page): Promise<boolean[]> =>
  page.evaluate<boolean[]>(`[...document.querySelectorAll('.layers canvas')].map((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size > 10;
  })`);
