/** The training page by clicks, on both backends; what it exports is judged by ONNX Runtime. */
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import {
  chromiumPath,
  gpuFromEnvironment,
  launchChromium,
  noChromium,
} from '@hebb/conformance/browser';
import { digits, ndarray, writeIdx } from '@hebb/data';
import { onnxRuntime } from '@hebb/onnx/node';
import type { Browser, Page } from 'playwright-core';
import { drawnDigits } from '../src/digits/data.ts';
import { accessibility, buildSite, choose, eventually, number, press, shoot } from './site.ts';
import { standing, until, visit } from './site.ts';
import type { Built } from './site.ts';

const there = (await chromiumPath()) !== undefined;
const inBrowser = there ? describe : describe.skip;

/** What the page says of its test images: [what each is, what the network reads]. */
async function readings(page: Page): Promise<(readonly [number, number])[]> {
  const tiles = page.getByRole('group', { name: 'Test images' }).getByRole('button');
  const names = await tiles.evaluateAll((buttons) =>
    buttons.map((button) => button.getAttribute('aria-label') ?? ''),
  );
  return names.map((name) => {
    const [, is, read] = /^A (\d), read as (\d), \d+ % sure$/.exec(name)!;
    return [Number(is), Number(read)] as const;
  });
}

const ready = (page: Page): Promise<number> => until(page, 'Test accuracy', (a) => a >= 0);
const last = async (page: Page, chart: 'Loss' | 'Accuracy'): Promise<string> =>
  (await page
    .getByRole('img', { name: new RegExp(`^${chart}: training`) })
    .getAttribute('aria-label'))!;

