/** One HTML page about a model: figures and its graph. It loads nothing. */
import { formatType } from '@hebb/onnx';
import type { ModelProto, ModelReport, ValueType } from '@hebb/onnx';
import { UsageError } from '../errors.ts';
import { bytes, count } from '../format.ts';
import { boxesOf } from './boxes.ts';
import { escape } from './escape.ts';
import { drawing } from './svg.ts';

/** The layout takes minutes beyond this. */
const mostBoxes = 4000;

/** @throws UsageError when the graph is too large to be drawn. */
export function graphPage(model: ModelProto, report: ModelReport, title: string): string {
  const types = new Map(
    [...report.inputs, ...report.outputs, ...report.values].map((type) => [type.name, type]),
  );
  const { boxes, wires } = boxesOf(model, types);
  if (boxes.length > mostBoxes) {
    throw new UsageError(`the graph has ${boxes.length} boxes: at most ${mostBoxes} are drawn`);
  }
  const list = (values: readonly ValueType[]): string =>
    values
      .map((value) => `<code>${escape(value.name)}: ${escape(formatType(value))}</code>`)
      .join('<br>');
  const operators = Object.entries(report.operators).map(([name, n]) => `${escape(name)} ${n}`);
  const rows: [string, string][] = [
    ['inputs', list(report.inputs)],
    ['outputs', list(report.outputs)],
    ['producer', `${escape(report.producer)}, opset ${report.opset}`],
    ['parameters', `${count(report.parameters)} (${bytes(report.parameterBytes)})`],
    ['multiply-adds', report.multiplyAdds === undefined ? '?' : count(report.multiplyAdds)],
    ['operators', operators.join(', ')],
  ];
  const table = rows
    .map(([name, value]) => `<tr><th>${name}</th><td>${value}</td></tr>`)
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>
${style}</style>
</head>
<body>
<header><h1>${escape(title)}</h1>
<details open><summary>${boxes.length} boxes, drag to move, wheel to zoom</summary>
<table>
${table}
</table></details></header>
<main>${drawing(boxes, wires)}</main>
<script>
${script}</script>
</body>
</html>
`;
}

const style = `:root { color-scheme: light dark; --ink: light-dark(#222, #ddd); --paper: light-dark(#fff, #181818); }
body { margin: 0; font: 14px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  display: flex; flex-direction: column; height: 100vh; }
header { padding: 8px 16px; max-height: 40vh; overflow: auto; }
h1 { font-size: 18px; margin: 0 0 4px; }
th { text-align: left; vertical-align: top; padding-right: 16px; font-weight: 600; }
main { flex: 1; overflow: auto; border-top: 1px solid #8884; cursor: grab; }
svg { display: block; margin: 0 auto; font: 12px ui-monospace, monospace; }
svg text { text-anchor: middle; fill: #222; }
svg text.title { font: 600 13px system-ui, sans-serif; }
svg text.wire { fill: var(--ink); font-size: 10px; opacity: 0.75; paint-order: stroke;
  stroke: var(--paper); stroke-width: 3px; }
path.wire { fill: none; stroke: #8889; stroke-width: 1.4; marker-end: url(#tip); }
marker path { fill: #888; }
.box rect { fill: #e4e4e4; stroke: #0003; }
.box:hover rect { stroke: #000; stroke-width: 2; }
.input rect, .output rect { fill: #fff3c4; }
.product rect { fill: #bcd7f5; }
.recurrent rect { fill: #c9c3f2; }
.pool rect { fill: #c4e8cf; }
.normalise rect { fill: #f3d6bd; }
.activate rect { fill: #f6c9c9; }
.shape rect { fill: #dde3ea; }
.control rect { fill: #e8c6ec; }
`;

/** Zoom about the pointer, and panning; the page is complete without it. */
const script = `const main = document.querySelector('main'), svg = main.querySelector('svg');
const [w, h] = [svg.width.baseVal.value, svg.height.baseVal.value];
let scale = 1;
main.addEventListener('wheel', (event) => {
  if (!event.ctrlKey && !event.metaKey && !event.altKey) event.preventDefault();
  const old = scale;
  scale = Math.min(4, Math.max(0.05, scale * Math.exp(-event.deltaY / 500)));
  const box = main.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  svg.setAttribute('width', w * scale);
  svg.setAttribute('height', h * scale);
  main.scrollLeft = (main.scrollLeft + x) * (scale / old) - x;
  main.scrollTop = (main.scrollTop + y) * (scale / old) - y;
}, { passive: false });
main.addEventListener('pointerdown', (event) => {
  const from = [event.clientX + main.scrollLeft, event.clientY + main.scrollTop];
  const move = (e) => { main.scrollLeft = from[0] - e.clientX; main.scrollTop = from[1] - e.clientY; };
  main.setPointerCapture(event.pointerId);
  main.addEventListener('pointermove', move);
  main.addEventListener('pointerup', () => main.removeEventListener('pointermove', move), { once: true });
});
`;
