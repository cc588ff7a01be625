/** The whole report as one HTML text that needs nothing else. */
import { fail } from '@hebb/core';
import type { ModelSummary } from '@hebb/nn';
import type { LoggedImage } from '../callbacks/logger.ts';
import { Monitor } from '../callbacks/monitor.ts';
import { errorOf } from '../metrics/calibration.ts';
import type { ReliabilityBin } from '../metrics/calibration.ts';
import type { ConfusionMatrix } from '../metrics/confusion.ts';
import type { PrecisionRecallCurve, RocCurve } from '../metrics/ranking.ts';
import type { EpochRecord } from '../progress/progress.ts';
import { formatNumber, formatSeconds } from '../progress/progress.ts';
import type { LearningRateCurve } from '../trainer/probes.ts';
import {
  epochCharts,
  learningRateChart,
  precisionRecallChart,
  reliabilityChart,
  rocChart,
} from './charts.ts';
import type { Chart } from './charts.ts';
import { client } from './client.ts';
import { Html, html, scriptJson } from './html.ts';
import {
  confusionSection,
  epochTable,
  modelSection,
  pictureSection,
  reliabilityTable,
  sampleSection,
  table,
} from './sections.ts';
import { style } from './style.ts';

/** A sample as the model saw it, what it said and what was right. */
export interface ReportSample {
  readonly image?: LoggedImage;
  readonly text?: string;
  /** Left out where nobody knows. */
  readonly wanted?: string;
  readonly given: string;
  /** Probability of what was given, 0 to 1. */
  readonly confidence?: number;
}

/** A picture with a line below it, such as a grid of samples. */
export interface ReportPicture {
  readonly image: LoggedImage;
  readonly caption: string;
}

