/** The parts of a report that are tables and pictures. */
import type { ModelSummary } from '@hebb/nn';
import type { ReliabilityBin } from '../metrics/calibration.ts';
import type { ConfusionMatrix } from '../metrics/confusion.ts';
import { classificationReport } from '../metrics/report.ts';
import type { EpochRecord } from '../progress/progress.ts';
import { formatNumber, formatSeconds } from '../progress/progress.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import type { ReportPicture, ReportSample } from './report.ts';

/** More classes than this are told by the pairs that are mixed up most. */
const mostClasses = 40;
const mostPairs = 30;

const number = (value: number | undefined): string =>
  value === undefined ? '' : formatNumber(value);
const percent = (share: number): string =>
  Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : '–';

/** A table that scrolls within itself; the first column heads the rows. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly (string | Html)[])[],
  className = '',
): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="${className}">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head.map((cell) => html`<th scope="col">${cell}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([first, ...cells]) =>
            html`<tr>
              <th scope="row">${first}</th>
              ${cells.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

export function epochTable(records: readonly EpochRecord[]): Html {
  const names = [
    ...new Set(
      records.flatMap(({ metrics, validation }) => [
        ...Object.keys(metrics),
        ...Object.keys(validation?.metrics ?? {}),
      ]),
    ),
  ];
  const hasValidation = records.some(({ validation }) => validation !== undefined);
  const both = (name: string): string[] => [name, ...(hasValidation ? [`validation ${name}`] : [])];
  return table(
    'Every epoch',
    ['epoch', ...both('loss'), ...names.flatMap(both), 'learning rate', 'samples/s', 'time'],
    records.map((record) => [
      String(record.epoch),
      number(record.loss),
      ...(hasValidation ? [number(record.validation?.loss)] : []),
      ...names.flatMap((name) => [
        number(record.metrics[name]),
        ...(hasValidation ? [number(record.validation?.metrics[name])] : []),
      ]),
      number(record.lr),
      number(record.samplesPerSecond),
      formatSeconds(record.seconds),
    ]),
  );
}

export function confusionSection(matrix: ConfusionMatrix): Html {
  if (matrix.total === 0) return html`<p>There are no samples.</p>`;
  const report = classificationReport(matrix);
  const scores = table(
    'Scores by class',
    ['class', 'precision', 'recall', 'F1', 'samples'],
    [
      ...report.classes.map((each) => [
        each.label,
        percent(each.precision),
        percent(each.recall),
        percent(each.f1),
        String(each.support),
      ]),
      ...(['macro', 'weighted'] as const).map((average) => [
        `${average} average`,
        percent(report[average].precision),
        percent(report[average].recall),
        percent(report[average].f1),
        String(report[average].support),
      ]),
    ],
  );
  const lead = html`<p>
    ${percent(report.accuracy)} of ${matrix.total} samples are right; balanced over classes
    ${percent(report.balancedAccuracy)}.
  </p>`;
  return matrix.labels.length <= mostClasses
    ? html`${lead}
        <div class="pair">${confusionTable(matrix)}${scores}</div>`
    : html`${lead}
        <div class="pair">${confusedPairs(matrix)}${scores}</div>`;
}

function confusionTable({ counts, labels }: ConfusionMatrix): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">
    <table class="confusion">
      <caption>
        Confusion matrix: rows are what was wanted, columns what was chosen; the darker, the larger
        the share of the row
      </caption>
      <thead>
        <tr>
          <td></td>
          ${labels.map((label) => html`<th scope="col">${label}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${counts.map((row, wanted) => {
          const total = row.reduce((sum, count) => sum + count, 0);
          return html`<tr>
            <th scope="row">${labels[wanted]}</th>
            ${row.map((count, chosen) => {
              const share = total === 0 ? 0 : count / total;
              const kind = [
                ...(wanted === chosen ? ['right'] : []),
                ...(share > 0.5 ? ['strong'] : []),
                ...(count === 0 ? ['none'] : []),
              ].join(' ');
              return html`<td
                class="${kind}"
                style="--share:${share.toFixed(3)}"
                title="${labels[wanted]} taken for ${labels[chosen]}: ${count} (${percent(share)})"
              >
                ${count}
              </td>`;
            })}
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

function confusedPairs({ counts, labels }: ConfusionMatrix): Html {
  const pairs = counts
    .flatMap((row, wanted) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      return row.map((count, chosen) => ({ wanted, chosen, count, share: count / total }));
    })
    .filter(({ wanted, chosen, count }) => wanted !== chosen && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, mostPairs);
  return table(
    `The ${pairs.length} most frequent mistakes`,
    ['wanted', 'chosen', 'samples', 'of the class'],
    pairs.map(({ wanted, chosen, count, share }) => [
      labels[wanted]!,
      labels[chosen]!,
      String(count),
      percent(share),
    ]),
  );
}

export function reliabilityTable(bins: readonly ReliabilityBin[]): Html {
  return table(
    'Bins of predicted probability',
    ['probability', 'mean', 'came true', 'samples'],
    bins.map(({ low, high, confidence, share, count }) => [
      `${low.toFixed(2)} to ${high.toFixed(2)}`,
      percent(confidence),
      percent(share),
      String(count),
    ]),
  );
}

export function sampleSection(
  samples: readonly (ReportSample & { readonly source?: string })[],
): Html {
  const wrong = samples.filter(({ wanted, given }) => wanted !== undefined && wanted !== given);
  return html`<p>
      ${samples.length} samples${wrong.length > 0 && `, ${wrong.length} of them wrong (marked)`}.
    </p>
    <ul class="samples">
      ${samples.map((sample) => {
        const { wanted, given, confidence, text, image, source } = sample;
        const bad = wanted !== undefined && wanted !== given;
        return html`<li class="${bad ? 'wrong' : ''}">
          ${
            source !== undefined &&
            html`<img
              src="${source}"
              alt="${text ?? `sample${wanted === undefined ? '' : ` of ${wanted}`}`}"
              class="${Math.max(image!.width, image!.height) < 96 ? 'small' : ''}"
              width="${image!.width}"
              height="${image!.height}"
            />`
          }
          ${text !== undefined && html`<p>${text}</p>`}
          <p>
            <strong>${bad ? '✗ ' : ''}${given}</strong>
            ${confidence !== undefined && html`<span class="quiet">${percent(confidence)}</span>`}
            ${bad && html`<br /><span class="quiet">wanted ${wanted}</span>`}
          </p>
        </li>`;
      })}
    </ul>`;
}

export function pictureSection(
  pictures: readonly (ReportPicture & { readonly source: string })[],
): Html {
  return html`<div class="pictures">
    ${pictures.map(
      ({ image, caption, source }) =>
        html`<figure>
          <img src="${source}" alt="${caption}" width="${image.width}" height="${image.height}" />
          <figcaption>${caption}</figcaption>
        </figure>`,
    )}
  </div>`;
}

export function modelSection(model: ModelSummary | string): Html {
  if (typeof model === 'string') {
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Model">
      <pre>${model}</pre>
    </div>`;
  }
  const count = (value: number): string => value.toLocaleString('en-US');
  const shapes = (list: readonly (readonly number[])[]): string =>
    list.map((shape) => shape.join(' × ') || 'scalar').join(', ');
  const trained =
    model.trainable === model.parameters ? '' : ` (${count(model.trainable)} of them trained)`;
  const size = megabytes(model.parameterBytes + model.bufferBytes);
  return html`<p>
      ${`${count(model.parameters)} parameters${trained}, ${size}; `}
      ${`${count(model.multiplyAdds)} multiply-adds for this input, `}
      ${`at most ${megabytes(model.peakBytes)} at once.`}
    </p>
    ${table(
      'Layers',
      ['layer', 'type', 'output', 'parameters', 'multiply-adds'],
      model.layers.map((layer) => [
        html`<span style="padding-left:${layer.depth}em">${layer.path || 'model'}</span>`,
        layer.type,
        shapes(layer.outputs),
        layer.parameters === 0 ? '–' : count(layer.parameters),
        layer.multiplyAdds === 0 ? '–' : count(layer.multiplyAdds),
      ]),
      'left',
    )}`;
}

function megabytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
