/** Points in a plane, each of one of two kinds. */
import { seededUniform } from '@hebb/ops';

/** Points lie within ±extent in both directions. */
export const extent = 6;

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly kind: 0 | 1;
}

export const datasets = ['circles', 'moons', 'xor', 'spiral', 'blobs'] as const;
export type DatasetName = (typeof datasets)[number];

export interface DatasetOptions {
  readonly count: number;
  /** 0 to 1: how far points stray. */
  readonly noise: number;
  readonly seed: number;
}

/** Standard normal numbers from uniform ones (Box & Muller 1958). */
export function normals(uniform: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

type Make = (kind: 0 | 1, uniform: () => number) => readonly [x: number, y: number];

const makers: Readonly<Record<DatasetName, Make>> = {
  circles: (kind, uniform) => {
    const radius = kind === 1 ? 2 * Math.sqrt(uniform()) : 3.6 + 1.4 * uniform();
    const angle = 2 * Math.PI * uniform();
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  moons: (kind, uniform) => {
    const angle = Math.PI * uniform();
    const [x, y] = [3.2 * Math.cos(angle), 3.2 * Math.sin(angle)];
    return kind === 1 ? [x - 1.6, y - 0.9] : [1.6 - x, 0.9 - y];
  },
  xor: (kind, uniform) => {
    const x = (0.35 + 4.4 * uniform()) * (uniform() < 0.5 ? -1 : 1);
    const y = 0.35 + 4.4 * uniform();
    return [x, (kind === 1) === x > 0 ? y : -y];
  },
  spiral: (kind, uniform) => {
    const along = 0.06 + 0.94 * uniform();
    const angle = 1.75 * 2 * Math.PI * along + (kind === 1 ? 0 : Math.PI);
    return [5 * along * Math.sin(angle), 5 * along * Math.cos(angle)];
  },
  blobs: (kind, uniform) => {
    const normal = normals(uniform);
    const at = kind === 1 ? 2 : -2;
    return [at + 0.7 * normal(), at + 0.7 * normal()];
  },
};

/** Half of each kind, in turn; the same for the same seed. Noise is normal; points stay within ±extent. */
export function makePoints(name: DatasetName, { count, noise, seed }: DatasetOptions): Point[] {
  const uniform = seededUniform(seed);
  const normal = normals(uniform);
  const inside = (x: number): number => Math.max(-extent, Math.min(extent, x));
  return Array.from({ length: count }, (_, i) => {
    const kind = (i % 2) as 0 | 1;
    const [x, y] = makers[name](kind, uniform);
    return { x: inside(x + 1.6 * noise * normal()), y: inside(y + 1.6 * noise * normal()), kind };
  });
}
