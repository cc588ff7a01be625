/** Toy, GAN, GPT and inspector by clicks, on both backends. */
import {
  chromiumPath,
  gpuFromEnvironment,
  launchChromium,
  noChromium,
} from '@hebb/conformance/browser';
import { encodeModel, makeGraph, makeModel, makeNode, makeValueInfo } from '@hebb/onnx';
import type { Browser, Page } from 'playwright-core';
import { buildSite, choose, eventually, expectForAll, has, number, press } from './site.ts';
import { shoot, standing, until, visit } from './site.ts';
import type { Built } from './site.ts';

const there = (await chromiumPath()) !== undefined;
const inBrowser = there ? describe : describe.skip;

const slide = async (page: Page, name: string, value: number): Promise<void> => {
  await page.getByRole('slider', { name }).fill(String(value));
};
const field = (page: Page, name: string) => page.getByRole('combobox', { name });
/** The picture on a canvas, to be compared with another. */
const picture = (page: Page, selector: string): Promise<string> =>
  page
    .locator(selector)
    .first()
    .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
const changed = (page: Page, selector: string, before: string): Promise<string> =>
  eventually(
    page,
    () => picture(page, selector),
    (now) => now !== before,
  );

const chain = (op: string): Uint8Array =>
  encodeModel(
    makeModel(
      makeGraph({
        name: 'chain',
        nodes: [makeNode(op, ['x'], ['h']), makeNode('Softmax', ['h'], ['y'])],
        inputs: [makeValueInfo('x', 'float32', ['n', 3])],
        outputs: [makeValueInfo('y', 'float32', ['n', 3])],
      }),
    ),
  );
const upload = (page: Page, name: string, bytes: Uint8Array): Promise<void> =>
  page
    .locator('input[type=file]')
    .setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) });

