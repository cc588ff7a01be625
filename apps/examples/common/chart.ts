/** Charts as SVG files, by Observable Plot over a document of linkedom's. */
import { plot } from '@observablehq/plot';
import type { PlotOptions } from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** Height of the row above. */
const row = 30;
/** Mean width of a character at this size of type. */
const character = 6.6;

/**
 * A chart as the text of an SVG file on white ground; marks and scales as Plot takes them. A title and the
 * legend of a colour scale with names (`color: { legend: true }`) stand in a row above.
 */
export function chart(options: PlotOptions & { readonly title?: string }): string {
  const { title, color, ...rest } = options;
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const { legend = false, ...colours } = color ?? {};
  const { width = 900, height = 360 } = rest;
  const svg = plot({
    marginTop: 24,
    marginLeft: 56,
    ...rest,
    width,
    height,
    color: colours,
    document,
    // One element: no figure around it, and so no legend either.
    figure: false,
    style: { background: 'white', color: '#222', fontFamily: 'sans-serif', fontSize: '12px' },
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const draw = (name: string, attributes: Readonly<Record<string, string | number>>) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    svg.appendChild(element);
    return element;
  };
  if (title !== undefined || legend !== false) {
    svg.setAttribute('height', String(height + row));
    svg.setAttribute('viewBox', `0 ${-row} ${width} ${height + row}`);
  }
  const text = { y: -10, fill: '#222', 'text-anchor': 'start' };
  if (title !== undefined) {
    draw('text', { ...text, x: 16, 'font-weight': 'bold' }).textContent = title;
  }
  if (legend !== false) {
    const { domain = [], range = [] } = svg.scale('color') ?? {};
    let x = width - 16;
    [...domain].reverse().forEach((value: unknown, k) => {
      const name = String(value);
      x -= name.length * character;
      draw('text', { ...text, x }).textContent = name;
      x -= 18;
      const fill = String([...range][domain.length - 1 - k]);
      draw('rect', { x, y: -20, width: 12, height: 12, fill });
      x -= 14;
    });
  }
  return `${svg.outerHTML}\n`;
}
