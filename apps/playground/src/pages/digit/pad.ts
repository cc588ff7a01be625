/** The drawing pad: mouse, touch and pen; by keyboard with a cursor on a grid. */
import { el, uniqueId } from '../../ui/dom.ts';
import { colour, onTheme } from '../../ui/theme.ts';

/** Side of the drawing in its own pixels, and of the keyboard's grid in cells. */
export const padSide = 280;
const cells = 28;
const cell = padSide / cells;

export type Tool = 'pen' | 'eraser';

export interface PadOptions {
  readonly changed: () => void;
  /** What the keyboard does, in words. */
  readonly say: (message: string) => void;
  readonly signal: AbortSignal;
}

export class Pad {
  readonly element: HTMLElement;
  readonly #canvas = el('canvas', { width: 2 * padSide, height: 2 * padSide, tabindex: 0 });
  readonly #screen = this.#canvas.getContext('2d')!;
  /** The ink alone, as coverage. */
  readonly #ink = new OffscreenCanvas(padSide, padSide).getContext('2d', {
    willReadFrequently: true,
  })!;
  readonly #options: PadOptions;
  readonly #cursor = { x: 14, y: 6, shown: false, down: false };
  #last: { x: number; y: number } | undefined;
  tool: Tool = 'pen';
  width = 22;
  /** What is shown is an example: the next stroke begins on empty paper. */
  placeholder = false;

  constructor(options: PadOptions) {
    this.#options = options;
    const help = uniqueId('pad-help');
    this.#canvas.setAttribute('role', 'application');
    this.#canvas.setAttribute('aria-label', 'Drawing pad');
    this.#canvas.setAttribute('aria-describedby', help);
    this.element = el(
      'div',
      { class: 'pad' },
      this.#canvas,
      el(
        'p',
        { class: 'quiet small', id: help },
        'By keyboard: arrows move, with Shift faster; Space puts the pen down and up; E erases; Delete clears.',
      ),
    );
    this.#listen();
    onTheme(() => this.#paint(), options.signal);
    this.#paint();
  }

  /** Coverage, 0 to 255, row after row. */
  get ink(): Uint8Array {
    const { data } = this.#ink.getImageData(0, 0, padSide, padSide);
    return Uint8Array.from({ length: padSide * padSide }, (_, i) => data[4 * i + 3]!);
  }

  /** Shows other ink. */
  set ink(coverage: Uint8Array) {
    const image = new ImageData(padSide, padSide);
    coverage.forEach((value, i) => (image.data[4 * i + 3] = value));
    this.#ink.putImageData(image, 0, 0);
    this.placeholder = false;
    this.#changed();
  }

  clear(): void {
    this.#ink.clearRect(0, 0, padSide, padSide);
    this.#changed();
  }

  #changed(): void {
    this.#paint();
    this.#options.changed();
  }

  #line(x0: number, y0: number, x1: number, y1: number): void {
    const ink = this.#ink;
    if (this.placeholder && this.tool === 'pen') ink.clearRect(0, 0, padSide, padSide);
    this.placeholder = false;
    ink.globalCompositeOperation = this.tool === 'pen' ? 'source-over' : 'destination-out';
    ink.lineWidth = this.tool === 'pen' ? this.width : 1.6 * this.width;
    ink.lineCap = 'round';
    ink.lineJoin = 'round';
    ink.beginPath();
    ink.moveTo(x0, y0);
    // A line of no length is a dot.
    ink.lineTo(x1 + (x0 === x1 && y0 === y1 ? 0.01 : 0), y1);
    ink.stroke();
    ink.globalCompositeOperation = 'source-over';
    this.#changed();
  }

  #paint(): void {
    const { width, height } = this.#canvas;
    const screen = this.#screen;
    screen.globalCompositeOperation = 'source-over';
    screen.clearRect(0, 0, width, height);
    screen.drawImage(this.#ink.canvas, 0, 0, width, height);
    screen.globalCompositeOperation = 'source-in';
    screen.fillStyle = colour('--map-ink');
    screen.fillRect(0, 0, width, height);
    screen.globalCompositeOperation = 'source-over';
    if (!this.#cursor.shown) return;
    const size = width / cells;
    // Seen on ink and on paper.
    for (const [thickness, name] of [
      [8, '--map-paper'],
      [4, this.#cursor.down ? '--series-2' : '--accent'],
    ] as const) {
      screen.strokeStyle = colour(name);
      screen.lineWidth = thickness;
      screen.strokeRect(this.#cursor.x * size, this.#cursor.y * size, size, size);
    }
  }

  #listen(): void {
    const canvas = this.#canvas;
    const at = (event: PointerEvent): { x: number; y: number } => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      return {
        x: ((event.clientX - left) / width) * padSide,
        y: ((event.clientY - top) / height) * padSide,
      };
    };
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      this.#cursor.shown = false;
      this.#last = at(event);
      this.#line(this.#last.x, this.#last.y, this.#last.x, this.#last.y);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (this.#last === undefined) return;
      for (const part of event.getCoalescedEvents?.() ?? [event]) {
        const next = at(part);
        this.#line(this.#last.x, this.#last.y, next.x, next.y);
        this.#last = next;
      }
    });
    const stop = (): void => void (this.#last = undefined);
    canvas.addEventListener('pointerup', stop);
    canvas.addEventListener('pointercancel', stop);
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('blur', () => {
      this.#cursor.shown = false;
      this.#cursor.down = false;
      this.#paint();
    });
  }

  #key(event: KeyboardEvent): void {
    const cursor = this.#cursor;
    const step = event.shiftKey ? 4 : 1;
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const move = moves[event.key];
    const middle = (i: number): number => (i + 0.5) * cell;
    if (move !== undefined) {
      const [x, y] = [cursor.x, cursor.y];
      cursor.x = Math.min(cells - 1, Math.max(0, x + move[0]));
      cursor.y = Math.min(cells - 1, Math.max(0, y + move[1]));
      cursor.shown = true;
      if (cursor.down) this.#line(middle(x), middle(y), middle(cursor.x), middle(cursor.y));
      else this.#paint();
      this.#options.say(
        `Column ${cursor.x + 1}, row ${cursor.y + 1}${cursor.down ? `, ${this.tool} down` : ''}`,
      );
    } else if (event.key === ' ' || event.key === 'Enter') {
      cursor.shown = true;
      cursor.down = !cursor.down;
      if (cursor.down)
        this.#line(middle(cursor.x), middle(cursor.y), middle(cursor.x), middle(cursor.y));
      else this.#paint();
      this.#options.say(`${this.tool === 'pen' ? 'Pen' : 'Eraser'} ${cursor.down ? 'down' : 'up'}`);
    } else if (event.key === 'e' || event.key === 'E') {
      this.tool = this.tool === 'pen' ? 'eraser' : 'pen';
      this.#options.say(this.tool === 'pen' ? 'Pen' : 'Eraser');
      this.element.dispatchEvent(new Event('tool'));
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      this.clear();
      this.#options.say('Cleared');
    } else return;
    event.preventDefault();
  }
}
