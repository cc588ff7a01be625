/** The plane with its points, where people put points of their own: by pointer, or by arrow keys and Enter. */
import { el } from '../../ui/dom.ts';
import { colour, onTheme } from '../../ui/theme.ts';
import { extent } from './data.ts';
import type { Point } from './data.ts';
import { resolution } from './settings.ts';
import { paintField } from './paint.ts';

export interface PlaneOptions {
  readonly signal: AbortSignal;
  readonly add: (x: number, y: number) => void;
}

export interface Plane {
  readonly element: HTMLElement;
  points(train: readonly Point[], test: readonly Point[]): void;
  /** Probabilities of kind 1. */
  surface(values: Float32Array): void;
  describe(text: string): void;
}

const pixels = 480;

export function plane({ signal, add }: PlaneOptions): Plane {
  const canvas = el('canvas', {
    class: 'plane',
    width: pixels,
    height: pixels,
    tabindex: 0,
    role: 'application',
    'aria-roledescription': 'plane',
    'aria-label':
      'Plane with points and decision surface. Arrow keys move a cross, Enter adds a point there.',
  });
  let [train, test]: (readonly Point[])[] = [[], []];
  let values: Float32Array | undefined;
  let cross: { x: number; y: number } | undefined;
  let asked = 0;

  const pixel = (x: number): number => ((x / extent + 1) / 2) * pixels;
  const draw = (): void => {
    asked = 0;
    const context = canvas.getContext('2d');
    if (context === null) return;
    context.clearRect(0, 0, pixels, pixels);
    if (values !== undefined)
      paintField(
        canvas,
        values.map((p) => 2 * p - 1),
        resolution,
        0.55,
      );
    const [positive, negative, rim] = ['--map-positive', '--map-negative', '--card'].map(colour);
    const dot = ({ x, y, kind }: Point, learnt: boolean): void => {
      context.beginPath();
      context.arc(pixel(x), pixel(-y), learnt ? 6 : 4.5, 0, 2 * Math.PI);
      context.lineWidth = learnt ? 2 : 2.5;
      context.strokeStyle = learnt ? rim! : kind === 1 ? positive! : negative!;
      context.fillStyle = learnt ? (kind === 1 ? positive! : negative!) : rim!;
      context.fill();
      context.stroke();
    };
    for (const point of test!) dot(point, false);
    for (const point of train!) dot(point, true);
    if (cross !== undefined && document.activeElement === canvas) {
      const [x, y] = [pixel(cross.x), pixel(-cross.y)];
      context.strokeStyle = colour('--ink');
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(x - 12, y);
      context.lineTo(x + 12, y);
      context.moveTo(x, y - 12);
      context.lineTo(x, y + 12);
      context.stroke();
    }
  };
  const ask = (): void => {
    if (asked === 0) asked = requestAnimationFrame(draw);
  };
  canvas.addEventListener('click', (event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    add(extent * (2 * x - 1), -extent * (2 * y - 1));
  });
  const ways: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, 1],
    ArrowDown: [0, -1],
  };
  canvas.addEventListener('keydown', (event) => {
    const way = ways[event.key];
    const at = cross ?? { x: 0, y: 0 };
    if (way !== undefined) {
      const by = event.shiftKey ? 0.1 : 0.5;
      const inside = (x: number): number => Math.max(-extent, Math.min(extent, x));
      cross = { x: inside(at.x + by * way[0]), y: inside(at.y + by * way[1]) };
    } else if (event.key === 'Enter' || event.key === ' ') {
      cross = at;
      add(at.x, at.y);
    } else return;
    event.preventDefault();
    ask();
  });
  canvas.addEventListener('focus', ask);
  canvas.addEventListener('blur', ask);
  onTheme(ask, signal);
  const description = el('p', { class: 'visually-hidden', id: 'plane-words' });
  canvas.setAttribute('aria-describedby', 'plane-words');
  return {
    element: el('div', {}, canvas, description),
    points(nextTrain, nextTest) {
      [train, test] = [nextTrain, nextTest];
      ask();
    },
    surface(next) {
      values = next;
      ask();
    },
    describe(text) {
      description.textContent = text;
    },
  };
}
