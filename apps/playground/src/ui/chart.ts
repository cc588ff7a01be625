/** Live curves with uPlot: coloured for the theme, as wide as their place, and told in words. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { el } from './dom.ts';
import { colour, onTheme } from './theme.ts';

export interface Series {
  readonly name: string;
  /** A colour of the style sheet; default `--series-1`, `--series-2`, … */
  readonly colour?: string;
  readonly dashed?: boolean;
  /** How a value is written in the legend and read aloud. */
  readonly format?: (value: number) => string;
}

export interface ChartOptions {
  /** What it shows, for people who do not see it. */
  readonly label: string;
  readonly series: readonly Series[];
  /** What is below; default `step`. */
  readonly x?: string;
  /** Limits of the vertical axis where they are known, e.g. `[0, 1]` for shares. */
  readonly range?: readonly [number, number];
  readonly height?: number;
  /** `log` for losses over magnitudes. */
  readonly scale?: 'linear' | 'log';
  readonly signal: AbortSignal;
}

export interface Chart {
  readonly element: HTMLElement;
  /** Adds a point; series without a value there get `null`. Drawn with the next frame. */
  push(x: number, values: readonly (number | null)[]): void;
  clear(): void;
}

/** More points than this are thinned: every second one of the older half goes. */
const mostPoints = 4000;
const short = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));

export function chart({
  label,
  series,
  x = 'step',
  range,
  height = 180,
  scale = 'linear',
  signal,
}: ChartOptions): Chart {
  const frame = el('div', { class: 'chart', role: 'img', 'aria-label': `${label}: no values yet` });
  const columns: (number | null)[][] = [[], ...series.map(() => [])];
  const data = columns as uPlot.AlignedData;
  const options = (): uPlot.Options => ({
    width: Math.max(200, frame.clientWidth),
    height,
    cursor: { points: { size: 6 }, y: false },
    legend: { live: true },
    hooks: { setCursor: [legend] },
    scales: {
      x: { time: false },
      y: {
        ...(scale === 'log' ? { distr: 3 as const } : {}),
        ...(range === undefined ? {} : { range: [range[0], range[1]] as [number, number] }),
      },
    },
    axes: [
      { stroke: colour('--quiet'), grid: { stroke: colour('--line') }, ticks: { show: false } },
      {
        stroke: colour('--quiet'),
        grid: { stroke: colour('--line') },
        ticks: { show: false },
        size: 52,
        values: (_, values) => values.map((value) => (value === null ? '' : short(value))),
      },
    ],
    series: [
      { label: x },
      ...series.map(({ name, colour: own, dashed, format = short }, i) => ({
        label: name,
        stroke: colour(own ?? `--series-${i + 1}`),
        width: 2,
        spanGaps: true,
        points: { show: false },
        ...(dashed ? { dash: [6, 4] } : {}),
        value: (_: uPlot, value: number | null) => (value == null ? '–' : format(value)),
      })),
    ],
  });
  let plot: uPlot | undefined;
  let asked = 0;

  /** Without a pointer above it, the legend tells the last values. */
  const legend = (): void => {
    if (plot === undefined || plot.cursor.idx != null) return;
    const idxs = columns.map((column) => column.findLastIndex((value) => value !== null));
    if (idxs.every((i) => i >= 0)) plot.setLegend({ idxs });
  };
  const draw = (): void => {
    asked = 0;
    if (!frame.isConnected) return;
    plot ??= new uPlot(options(), data, frame);
    plot.setData(data);
    legend();
    const said = series.flatMap(({ name, format = short }, i) => {
      const last = columns[i + 1]!.findLast((value) => value !== null);
      return last == null ? [] : [`${name} ${format(last)}`];
    });
    const at = columns[0]!.at(-1);
    frame.setAttribute(
      'aria-label',
      said.length === 0 ? `${label}: no values yet` : `${label}: ${said.join(', ')} at ${x} ${at}`,
    );
  };
  const ask = (): void => {
    if (asked === 0) asked = requestAnimationFrame(draw);
  };
  const rebuild = (): void => {
    plot?.destroy();
    plot = undefined;
    ask();
  };
  const watcher = new ResizeObserver(() => {
    if (plot === undefined) ask();
    else if (Math.abs(plot.width - frame.clientWidth) > 1) {
      plot.setSize({ width: Math.max(200, frame.clientWidth), height });
    }
  });
  watcher.observe(frame);
  onTheme(rebuild, signal);
  signal.addEventListener('abort', () => {
    watcher.disconnect();
    cancelAnimationFrame(asked);
    plot?.destroy();
  });

  return {
    element: frame,
    push(at, values) {
      columns[0]!.push(at);
      values.forEach((value, i) =>
        columns[i + 1]!.push(value !== null && Number.isFinite(value) ? value : null),
      );
      if (columns[0]!.length > mostPoints) {
        for (const column of columns) {
          const half = mostPoints / 2;
          const old = column.splice(0, half).filter((_, i) => i % 2 === 0);
          column.unshift(...old);
        }
      }
      ask();
    },
    clear() {
      for (const column of columns) column.length = 0;
      rebuild();
    },
  };
}