export interface ReportContent {
  /** Default `Training report`. */
  readonly title?: string;
  /** A sentence or two under the title. */
  readonly description?: string;
  /** What `fit` returned, or the records of its epochs. */
  readonly history?: { readonly epochs: readonly EpochRecord[] } | readonly EpochRecord[];
  /** Numbers on data the model has not seen, such as `trainer.evaluate(test)`. */
  readonly evaluation?: {
    readonly loss?: number;
    readonly metrics: Readonly<Record<string, number>>;
    readonly samples?: number;
  };
  readonly confusion?: ConfusionMatrix;
  readonly samples?: readonly ReportSample[];
  /** Whole pictures, such as the `grids` of a `GanTrainer`, in their order. */
  readonly pictures?: readonly ReportPicture[];
  /** `summary(model, shape)` of `@hebb/nn`, or any text. */
  readonly summary?: ModelSummary | string;
  readonly roc?: RocCurve;
  readonly precisionRecall?: PrecisionRecallCurve;
  readonly reliability?: readonly ReliabilityBin[];
  readonly learningRate?: LearningRateCurve;
  /** Settings of the run. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** What is put into the page beside the content. */
export interface ReportParts {
  /** uPlot's script and style. */
  readonly plotScript: string;
  readonly plotStyle: string;
  readonly png: (image: LoggedImage) => Uint8Array;
  readonly now: Date;
}

export function renderReport(content: ReportContent, parts: ReportParts): string {
  const { title = 'Training report', description, samples = [] } = content;
  const records =
    'epochs' in (content.history ?? [])
      ? (content.history as { epochs: readonly EpochRecord[] }).epochs
      : ((content.history ?? []) as readonly EpochRecord[]);
  const charts: Chart[] = [];
  const figures = (added: readonly Chart[]): Html =>
    html`<div class="charts">${added.map((chart) => figure(chart, charts.push(chart) - 1))}</div>`;
  const curves = [
    ...(content.roc ? [rocChart(content.roc)] : []),
    ...(content.precisionRecall ? [precisionRecallChart(content.precisionRecall)] : []),
    ...(content.reliability
      ? [reliabilityChart(content.reliability, errorOf(content.reliability))]
      : []),
  ];
  const sections: Html[] = [];
  const section = (heading: string, body: Html): void =>
    void sections.push(
      html`<section>
        <h2>${heading}</h2>
        ${body}
      </section>`,
    );

  if (records.length > 0) {
    section(
      'Training',
      html`${figures(epochCharts(records))}
        <details>
          <summary>All numbers as a table</summary>
          ${epochTable(records)}
        </details>`,
    );
  }
  if (content.confusion) section('Classes', confusionSection(content.confusion));
  if (curves.length > 0) {
    section(
      'Scores and probabilities',
      html`${figures(curves)}
      ${
        content.reliability &&
        html`<details>
          <summary>Reliability as a table</summary>
          ${reliabilityTable(content.reliability)}
        </details>`
      }`,
    );
  }
  if (samples.length > 0) {
    section(
      'Samples',
      sampleSection(
        samples.map((sample) => ({
          ...sample,
          ...(sample.image && { source: dataUrl(parts.png(checked(sample.image))) }),
        })),
      ),
    );
  }
  if (content.pictures !== undefined && content.pictures.length > 0) {
    section(
      'Pictures',
      pictureSection(
        content.pictures.map(({ image, caption }) => ({
          image,
          caption,
          source: dataUrl(parts.png(checked(image))),
        })),
      ),
    );
  }
  if (content.learningRate)
    section('Learning rate', figures([learningRateChart(content.learningRate)]));
  if (content.summary !== undefined) section('Model', modelSection(content.summary));
  if (content.settings !== undefined) {
    section(
      'Settings',
      table(
        'Settings of the run',
        ['setting', 'value'],
        Object.entries(content.settings).map(([name, value]) => [name, String(value)]),
        'left',
      ),
    );
  }

  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
        />
        <title>${title}</title>
        <style>
          ${new Html(parts.plotStyle)}${new Html(style)}
        </style>
      </head>
      <body>
        <header>
          <h1>${title}</h1>
          ${description !== undefined && html`<p>${description}</p>`}
          <p class="quiet">
            Made on <time datetime="${parts.now.toISOString()}">${parts.now.toUTCString()}</time>
          </p>
          ${facts(content, records)}
        </header>
        <main>${sections}</main>
        <footer>Made with Hebb. Everything is in this file; charts by uPlot (MIT).</footer>
        <script type="application/json" id="charts">
          ${scriptJson(charts)}
        </script>
        <script>
          ${new Html(parts.plotScript.replaceAll('</script', '<\\/script'))};
        </script>
        <script>
          ${new Html(client)};
        </script>
      </body>
    </html> `;
  return page.text;
}

function figure(chart: Chart, index: number): Html {
  return html`<figure>
    <h3>${chart.title}</h3>
    <div
      class="plot"
      data-chart="${index}"
      role="img"
      aria-label="${chart.title}. ${chart.words}"
    ></div>
    <figcaption>${chart.words}</figcaption>
  </figure>`;
}

/** The numbers that one looks for first. */
function facts(content: ReportContent, records: readonly EpochRecord[]): Html {
  const found: { name: string; value: string; note?: string }[] = [];
  const { evaluation, summary } = content;
  const share = (name: string, value: number): string =>
    /accuracy$|^f1|precision$|recall$/i.test(name) && Number.isFinite(value)
      ? `${(100 * value).toFixed(1)} %`
      : formatNumber(value);
  if (evaluation !== undefined) {
    const note = `on ${evaluation.samples === undefined ? 'new' : evaluation.samples} samples`;
    for (const [name, value] of Object.entries(evaluation.metrics)) {
      found.push({ name, value: share(name, value), note });
    }
    if (evaluation.loss !== undefined) {
      found.push({ name: 'loss', value: formatNumber(evaluation.loss), note });
    }
  } else if (records.length > 0) {
    const validated = records.filter(({ validation }) => validation !== undefined);
    const given = validated.length > 0 ? validated : records;
    for (const name of ['loss', ...Object.keys((given[0]!.validation ?? given[0]!).metrics)]) {
      const monitor = new Monitor('report', { monitor: name });
      const best = given.reduce((a, b) =>
        monitor.better(monitor.valueOf(b), monitor.valueOf(a)) ? b : a,
      );
      found.push({
        name: `best ${validated.length > 0 ? 'validation ' : ''}${name}`,
        value: share(name, monitor.valueOf(best)),
        note: `in epoch ${best.epoch} of ${records.length}`,
      });
    }
  }
  if (records.length > 0) {
    const seconds = records.reduce((sum, record) => sum + record.seconds, 0);
    const samples = records.reduce((sum, record) => sum + record.samples, 0);
    found.push({
      name: 'training time',
      value: formatSeconds(seconds),
      note: `${records.length} epochs, ${formatNumber(samples / seconds)} samples/s`,
    });
  }
  if (typeof summary === 'object') {
    found.push({ name: 'parameters', value: summary.parameters.toLocaleString('en-US') });
  }
  return html`${
    found.length > 0 &&
    html`<dl class="facts">
      ${found.map(
        ({ name, value, note }) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}${note !== undefined && html`<small>${note}</small>`}</dd>
          </div>`,
      )}
    </dl>`
  }`;
}

function checked(image: LoggedImage): LoggedImage {
  const { width, height, channels, data } = image;
  if (data.length !== width * height * channels) {
    fail(
      'writeReport',
      'the pixels do not fill the image of a sample',
      `${data.length} bytes`,
      `${width} x ${height} x ${channels}`,
    );
  }
  return image;
}

/** In pieces: a call takes only so many arguments. */
function dataUrl(png: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < png.length; at += 8192) {
    binary += String.fromCharCode(...png.subarray(at, at + 8192));
  }
  return `data:image/png;base64,${btoa(binary)}`;
}
