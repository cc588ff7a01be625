/** The report in a real browser, and its text. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { init, manualSeed } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { chromiumPath, launchChromium, noChromium } from '@hebb/conformance/browser';
import { digits } from '@hebb/data';
import { Flatten, Linear, ReLU, Sequential, summary } from '@hebb/nn';
import type { Browser, Page } from 'playwright-core';
import { ConfusionMatrix, reliabilityCurve, rocCurve } from '../src/index.ts';
import type { EpochRecord } from '../src/index.ts';
import { reportHtml, writeReport } from '../src/node.ts';
import type { ReportContent } from '../src/node.ts';

beforeAll(async () => {
  await init(cpu());
});
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hebb-report-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const records: EpochRecord[] = Array.from({ length: 8 }, (_, i) => ({
  epoch: i + 1,
  loss: 2 / (i + 1),
  metrics: { accuracy: 1 - 0.6 / (i + 1) },
  validation: {
    loss: 1.8 / (i + 1) + 0.02 * i,
    metrics: { accuracy: 0.95 - 0.5 / (i + 1), rocAuc: i === 0 ? NaN : 0.9 },
  },
  lr: 0.01 * 0.5 ** i,
  samples: 1000,
  seconds: 1.5,
  samplesPerSecond: 667,
}));
const hostile = '</script><img src=x onerror="document.title=1">&\'';

async function content(): Promise<ReportContent> {
  manualSeed(1);
  const model = new Sequential(new Flatten(), new Linear(784, 16), new ReLU(), new Linear(16, 3));
  const set = digits({ count: 6, seed: 4 });
  const labels = [0, 0, 1, 1, 1, 0];
  const scores = [0.1, 0.4, 0.35, 0.8, 0.9, 0.2];
  return {
    title: 'Digits',
    description: `Three classes, one of them called ${hostile}.`,
    history: records,
    confusion: new ConfusionMatrix(
      [
        [18, 2, 0],
        [1, 17, 2],
        [0, 9, 11],
      ],
      ['zero', 'one', hostile],
    ),
    samples: Array.from({ length: 6 }, (_, i) => {
      const { image, label } = set.get(i);
      const wanted = String(label.data[0]);
      return {
        image: {
          width: 28,
          height: 28,
          channels: 1 as const,
          data: Uint8Array.from(image.data as Uint8Array),
        },
        wanted,
        given: i === 2 ? 'another' : wanted,
        confidence: 0.9 - 0.1 * i,
      };
    }),
    summary: summary(model, [1, 1, 28, 28]),
    roc: rocCurve(labels, scores),
    reliability: reliabilityCurve(labels, scores, { bins: 5 }),
    learningRate: {
      rates: [1e-4, 1e-3, 1e-2, 1e-1],
      losses: [2, 1.9, 1, 3],
      smoothed: [2, 1.95, 1.5, 2],
      suggestion: 1e-2,
      diverged: true,
    },
    settings: { optimizer: 'AdamW', lr: 3e-3, shuffle: true },
  };
}

describe('a report', () => {
  it('holds everything in itself', async () => {
    const file = path.join(folder, 'runs', 'first.html');
    await writeReport(file, await content());
    expect(await readdir(path.dirname(file))).toEqual(['first.html']);
    const text = await readFile(file, 'utf8');
    expect((await stat(file)).size).toBeLessThan(250_000);
    expect(text.startsWith('<!doctype html>')).toBe(true);
    expect(text).toContain("default-src 'none'");
    expect(text).not.toMatch(/(src|href)="(?!data:)/);
    expect(text).toContain('&lt;/script&gt;&lt;img src=x onerror=');
    expect(text).not.toContain(hostile);
    expect(text).toContain('lowest 0.3650 in epoch 8');
    expect(text).toContain('uPlot');
  });

  it('leaves out what is not given, and says more of many classes in less', async () => {
    const text = await reportHtml({ title: 'Nothing yet' });
    expect(text).not.toContain('<section>');
    const classes = 60;
    const many = await reportHtml({
      confusion: new ConfusionMatrix(
        Array.from({ length: classes }, (_, i) =>
          Array.from({ length: classes }, (_, k) => (i === k ? 9 : i === 7 && k === 3 ? 5 : 0)),
        ),
      ),
    });
    expect(many).toContain('The 1 most frequent mistakes');
    expect(many).not.toContain('class="confusion"');
    expect(await reportHtml({ history: { epochs: records.slice(0, 1) } })).toContain('epoch 1');
    expect(await reportHtml({ confusion: new ConfusionMatrix([[0]]) })).toContain('no samples');
  });

  it('refuses pixels that do not fill an image, and leaves the file alone', async () => {
    const file = path.join(folder, 'bad.html');
    const image = { width: 2, height: 2, channels: 1, data: new Uint8Array(3) } as const;
    await expect(writeReport(file, { samples: [{ image, given: 'x' }] })).rejects.toThrow(
      'the pixels do not fill the image of a sample (got 3 bytes, wanted 2 x 2 x 1)',
    );
    expect(existsSync(file)).toBe(false);
  });
});

const there = (await chromiumPath()) !== undefined;
const inBrowser = there ? describe : describe.skip;

inBrowser(`a report in Chromium${there ? '' : ` ${noChromium}`}`, () => {
  let browser: Browser;
  const problems: string[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  async function open(colorScheme: 'light' | 'dark', width = 1280): Promise<Page> {
    const file = path.join(folder, 'report.html');
    await writeReport(file, await content());
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
    page.on('console', (message) => problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) problems.push(request.url());
    });
    await page.goto(pathToFileURL(file).href);
    await page.waitForFunction('document.documentElement.dataset.drawn');
    return page;
  }

  it('draws its curves without network or errors, light and dark', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      const page = await open(scheme);
      expect(problems).toEqual([]);
      expect(await page.title()).toBe('Digits');
      // Loss, accuracy, rocAuc, learning rate; ROC, reliability; the finder.
      expect(await page.locator('.plot canvas').count()).toBe(7);
      const inks = await page.evaluate<number[]>(coloursOfCanvases);
      for (const colours of inks) expect(colours).toBeGreaterThan(10);
      // The text is readable on its background: the contrast that WCAG asks of body text.
      expect(await page.evaluate(contrastOf('.quiet'))).toBeGreaterThan(4.5);
      expect(await page.evaluate(contrastOf('table.confusion td.strong'))).toBeGreaterThan(3);
      const shot = await page.screenshot({ fullPage: true });
      expect(shot.length).toBeGreaterThan(50_000);
      await page.close();
    }
  });

  it('has headings, named tables and words for its pictures', async () => {
    const page = await open('light');
    expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toEqual([
      'Training',
      'Classes',
      'Scores and probabilities',
      'Samples',
      'Learning rate',
      'Model',
      'Settings',
    ]);
    const loss = page.getByRole('img', { name: /^loss\. Training from 2\.000 to 0\.2500/ });
    expect(await loss.count()).toBe(1);
    const confusion = page.getByRole('table', { name: /Confusion matrix/ });
    expect(await confusion.getByRole('columnheader').count()).toBe(3);
    expect(await confusion.getByRole('cell', { name: '17' }).count()).toBe(1);
    await page.getByText('All numbers as a table').click();
    const epochs = page.getByRole('table', { name: 'Every epoch' });
    expect(await epochs.getByRole('row').count()).toBe(9);
    expect(await epochs.getByRole('row').nth(8).textContent()).toContain('0.3650');
    expect(await page.locator('.samples li.wrong').textContent()).toContain('✗ another');
    const images = await page.evaluate(
      '[...document.querySelectorAll(".samples img")].map((image) => image.naturalWidth)',
    );
    expect(images).toEqual([28, 28, 28, 28, 28, 28]);
    await page.close();
  });

  it('fits a phone', async () => {
    const page = await open('light', 390);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    await page.close();
  });
});

// What runs in the page is text: the types of browsers are not those of Node.
const coloursOfCanvases = `[...document.querySelectorAll('.plot canvas')].map((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 200) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  }
  return colours.size;
})`;

/** WCAG's contrast between an element's text and what lies behind it. */
const contrastOf = (selector: string): string => `(() => {
  const numbers = (colour) => {
    const values = colour.match(/[0-9.]+/g).map(Number);
    return colour.startsWith('color(') ? values.map((v, i) => (i < 3 ? 255 * v : v)) : values;
  };
  const luminance = (colour) => {
    const [r, g, b] = numbers(colour).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const element = document.querySelector(${JSON.stringify(selector)});
  let behind = element;
  while (behind && numbers(getComputedStyle(behind).backgroundColor)[3] === 0) {
    behind = behind.parentElement;
  }
  const ink = luminance(getComputedStyle(element).color);
  const paper = luminance(behind ? getComputedStyle(behind).backgroundColor : 'rgb(255, 255, 255)');
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
})()`;
