/** A line chart as SVG. */

export interface Line {
  readonly name: string;
  readonly colour: string;
  /** Step and value; a gap between steps is a gap in the line. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

const [width, height, left, bottom, top] = [900, 320, 56, 28, 40];

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Draws the lines over each other with a legend. */
export function lineChart(title: string, unit: string, lines: readonly Line[]): string {
  const all = lines.flatMap(({ points }) => points);
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => y);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  const px = (x: number): string =>
    (left + ((x - x0) / (x1 - x0 || 1)) * (width - left - 12)).toFixed(1);
  const py = (y: number): string =>
    (height - bottom - ((y - y0) / (y1 - y0 || 1)) * (height - bottom - top)).toFixed(1);
  const parts = lines.map(({ colour, points }) => {
    const path = points.map(([x, y], i) => {
      const joined = i > 0 && x - points[i - 1]![0] === 1;
      return `${joined ? 'L' : 'M'}${px(x)} ${py(y)}`;
    });
    return `<path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  });
  const ticks = Array.from({ length: 5 }, (_, i) => y0 + ((y1 - y0) * i) / 4).map(
    (y) =>
      `<line x1="${left}" x2="${width - 12}" y1="${py(y)}" y2="${py(y)}" stroke="#ddd"/>` +
      `<text x="${left - 6}" y="${py(y)}" text-anchor="end" dy="4">${y.toFixed(0)}</text>`,
  );
  const legend = lines.map(
    ({ name, colour }, i) =>
      `<text x="${left + 150 * i}" y="34" fill="${colour}">${escape(name)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
<text x="${left}" y="16" font-weight="bold">${escape(title)}, ${escape(unit)}</text>
${[...ticks, ...legend, ...parts].join('\n')}
</svg>
`;
}