inBrowser(`the pages${there ? '' : ` ${noChromium}`}`, () => {
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

  describe.each(['WASM', 'WebGPU'] as const)('on %s', (backend) => {
    const begin = async (name: string, width = 1280) => {
      const visited = await visit(browser, built.isolated, name, {
        viewport: { width, height: 900 },
      });
      if (backend === 'WebGPU') await choose(visited.page, backend);
      return visited;
    };
    const gpu = backend === 'WebGPU';

    it('toy: learns, is edited while it does, takes own points', async () => {
      const { page, problems, close } = await begin('toy');
      await until(page, 'Batches', (n) => n === 0);
      const untrained = await picture(page, '.plane');
      await press(page, 'Step');
      await until(page, 'Batches', (n) => n === 10);
      const loss = await number(page, 'Training loss');
      await press(page, 'Play training');
      await until(page, 'Test accuracy', (share) => share >= 90);
      await press(page, 'Pause training');
      expect(await number(page, 'Training loss')).toBeLessThan(loss);
      await changed(page, '.plane', untrained);
      await shoot(page, `toy-${backend.toLowerCase()}`);
      await standing(page, () => number(page, 'Batches'));
      if (!gpu) {
        // The network starts over with what is added; its own pictures appear.
        await has(page, 'canvas.unit', 7);
        await press(page, 'Add layer');
        await press(page, 'Add a unit to layer 1');
        await page.getByRole('checkbox', { name: 'x²' }).check({ force: true });
        await until(page, 'Batches', (n) => n === 0);
        await has(page, 'canvas.unit', 11);
        await press(page, 'Remove layer');
        await has(page, 'canvas.unit', 8);
        await field(page, 'Activation').selectOption('relu');
        await field(page, 'Regularisation').selectOption('l2');
        await slide(page, 'Learning rate', -1);
        await slide(page, 'Batch size', 20);
        await field(page, 'Data set').selectOption('spiral');
        await press(page, 'Step');
        await until(page, 'Batches', (n) => n === 10);
        // Points of one's own, by pointer and by keys.
        await press(page, 'Clear');
        await page.locator('.plane').click({ position: { x: 60, y: 60 } });
        await field(page, 'A click adds').selectOption('0');
        await page.locator('.plane').focus();
        for (const key of ['ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
        await page.getByRole('status').getByText('A negative point: 2 in all.').waitFor();
        await press(page, 'Reset');
        await until(page, 'Batches', (n) => n === 0);
        await expectForAll(page);
      }
      expect(problems).toEqual([]);
      await close();
    });

    it('GAN: points come nearer, pictures are drawn, noise goes over into noise', async () => {
      const { page, problems, close } = await begin('gan');
      await until(page, 'Updates', (n) => n === 0);
      const before = await picture(page, '.drawn canvas');
      await press(page, 'Play the contest');
      await until(page, 'Updates', (n) => n >= (gpu ? 20 : 400));
      await press(page, 'Pause the contest');
      expect(await number(page, 'Generator’s loss')).toBeGreaterThan(0);
      await changed(page, '.drawn canvas', before);
      const here = await standing(page, () => picture(page, '.drawn canvas'));
      await slide(page, 'Place on the way', 20);
      await changed(page, '.drawn canvas', here);
      await shoot(page, `gan-cloud-${backend.toLowerCase()}`);
      if (!gpu) {
        await field(page, 'Batch size').selectOption('16');
        await field(page, 'To imitate').selectOption('faces');
        await until(page, 'Updates', (n) => n === 0);
        await field(page, 'Loss').selectOption('hinge');
        await press(page, 'Step');
        await until(page, 'Updates', (n) => n === 10);
        await press(page, 'Play the contest');
        await until(page, 'Updates', (n) => n >= 100);
        await press(page, 'Pause the contest');
        const strip = await picture(page, '.strip');
        await press(page, 'Other ends');
        await changed(page, '.strip', strip);
        await shoot(page, 'gan-faces');
        await expectForAll(page);
      }
      expect(problems).toEqual([]);
      await close();
    });

    it('GPT: types with the model that is there, and learns from a text', async () => {
      const { page, problems, close } = await begin('gpt');
      const sheet = page.getByRole('region', { name: 'Written text' });
      const length = async (): Promise<number> => (await sheet.textContent())!.length;
      const written = async (more: number): Promise<void> => {
        const before = await length();
        await eventually(page, length, (now) => now >= before + more);
      };
      await page.getByText('354,240 parameters').waitFor();
      await slide(page, 'Characters a second', 200);
      await press(page, 'Write');
      await written(gpu ? 10 : 300);
      await press(page, 'Stop');
      await page.getByText(/Block 1, head 1: the last character looks at/).waitFor();
      await standing(page, length);
      expect(await sheet.textContent()).toMatch(/^ROMEO:\n/);
      const likeliest = await page.locator('.bar-text').first().textContent();
      expect(Number.parseFloat(likeliest!)).toBeGreaterThan(3);
      await shoot(page, `gpt-${backend.toLowerCase()}`);
      if (!gpu) {
        await page.getByRole('button', { name: 'Block 2, head 3' }).click();
        await page.getByText(/Block 2, head 3: the last/).waitFor();
        await slide(page, 'Temperature', 0);
        await slide(page, 'Only the likeliest', 1);
        await page.getByLabel('It begins with').fill('naïve €');
        await press(page, 'Write');
        await page.locator('.alert p').getByText('has never seen “ï”, “€”').waitFor();
        await press(page, 'Close');
        await field(page, 'Model').selectOption('own');
        await page.getByLabel('It begins with').fill('one and');
        await page.getByText('59,904 parameters').waitFor();
        await press(page, 'Play learning');
        await until(page, 'Held out', (loss) => loss < 2);
        // Writes while it learns.
        await press(page, 'Write');
        await written(10);
        await press(page, 'Stop');
        await press(page, 'Pause learning');
        await shoot(page, 'gpt-learning');
        await page.getByLabel('Text to learn from').fill('too short');
        await page.getByLabel('Text to learn from').blur();
        await page.getByText('at least 98 are needed').waitFor();
        await press(page, 'Close');
        await expectForAll(page);
      }
      expect(problems).toEqual([]);
      await close();
    });

    it('inspector: opens, draws, runs and times models, and says what is none', async () => {
      const { page, problems, close } = await begin('inspect');
      const heading = (name: string) => page.getByRole('heading', { name, exact: true });
      if (!gpu) {
        await upload(page, 'holiday.png', new TextEncoder().encode('no model at all'));
        await page.getByText('holiday.png is no ONNX model').waitFor();
        await upload(page, 'strange.onnx', chain('Teleport'));
        await heading('strange.onnx').waitFor();
        await page.locator('.problem', { hasText: 'not run: Teleport' }).waitFor();
        await has(page, '.graph .box', 4);
        expect(await page.getByRole('button', { name: 'Run', exact: true }).isVisible()).toBe(
          false,
        );
        await press(page, 'Close');
      }
      await upload(page, 'good.onnx', chain('Relu'));
      await heading('good.onnx').waitFor();
      await has(page, '.graph .box', 4);
      await page.locator('.graph .box', { hasText: 'Softmax' }).click();
      expect(await page.locator('.detail').textContent()).toContain('→ y: float32[n,3]');
      await page.getByLabel('Size of axis 1 of x, n').fill('2');
      await field(page, 'Fill x with').selectOption('own');
      await page.getByLabel('Values of x').fill('[[0, 0, 0], [9, -1');
      await press(page, 'Run');
      await page.getByText('Input x wants 6 values, and 5 are given.').waitFor();
      await press(page, 'Close');
      await page.getByLabel('Values of x').fill('[[0, -3, 0], [200, 2, 3]]');
      await press(page, 'Run');
      const outputs = page.getByRole('region', { name: 'Table of outputs' });
      await outputs.getByText('0.33333 0.33333 0.33333 1 0 0').waitFor();
      await press(page, 'Time each operator');
      const times = page.getByRole('region', { name: 'Time by node' });
      await times.waitFor();
      expect(await times.locator('tbody tr').count()).toBe(2);
      await has(page, '.graph .timed', 2);
      if (!gpu) {
        await press(page, 'a digit reader');
        await heading('digits.onnx').waitFor();
        await press(page, 'Run');
        await page.getByText('float32[1,10]').waitFor();
        await press(page, 'Time each operator');
        await page.getByText(/nodes fused/).waitFor();
        await shoot(page, 'inspect');
        await expectForAll(page);
      } else await shoot(page, 'inspect-webgpu');
      expect(problems).toEqual([]);
      await close();
    });
  });
});
