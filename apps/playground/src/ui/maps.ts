/** Pictures of numbers: feature maps, weights and samples side by side on one canvas. */
import { el } from './dom.ts';
import { colour, onTheme, rgb } from './theme.ts';
import type { Rgb } from './theme.ts';
import type { Maps } from '../digits/views.ts';

export interface MapOptions {
  /** What the numbers are: `ink` from paper to ink, `heat` from 0 up, `signed` around 0. */
  readonly palette: 'ink' | 'heat' | 'signed';
  /** Each picture scaled on its own; else all alike. */
  readonly each?: boolean;
  /** Pictures in a row; default as many as fit at about `size` points. */
  readonly columns?: number;
  /** Wanted side of a picture in points; default 56. */
  readonly size?: number;
  /** What a screen reader says; default name, number and size. */
  readonly describe?: (maps: Maps) => string;
  /** A frame around some of them, by number: a colour of the style sheet. */
  readonly frame?: (index: number) => string | undefined;
  readonly signal: AbortSignal;
}

export interface MapView {
  readonly element: HTMLCanvasElement;
  draw(maps: Maps): void;
  clear(): void;
}

type Stops = readonly Rgb[];

const stopNames = {
  ink: ['--map-paper', '--map-ink'],
  heat: ['--map-0', '--map-1', '--map-2', '--map-3'],
  signed: ['--map-negative', '--map-middle', '--map-positive'],
} as const;

/** Few pictures grow to this many times the wanted size to fill their row. */
const largestShare = 2.2;

/** Faint features are lifted a little. */
const gamma = 0.75;

/** 256 colours from one end to the other. */
function ramp(stops: Stops): Uint8ClampedArray<ArrayBuffer> {
  const table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    for (let c = 0; c < 3; c++) {
      const [from, to] = [stops[low]![c]!, stops[low + 1]![c]!];
      table[3 * i + c] = from + (to - from) * (at - low);
    }
  }
  return table;
}

export function mapView({
  palette,
  each = false,
  columns,
  size = 56,
  describe = ({ name, count, height, width }) => `${name}: ${count} of ${height} × ${width}`,
  frame,
  signal,
}: MapOptions): MapView {
  const canvas = el('canvas', { class: 'maps', role: 'img', 'aria-label': 'Nothing yet' });
  const context = canvas.getContext('2d')!;
  const tile = document.createElement('canvas');
  const tileContext = tile.getContext('2d', { willReadFrequently: true })!;
  let shown: Maps | undefined;
  let table = new Uint8ClampedArray();
  const loadColours = (): void => {
    table = ramp(stopNames[palette].map(rgb));
  };

  const paint = (): void => {
    if (shown === undefined || !canvas.isConnected) return;
    const { count, height, width, data } = shown;
    const ratio = Math.min(2, devicePixelRatio || 1);
    const space = canvas.parentElement!.clientWidth;
    const gap = count > 1 ? 4 : 0;
    const fit = Math.max(1, Math.floor((space + gap) / (0.8 * size + gap)));
    // Rows of one length, as far as the number allows.
    const across = columns ?? Math.ceil(count / Math.ceil(count / fit));
    // Tiles of one row share the width, within reason.
    const points = Math.min((space - gap * (across - 1)) / across, largestShare * size);
    const side = Math.max(1, Math.floor(points * ratio));
    const step = side + gap * ratio;
    const down = Math.ceil(count / across);
    const cellHeight = Math.round((side * height) / width);
    const [w, h] = [
      Math.round(across * step - gap * ratio),
      Math.round(down * (cellHeight + gap * ratio) - gap * ratio),
    ];
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
      canvas.style.width = `${w / ratio}px`;
      canvas.style.height = `${h / ratio}px`;
    } else context.clearRect(0, 0, w, h);
    context.imageSmoothingEnabled = false;
    tile.width = width;
    tile.height = height;
    const image = tileContext.createImageData(width, height);
    const all = each ? 0 : largest(data, 0, data.length);
    for (let k = 0; k < count; k++) {
      const start = k * width * height;
      const end = start + width * height;
      const scale = palette === 'ink' ? 1 : each ? largest(data, start, end) : all;
      for (let i = start, at = 0; i < end; i++, at += 4) {
        const value = data[i]! / (scale || 1);
        const share = palette === 'signed' ? value : Math.max(0, value);
        const level =
          palette === 'signed' ? 0.5 + share / 2 : palette === 'heat' ? share ** gamma : share;
        const index = 3 * Math.round(255 * Math.min(1, Math.max(0, level)));
        image.data[at] = table[index]!;
        image.data[at + 1] = table[index + 1]!;
        image.data[at + 2] = table[index + 2]!;
        image.data[at + 3] = 255;
      }
      tileContext.putImageData(image, 0, 0);
      const x = Math.round((k % across) * step);
      const y = Math.round(Math.floor(k / across) * (cellHeight + gap * ratio));
      context.drawImage(tile, x, y, side, cellHeight);
      const edge = frame?.(k);
      if (edge !== undefined) {
        context.strokeStyle = colour(edge);
        context.lineWidth = 3 * ratio;
        context.strokeRect(
          x + 1.5 * ratio,
          y + 1.5 * ratio,
          side - 3 * ratio,
          cellHeight - 3 * ratio,
        );
      }
    }
  };

  loadColours();
  const watcher = new ResizeObserver(() => paint());
  queueMicrotask(() => {
    if (canvas.parentElement !== null) watcher.observe(canvas.parentElement);
  });
  signal.addEventListener('abort', () => watcher.disconnect());
  onTheme(() => {
    loadColours();
    paint();
  }, signal);

  return {
    element: canvas,
    draw(maps) {
      shown = maps;
      canvas.setAttribute('aria-label', describe(maps));
      paint();
    },
    clear() {
      shown = undefined;
      context.clearRect(0, 0, canvas.width, canvas.height);
      canvas.setAttribute('aria-label', 'Nothing yet');
    },
  };
}

function largest(data: Float32Array, from: number, to: number): number {
  let most = 0;
  for (let i = from; i < to; i++) most = Math.max(most, Math.abs(data[i]!));
  return most;
}
