/** The drawn graph: moved by dragging, scrolling or arrow keys, zoomed by buttons, drawn piece by piece. */
import { button } from '../../ui/controls.ts';
import { el } from '../../ui/dom.ts';
import { drawnAtOnce } from './settings.ts';
import type { ModelInfo, TimeRow } from './settings.ts';

interface Drawn {
  readonly svg: string;
  readonly from: number;
  readonly to: number;
  readonly total: number;
}

export interface GraphView {
  readonly element: HTMLElement;
  open(info: ModelInfo): void;
  /** Colours boxes by their share of the longest time. */
  heat(rows: readonly TimeRow[]): void;
}

export function graphView(
  draw: (from: number) => Promise<Drawn | undefined>,
  attempt: (action: () => Promise<void>) => Promise<void>,
): GraphView {
  const frame = el('div', {
    class: 'graph',
    tabindex: 0,
    role: 'region',
    'aria-label': 'Drawn graph; the table of nodes below says the same',
  });
  const detail = el('pre', { class: 'detail', hidden: true, tabindex: 0, 'aria-live': 'polite' });
  const place = el('span', { class: 'small quiet' });
  const back = button('Earlier', () => void show(from - drawnAtOnce));
  const on = button('Later', () => void show(from + drawnAtOnce));
  const pager = el('div', { class: 'row' }, back, place, on);
  const zoomBy = (factor: number) => () => {
    scale = Math.min(3, Math.max(0.08, scale * factor));
    resize();
  };
  let scale = 1;
  let from = 0;
  let times: ReadonlyMap<string, TimeRow> = new Map();
  let info: ModelInfo | undefined;

  const picture = (): SVGSVGElement | null => frame.querySelector('svg');
  function resize(): void {
    const svg = picture();
    if (svg === null) return;
    const { width, height } = svg.viewBox.baseVal;
    svg.setAttribute('width', String(width * scale));
    svg.setAttribute('height', String(height * scale));
  }
  function fit(): void {
    const svg = picture();
    if (svg === null) return;
    scale = Math.min(1, Math.max(0.08, (frame.clientWidth - 16) / svg.viewBox.baseVal.width));
    resize();
  }
  function paint(): void {
    const longest = Math.max(1e-9, ...Array.from(times.values(), ({ ms }) => ms));
    for (const box of frame.querySelectorAll<SVGGElement>('.box')) {
      const row = times.get(box.dataset['id'] ?? '');
      box.style.setProperty(
        '--heat',
        row === undefined ? '0' : String(Math.sqrt(row.ms / longest)),
      );
      box.classList.toggle('timed', row !== undefined);
    }
  }
  async function show(next: number): Promise<void> {
    await attempt(async () => {
      frame.setAttribute('aria-busy', 'true');
      const drawn = await draw(Math.max(0, next)).finally(() => frame.removeAttribute('aria-busy'));
      if (drawn === undefined) return;
      from = drawn.from;
      // The drawing escapes what comes from the file.
      frame.innerHTML = drawn.svg;
      picture()?.setAttribute('aria-hidden', 'true');
      pager.hidden = drawn.total <= drawnAtOnce;
      back.disabled = drawn.from === 0;
      on.disabled = drawn.to >= drawn.total;
      place.textContent = `${drawn.from + 1} to ${drawn.to} of ${drawn.total.toLocaleString('en')} boxes`;
      detail.hidden = true;
      frame.scrollTop = 0;
      fit();
      frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2;
      paint();
    });
  }
  frame.addEventListener('click', (event) => {
    const box = (event.target as Element).closest<SVGGElement>('.box');
    const id = box?.dataset['id'];
    for (const other of frame.querySelectorAll('.chosen')) other.classList.remove('chosen');
    const node = info?.nodes.find((row) => row.id === id);
    detail.hidden = node === undefined;
    if (node === undefined || box === null) return;
    box!.classList.add('chosen');
    const time = times.get(node.id);
    detail.textContent = `${node.detail}${time === undefined ? '' : `\n${time.ms.toFixed(3)} ms`}`;
  });
  let held: { x: number; y: number } | undefined;
  frame.addEventListener('pointerdown', (event) => {
    if (event.pointerType !== 'mouse' || event.button !== 0) return;
    held = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
  });
  frame.addEventListener('pointermove', (event) => {
    if (held === undefined || event.buttons === 0) return;
    frame.scrollLeft = held.x - event.clientX;
    frame.scrollTop = held.y - event.clientY;
  });
  return {
    element: el(
      'div',
      { class: 'stack' },
      el(
        'div',
        { class: 'row' },
        button('+', zoomBy(1.25), { 'aria-label': 'Zoom in' }),
        button('−', zoomBy(0.8), { 'aria-label': 'Zoom out' }),
        button('Fit', fit),
        pager,
      ),
      frame,
      detail,
    ),
    open(next) {
      info = next;
      times = new Map();
      void show(0);
    },
    heat(rows) {
      times = new Map(
        rows.flatMap((row) => (row.id === undefined ? [] : [[row.id, row] as const])),
      );
      paint();
    },
  };
}
