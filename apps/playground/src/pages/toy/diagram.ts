/** The network as people see it: a picture of what each unit gives across the plane, and the weights between. */
import { button } from '../../ui/controls.ts';
import { el, svg } from '../../ui/dom.ts';
import { colour, onTheme } from '../../ui/theme.ts';
import { features } from './settings.ts';
import type { Feature } from './settings.ts';
import { paintField } from './paint.ts';

export const mostLayers = 5;
export const mostUnits = 8;

export interface DiagramOptions {
  readonly signal: AbortSignal;
  /** Another layer count, unit count or choice of features. */
  readonly change: (next: { layers: number[]; features: Feature[] }) => void;
}

export interface Diagram {
  readonly element: HTMLElement;
  /** Draws the columns anew. */
  build(layers: readonly number[], chosen: readonly Feature[]): void;
  /** Pictures [units, size²] with values in -1 to 1 or so, and weights [out, in] of each layer. */
  draw(units: Float32Array, weights: readonly Float32Array[], size: number): void;
}

export function diagram({ signal, change }: DiagramOptions): Diagram {
  const lines = svg('svg', { class: 'wires', 'aria-hidden': 'true' });
  const columns = el('div', { class: 'columns' });
  const net = el('div', { class: 'net' }, lines, columns);
  const more = button('Add layer', () => set([...layers, layers.at(-1) ?? 4]));
  const fewer = button('Remove layer', () => set(layers.slice(0, -1)));
  const element = el(
    'div',
    { class: 'stack' },
    el('div', { class: 'row' }, more, fewer),
    el('div', { class: 'net-scroll' }, net),
  );
  let layers: number[] = [];
  let chosen: Feature[] = [];
  /** Places where wires end: columns of inputs, hidden units, and the output. */
  let cells: HTMLElement[][] = [];
  let canvases: HTMLCanvasElement[] = [];
  let paths: SVGPathElement[] = [];
  let last: Parameters<Diagram['draw']> | undefined;

  const set = (next: number[], inputs = chosen): void => change({ layers: next, features: inputs });

  const inputs = (): HTMLElement => {
    const boxes = features.map((name) => {
      const input = el('input', { type: 'checkbox', value: name, checked: chosen.includes(name) });
      input.addEventListener('change', () => {
        const next = features.filter((other) =>
          other === name ? input.checked : chosen.includes(other),
        );
        if (next.length > 0) set(layers, next);
        else input.checked = true;
      });
      return el('label', { class: 'cell feature' }, input, el('span', {}, name));
    });
    cells.push(boxes.filter((_, i) => chosen.includes(features[i]!)));
    return el('fieldset', { class: 'column inputs' }, el('legend', {}, 'Inputs'), boxes);
  };

  const layer = (units: number, at: number): HTMLElement => {
    const resize = (by: number): void => set(layers.map((n, i) => (i === at ? n + by : n)));
    const made = Array.from({ length: units }, () =>
      el('canvas', { class: 'cell unit', width: 24, height: 24 }),
    );
    canvases.push(...made);
    cells.push(made);
    const sign = (label: string, text: string, by: number, off: boolean): HTMLElement => {
      const made = button(text, () => resize(by), { class: 'tiny', 'aria-label': label });
      made.classList.add('tiny');
      made.disabled = off;
      return made;
    };
    return el(
      'div',
      { class: 'column', role: 'group', 'aria-label': `Layer ${at + 1}: ${units} units` },
      el(
        'div',
        { class: 'signs' },
        sign(`Remove a unit from layer ${at + 1}`, '−', -1, units <= 1),
        sign(`Add a unit to layer ${at + 1}`, '+', 1, units >= mostUnits),
      ),
      made,
    );
  };

  const place = (): void => {
    const frame = net.getBoundingClientRect();
    lines.setAttribute('width', String(frame.width));
    lines.setAttribute('height', String(frame.height));
    const middle = (cell: HTMLElement): readonly [number, number, number] => {
      const box = cell.getBoundingClientRect();
      return [box.left - frame.left, box.right - frame.left, box.top + box.height / 2 - frame.top];
    };
    const places = cells.map((column) => column.map(middle));
    paths = [];
    for (let i = 0; i + 1 < places.length; i++) {
      for (const [left, , y2] of places[i + 1]!) {
        for (const [, right, y1] of places[i]!) {
          const half = (right + left) / 2;
          paths.push(
            svg('path', { d: `M${right} ${y1}C${half} ${y1} ${half} ${y2} ${left} ${y2}` }),
          );
        }
      }
    }
    lines.replaceChildren(...paths);
    if (last !== undefined) draw(...last);
  };

  const draw = (units: Float32Array, weights: readonly Float32Array[], size: number): void => {
    last = [units, weights, size];
    canvases.forEach((canvas, i) => {
      const part = units.subarray(i * size * size, (i + 1) * size * size);
      if (part.length === size * size) paintField(canvas, part, size);
    });
    const [positive, negative] = [colour('--map-positive'), colour('--map-negative')];
    let at = 0;
    for (const matrix of weights) {
      for (const w of matrix) {
        const path = paths[at++];
        if (path === undefined) return;
        path.style.stroke = w > 0 ? positive : negative;
        path.style.strokeWidth = String(Math.min(7, 0.4 + 2.2 * Math.abs(w)));
        path.style.opacity = String(Math.min(0.9, 0.12 + 0.6 * Math.abs(w)));
      }
    }
  };

  new ResizeObserver(place).observe(net);
  onTheme(() => last !== undefined && draw(...last), signal);
  return {
    element,
    build(next, inputsChosen) {
      // What had the focus is made anew: the same place gets it again.
      const focused = [...net.querySelectorAll('button, input')].indexOf(document.activeElement!);
      layers = [...next];
      chosen = [...inputsChosen];
      cells = [];
      canvases = [];
      last = undefined;
      const out = el('div', { class: 'cell out', title: 'Output' }, '→');
      const parts = [inputs(), ...layers.map(layer)];
      cells.push([out]);
      columns.replaceChildren(...parts, el('div', { class: 'column', 'aria-hidden': 'true' }, out));
      more.disabled = layers.length >= mostLayers;
      fewer.disabled = layers.length === 0;
      place();
      const again = [...net.querySelectorAll('button, input')][focused];
      if (again instanceof HTMLElement) again.focus();
    },
    draw,
  };
}
