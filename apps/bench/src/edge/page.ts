/** The report of a load as one HTML page with charts, which needs nothing else. */
import { barX, dot, line, plot, ruleY } from '@observablehq/plot';
import type { PlotOptions } from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { describeMachine } from '../report/machine.ts';
import type { Saved } from '../report/saved.ts';
import type { Sheet } from '../report/summary.ts';
import type { EdgeLoad, EdgeResult } from './bench.ts';
import { edgeSheets } from './sheets.ts';

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;font-size:13px}td,th{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}figure{margin:1.5rem 0}figcaption{font-weight:600}
ul{color:#555;font-size:13px}.key{font-size:13px}.key span{margin-right:1rem}.key i{display:inline-block;width:.8em;height:.8em;margin-right:.3em}
svg{max-width:100%;height:auto}`;

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};
const escape = (text: string): string => text.replaceAll(/[&<>"]/g, (c) => escapes[c]!);

/** Distinct for eyes that see no red or green as well (Okabe and Ito's). */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

function chart(options: PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = plot({
    width: 900,
    height: 320,
    marginLeft: 60,
    ...options,
    document,
    figure: false,
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return svg.outerHTML;
}

/** A chart with its name, what it says in words, and the colours of its variants. */
function figure(title: string, words: string, variants: readonly string[], svg: string): string {
  const key = variants.map(
    (name, i) =>
      `<span><i style="background:${colours[i % colours.length]!}"></i>${escape(name)}</span>`,
  );
  return `<figure><figcaption>${escape(title)}</figcaption><p class="key">${key.join('')}</p>${svg}<p class="key">${escape(words)}</p></figure>`;
}

function modelFigures(model: string, loads: readonly EdgeLoad[]): string {
  const names = loads.map(({ variant }) => variant);
  const color = { domain: names, range: colours.slice(0, names.length) };
  const latencies = loads.flatMap(({ variant, report }) =>
    report.percentiles.map((ms, percent) => ({ variant, percent, ms })),
  );
  const memory = loads.flatMap(({ variant, report }) =>
    report.memory.map((bytes, i) => ({
      variant,
      done: (100 * i) / Math.max(1, report.memory.length - 1),
      megabytes: bytes / 2 ** 20,
    })),
  );
  const stroke = 'variant';
  return [
    `<h2>${escape(model)}</h2>`,
    figure(
      'Latency by percentage of the answers',
      loads
        .map(
          ({ variant, report: { latency } }) =>
            `${variant}: half within ${latency.p50.toFixed(1)} ms, 99 of 100 within ${latency.p99.toFixed(1)} ms`,
        )
        .join('; '),
      names,
      chart({
        color,
        x: { label: 'percent of the answers' },
        y: { label: 'milliseconds', grid: true, type: 'log' },
        marks: [line(latencies, { x: 'percent', y: 'ms', stroke })],
      }),
    ),
    figure(
      'Answers a second',
      loads.map(({ variant, report }) => `${variant}: ${report.perSecond.toFixed(0)}`).join('; '),
      names,
      chart({
        color,
        height: 40 + 30 * names.length,
        marginLeft: 10,
        x: { label: 'answers a second', grid: true },
        y: { axis: null, domain: names },
        marks: [
          barX(loads, {
            x: ({ report }: EdgeLoad) => report.perSecond,
            y: 'variant',
            fill: stroke,
          }),
        ],
      }),
    ),
    figure(
      'Memory while the requests are answered',
      'resident megabytes of the process; beyond an empty one where wrangler is not between',
      names,
      chart({
        color,
        x: { label: 'percent of the requests' },
        y: { label: 'MB', grid: true, zero: true },
        marks: [
          ruleY([0]),
          line(memory, { x: 'done', y: 'megabytes', stroke }),
          dot(memory, { x: 'done', y: 'megabytes', fill: stroke, r: 2 }),
        ],
      }),
    ),
  ].join('\n');
}

const table = ({ title, head, rows, notes }: Sheet): string =>
  `<h2>${escape(title)}</h2><table><thead><tr>${head.map((each) => `<th>${escape(each)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((each) => `<td>${escape(each)}</td>`).join('')}</tr>`)
    .join('')}</tbody></table><ul>${notes.map((note) => `<li>${escape(note)}</li>`).join('')}</ul>`;

export function loadPage(edge: EdgeResult, { machine, command }: Saved): string {
  const models = [...new Set(edge.loads.map(({ model }) => model))];
  const figures = models.map((name) =>
    modelFigures(
      name,
      edge.loads.filter(({ model }) => model === name),
    ),
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Load</title><style>${style}</style></head><body>
<h1>Load</h1>
<p>${escape(`${machine.date} on ${describeMachine(machine)}, with`)} <code>${escape(command)}</code></p>
${edgeSheets(edge).map(table).join('\n')}
${figures.join('\n')}
</body></html>
`;
}