inBrowser(`training in the page${there ? '' : ` ${noChromium}`}`, () => {
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

  it('learns, pauses, steps, follows the learning rate, exports, begins anew', async () => {
    const { page, problems, close } = await visit(browser, built.isolated, 'train');
    const before = await ready(page);
    expect(before).toBeLessThan(35);
    await press(page, 'Train');
    const loss = await until(page, 'Loss', (value) => value > 0);
    // Clear of the 90 % asked for below: what is learnt until the pause may cost a little.
    await until(page, 'Test accuracy', (value) => value > 93);
    // Pictures of a network that reads: of 24 test images nearly all.
    await eventually(
      page,
      () => readings(page),
      (all) => all.filter(([is, read]) => is === read).length > 19,
    );
    expect(await number(page, 'Images a second')).toBeGreaterThan(0);
    await press(page, 'Pause');
    await page.getByRole('status').getByText('Paused.').waitFor();
    const paused = await standing(page, () => number(page, 'Step'));
    expect(await number(page, 'Loss')).toBeLessThan(loss / 2);
    expect(await last(page, 'Loss')).toMatch(/^Loss: training [\d.]+, test [\d.]+ at step \d+$/);
    expect(await last(page, 'Accuracy')).toMatch(/^Accuracy: training [\d.]+ %, test 9\d\.\d %/);
    await shoot(page, 'train-light');

    await press(page, 'Step');
    await until(page, 'Step', (value) => value === paused + 1);
    // Without a rate nothing moves: the slider reaches the optimizer of the running network.
    const rate = page.getByRole('slider', { name: 'Learning rate' });
    await rate.fill('-5');
    expect(await rate.getAttribute('aria-valuetext')).toBe('0.00001');
    await page
      .getByRole('status')
      .getByText(`Step ${paused + 1}: loss`)
      .waitFor();
    const accuracy = await number(page, 'Test accuracy');
    await press(page, 'Step');
    await until(page, 'Step', (value) => value === paused + 2);
    expect(Math.abs((await number(page, 'Test accuracy')) - accuracy)).toBeLessThan(0.5);

    await page
      .getByRole('status')
      .getByText(`Step ${paused + 2}: loss`)
      .waitFor();
    const read = await readings(page);
    expect(read).toHaveLength(24);
    const sixth = page.getByRole('group', { name: 'Test images' }).getByRole('button').nth(5);
    await sixth.click();
    expect(await sixth.getAttribute('aria-pressed')).toBe('true');
    expect(await page.locator('.layers h3').allTextContents()).toContain(
      'Convolution 2 16 maps of 14 × 14',
    );

    const waiting = page.waitForEvent('download');
    await press(page, 'Export ONNX');
    const file = await waiting;
    expect(file.suggestedFilename()).toBe('digits.onnx');
    const exported = await readFile(await file.path());
    const count = 100;
    const unseen = digits({ count, seed: 77 }).batch(
      Int32Array.from({ length: count }, (_, i) => i),
    );
    const answers = await readByOnnxRuntime(
      exported,
      Float32Array.from(unseen.image.data as Uint8Array, (value) => value / 255),
    );
    const hits = answers.filter((answer, i) => answer === Number(unseen.label.data[i]));
    expect(hits.length / count).toBeGreaterThan(0.85);
    // What the page says under its test images is what the exported network says.
    const shown = drawnDigits(1).test.images.subarray(0, 24 * 784);
    expect(read.map(([, answer]) => answer)).toEqual(await readByOnnxRuntime(exported, shown));

    // The other page reads drawings with it.
    await press(page, 'Draw for it');
    await page.getByText(`Trained in this page, ${paused + 2} steps.`).waitFor();
    await page.getByRole('button', { name: 'Sample of a 6' }).click();
    await page.locator('.answer').getByText('6').waitFor();
    await page.goBack();
    await ready(page);
    await press(page, 'Reset');
    await page.getByRole('status').getByText('A fresh network with random weights.').waitFor();
    expect(await number(page, 'Step')).toBe(0);
    expect(await number(page, 'Test accuracy')).toBeLessThan(35);
    expect(problems).toEqual([]);
    await close();
  });

  it('has other networks, optimizers and batches', async () => {
    const { page, problems, close } = await visit(browser, built.isolated, 'train');
    await ready(page);
    for (const [network, weights, layers] of [
      ['One layer, linear', 'Weights of the first layer: 10 of 28 × 28', 0],
      ['Two dense layers', 'Weights of the first layer: 48 of 28 × 28', 1],
      ['Three convolutions', 'Weights of the first layer: 8 of 5 × 5', 5],
    ] as const) {
      await page.getByLabel('Network', { exact: true }).selectOption(network);
      await page.getByRole('img', { name: weights }).waitFor();
      expect(await page.locator('.layers h3').count()).toBe(layers);
    }
    await page.getByLabel('Network', { exact: true }).selectOption('Two dense layers');
    await page.getByRole('img', { name: /: 48 of 28/ }).waitFor();
    await page.getByLabel('Batch').selectOption('32 images');
    for (const name of ['SGD', 'SGD with momentum', 'Muon']) {
      await page.getByLabel('Optimizer').selectOption(name);
      await until(page, 'Step', (step) => step === 0);
      await press(page, 'Train');
      await until(page, 'Step', (step) => step > 5);
      await press(page, 'Pause');
    }
    expect(problems).toEqual([]);
    await close();
  });

  it('learns from MNIST files, and says when they are none', async () => {
    const { page, problems, close } = await visit(browser, built.isolated, 'train');
    await ready(page);
    const { image, label } = digits({ count: 140, seed: 8 }).batch(
      Int32Array.from({ length: 140 }, (_, i) => i),
    );
    const images = Buffer.from(gzipSync(writeIdx(ndarray(image.data, [140, 28, 28]))));
    const labels = Buffer.from(writeIdx(label));
    const mimeType = 'application/octet-stream';
    const input = page.locator('input[type=file]');
    await input.setInputFiles([
      { name: 'train-labels-idx1-ubyte', mimeType, buffer: labels },
      { name: 'train-images-idx3-ubyte.gz', mimeType, buffer: images },
    ]);
    await page.getByText('Learns from 120 images of your files.').waitFor();
    await input.setInputFiles([{ name: 'holiday.jpg', mimeType, buffer: Buffer.from('a beach') }]);
    await page
      .getByRole('alert')
      .getByText(/holiday\.jpg is not an IDX file/)
      .waitFor();
    await press(page, 'Step');
    await until(page, 'Step', (step) => step === 1);
    await press(page, 'Back to drawn digits');
    await page.getByText('Learns from 6000 drawn digits.').waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  it('learns on WebGPU, and goes on from there on WebAssembly', async () => {
    const { page, problems, close } = await visit(browser, built.isolated, 'train');
    // A graphics processor made of software is slow: the smallest network.
    await page.getByLabel('Network', { exact: true }).selectOption('One layer, linear');
    await page.getByRole('img', { name: /: 10 of 28/ }).waitFor();
    await choose(page, 'WebGPU');
    await page
      .getByRole('status')
      .getByText(/^Random weights\.$/)
      .waitFor();
    await press(page, 'Train');
    await until(page, 'Test accuracy', (accuracy) => accuracy > 60);
    await press(page, 'Pause');
    await page.getByRole('status').getByText('Paused.').waitFor();
    const step = await number(page, 'Step');
    expect(step).toBeGreaterThan(0);
    await choose(page, 'WASM');
    // From where it paused: the page has the state once it says so.
    await page.getByRole('status').getByText(`Goes on from step ${step}.`).waitFor();
    await press(page, 'Step');
    await until(page, 'Step', (value) => value === step + 1);
    expect(await number(page, 'Test accuracy')).toBeGreaterThan(40);
    expect(problems).toEqual([]);
    await close();
  });

  it('is accessible while it learns, dark', async () => {
    const { page, close } = await visit(browser, built.isolated, 'train', { colorScheme: 'dark' });
    await ready(page);
    await press(page, 'Train');
    await until(page, 'Test accuracy', (accuracy) => accuracy > 90);
    expect(await accessibility(page)).toEqual([]);
    await shoot(page, 'train-dark');
    await close();
  });
});

/** What ONNX Runtime reads in images of 784 pixels from 0 to 1 with the exported file. */
async function readByOnnxRuntime(bytes: Uint8Array, data: Float32Array): Promise<number[]> {
  const count = data.length / 784;
  const session = await (await onnxRuntime()).load(bytes);
  const input = { name: 'image', dtype: 'float32' as const, shape: [count, 1, 28, 28], data };
  const { probabilities } = await session.run({ image: input });
  await session.release();
  const values = Array.from(probabilities!.data as Float32Array);
  return Array.from({ length: count }, (_, i) => {
    const row = values.slice(10 * i, 10 * i + 10);
    expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
    return row.indexOf(Math.max(...row));
  });
}
