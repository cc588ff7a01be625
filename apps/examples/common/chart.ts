/** Charts as SVG files, by Observable Plot over a document of linkedom's. */
import { plot } from '@observablehq/plot';
import type { PlotOptions } from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** A chart as the text of an SVG file on white ground; marks and scales as Plot takes them. */
export function chart(options: PlotOptions & { readonly title?: string }): string {
  const { title, ...rest } = options;
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = plot({
    width: 900,
    height: 360,
    marginTop: title === undefined ? 24 : 44,
    marginLeft: 56,
    ...rest,
    document,
    // One element: no figure around it.
    figure: false,
    style: { background: 'white', color: '#222', fontFamily: 'sans-serif', fontSize: '12px' },
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  if (title !== undefined) {
    const text = document.createElementNS('http://www.w3.org/2000/svg', 'text');
    text.setAttribute('x', '56');
    text.setAttribute('y', '18');
    text.setAttribute('font-weight', 'bold');
    text.setAttribute('fill', '#222');
    text.textContent = title;
    svg.appendChild(text);
  }
  return `${svg.outerHTML}\n`;
}
