/** What the generator is to imitate: clouds of points in a plane, or small pictures of shapes. */
import { seededUniform } from '@hebb/ops';
import { normals } from '../toy/data.ts';

/** Samples one after the other: pairs of coordinates, or pictures row after row, values in -1 to 1. */
export type Sampler = (count: number) => Float32Array<ArrayBuffer>;

export const clouds = ['ring', 'grid', 'moons', 'spiral', 'heart'] as const;
export type CloudName = (typeof clouds)[number];
export const pictures = ['shapes', 'digits', 'faces'] as const;
export type PictureName = (typeof pictures)[number];

export const isCloud = (target: CloudName | PictureName): target is CloudName =>
  (clouds as readonly string[]).includes(target);

/** Pixels each way. */
export const pictureSize = 16;

type Place = (uniform: () => number, normal: () => number) => readonly [number, number];

const places: Readonly<Record<CloudName, Place>> = {
  ring: (uniform, normal) => {
    const angle = (2 * Math.PI * Math.floor(8 * uniform())) / 8;
    return [0.72 * Math.cos(angle) + 0.035 * normal(), 0.72 * Math.sin(angle) + 0.035 * normal()];
  },
  grid: (uniform, normal) => {
    const at = (): number => (Math.floor(4 * uniform()) - 1.5) / 2.2 + 0.03 * normal();
    return [at(), at()];
  },
  moons: (uniform, normal) => {
    const angle = Math.PI * uniform();
    const [x, y] = [
      0.52 * Math.cos(angle) + 0.03 * normal(),
      0.52 * Math.sin(angle) + 0.03 * normal(),
    ];
    return uniform() < 0.5 ? [x - 0.26, y - 0.14] : [0.26 - x, 0.14 - y];
  },
  spiral: (uniform, normal) => {
    const along = Math.sqrt(uniform());
    const angle = 1.5 * 2 * Math.PI * along;
    return [
      0.8 * along * Math.cos(angle) + 0.02 * normal(),
      0.8 * along * Math.sin(angle) + 0.02 * normal(),
    ];
  },
  heart: (uniform, normal) => {
    const t = 2 * Math.PI * uniform();
    const y = 13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t);
    return [0.8 * Math.sin(t) ** 3 + 0.02 * normal(), y / 20 + 0.1 + 0.02 * normal()];
  },
};

/** The same points for the same seed. Nearly all lie within ±1. */
export function cloudSampler(name: CloudName, seed: number): Sampler {
  const uniform = seededUniform(seed);
  const normal = normals(uniform);
  return (count) => {
    const found = new Float32Array(2 * count);
    for (let i = 0; i < count; i++) found.set(places[name](uniform, normal), 2 * i);
    return found;
  };
}

/** Distance to a form's edge, negative inside, in units of half the picture. */
type Distance = (x: number, y: number) => number;

const segment = (x: number, y: number, [ax, ay, bx, by]: readonly number[]): number => {
  const [dx, dy] = [bx! - ax!, by! - ay!];
  const t = Math.max(0, Math.min(1, ((x - ax!) * dx + (y - ay!) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - ax! - t * dx, y - ay! - t * dy);
};
const strokes =
  (lines: readonly (readonly number[])[], width: number): Distance =>
  (x, y) =>
    Math.min(...lines.map((line) => segment(x, y, line))) - width;

/** Seven strokes as on a pocket calculator: top, middle, bottom, then left and right above and below. */
const bars = [
  [-0.4, -0.7, 0.4, -0.7],
  [-0.4, 0, 0.4, 0],
  [-0.4, 0.7, 0.4, 0.7],
  [-0.4, -0.7, -0.4, 0],
  [0.4, -0.7, 0.4, 0],
  [-0.4, 0, -0.4, 0.7],
  [0.4, 0, 0.4, 0.7],
] as const;
const barsOf = [
  '023456',
  '46',
  '01245',
  '01246',
  '1346',
  '01236',
  '012356',
  '046',
  '0123456',
  '012346',
];

type Form = (uniform: () => number) => Distance;

const forms: Readonly<Record<PictureName, Form>> = {
  shapes: (uniform) => {
    const [size, cx, cy] = [
      0.42 + 0.25 * uniform(),
      0.4 * (uniform() - 0.5),
      0.4 * (uniform() - 0.5),
    ];
    const kind = Math.floor(4 * uniform());
    if (kind === 0) return (x, y) => Math.hypot(x - cx, y - cy) - size;
    if (kind === 1) return (x, y) => Math.max(Math.abs(x - cx), Math.abs(y - cy)) - 0.85 * size;
    if (kind === 2) return (x, y) => Math.abs(Math.hypot(x - cx, y - cy) - size) - 0.15;
    const s = 0.8 * size;
    return strokes(
      [
        [cx - s, cy - s, cx + s, cy + s],
        [cx - s, cy + s, cx + s, cy - s],
      ],
      0.14,
    );
  },
  digits: (uniform) => {
    const lines = [...barsOf[Math.floor(10 * uniform())]!].map((bar) => bars[Number(bar)]!);
    const [slant, grow] = [0.3 * (uniform() - 0.2), 0.85 + 0.25 * uniform()];
    const [cx, cy] = [0.16 * (uniform() - 0.5), 0.16 * (uniform() - 0.5)];
    const form = strokes(lines, 0.07 + 0.09 * uniform());
    return (x, y) => form((x - cx) / grow + (slant * (y - cy)) / grow, (y - cy) / grow);
  },
  faces: (uniform) => {
    const [eye, apart] = [0.09 + 0.07 * uniform(), 0.25 + 0.1 * uniform()];
    const [smile, up] = [0.45 * (uniform() - 0.35), -0.22 + 0.12 * (uniform() - 0.5)];
    const mouth = [-1, -0.5, 0, 0.5, 1].map(
      (t) => [0.38 * t, 0.38 + smile * (0.5 - t * t)] as const,
    );
    const lips = strokes(
      mouth.slice(1).map(([x, y], i) => [...mouth[i]!, x, y]),
      0.07,
    );
    return (x, y) =>
      Math.min(
        Math.abs(Math.hypot(x, y) - 0.84) - 0.06,
        Math.hypot(Math.abs(x) - apart, y - up) - eye,
        lips(x, y),
      );
  },
};

/** Light forms (1) on dark ground (-1), with soft edges; the same for the same seed. */
export function pictureSampler(name: PictureName, seed: number): Sampler {
  const uniform = seededUniform(seed);
  const pixels = pictureSize ** 2;
  return (count) => {
    const found = new Float32Array(count * pixels);
    for (let n = 0; n < count; n++) {
      const form = forms[name](uniform);
      for (let i = 0; i < pixels; i++) {
        const x = (2 * ((i % pictureSize) + 0.5)) / pictureSize - 1;
        const y = (2 * (Math.floor(i / pictureSize) + 0.5)) / pictureSize - 1;
        // The edge is a pixel wide.
        const cover = Math.max(0, Math.min(1, 0.5 - form(x, y) * (pictureSize / 2)));
        found[n * pixels + i] = 2 * cover - 1;
      }
    }
    return found;
  };
}
