/** A layered drawing of boxes and wires. Layout: Gansner et al. 1993, by dagre. */
import { Graph, layout } from '@dagrejs/dagre';
import type { EdgeLabel, GraphLabel, NodeLabel, Point } from '@dagrejs/dagre';
import { escape } from './escape.ts';
import type { Box, Wire } from './boxes.ts';

const character = 7.6;
const lineHeight = 15;

const widthOf = ({ title, lines }: Box): number =>
  Math.max(
    64,
    18 + character * Math.max(title.length + 1, ...lines.map((line) => line.length * 0.9)),
  );
const heightOf = ({ lines }: Box): number => 26 + lineHeight * lines.length;

/** The drawing as an `<svg>` element that stands for itself. */
export function drawing(boxes: readonly Box[], wires: readonly Wire[]): string {
  const graph = new Graph<GraphLabel, NodeLabel, EdgeLabel>({ multigraph: true });
  graph.setGraph({ rankdir: 'TB', nodesep: 24, ranksep: 34, marginx: 16, marginy: 16 });
  for (const box of boxes) graph.setNode(box.id, { width: widthOf(box), height: heightOf(box) });
  wires.forEach((wire, i) => {
    const label = { width: wire.label.length * 6, height: 12, labelpos: 'c' as const };
    graph.setEdge(wire.from, wire.to, label, String(i));
  });
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const lines = wires.map((wire, i) => {
    const edge = graph.edge(wire.from, wire.to, String(i));
    const points: readonly Point[] = edge.points ?? [];
    const path = points.map(
      ({ x, y }, k) => `${k === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`,
    );
    const text =
      wire.label === '' || edge.x === undefined || edge.y === undefined
        ? ''
        : `<text class="wire" x="${edge.x.toFixed(1)}" y="${(edge.y + 4).toFixed(1)}">${escape(wire.label)}</text>`;
    return `<g><title>${escape(wire.detail)}</title><path class="wire" d="${path.join('')}"/>${text}</g>`;
  });
  const rectangles = boxes.map((box) => {
    const { x = 0, y = 0, width: w, height: h } = graph.node(box.id);
    const [left, top] = [x - w / 2, y - h / 2];
    const text = [box.title, ...box.lines].map((line, k) => {
      const at = `x="${x.toFixed(1)}" y="${(top + 17 + lineHeight * k).toFixed(1)}"`;
      return `<text ${at}${k === 0 ? ' class="title"' : ''}>${escape(line)}</text>`;
    });
    const rectangle = `<rect x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${w}" height="${h}" rx="6"/>`;
    return `<g class="box ${box.kind}" data-id="${escape(box.id)}"><title>${escape(box.detail)}</title>${rectangle}${text.join('')}</g>`;
  });
  const size = `width="${Math.ceil(width)}" height="${Math.ceil(height)}"`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}" ${size}>` +
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">' +
    '<path d="M0 0L8 4L0 8z"/></marker></defs>' +
    `${lines.join('\n')}\n${rectangles.join('\n')}</svg>`
  );
}
