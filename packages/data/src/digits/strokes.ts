/** From a style to the path of a shaky pen: jittered anchors, smooth curves, warped and sheared. */

import type { Philox } from '../random/philox.ts';
import type { Style } from './styles.ts';

// Taken out once: reading the global at every call is slow inside a vm context, as under Jest.
const { floor, max, min, sqrt } = Math;

/** A chain of straight pieces, points as x, y pairs. */
export type Polyline = Float64Array;

/** Pieces per pair of anchors; at 28 pixels each is about a pixel long. */
const PIECES = 7;

/** A point at `t` in 0..1 between p1 and p2 of a uniform Catmull-Rom spline (Catmull and Rom 1974). */
function spline(p0: number, p1: number, p2: number, p3: number, t: number): number {
  const a = 2 * p1;
  const b = p2 - p0;
  const c = 2 * p0 - 5 * p1 + 4 * p2 - p3;
  const d = 3 * p1 - p0 - 3 * p2 + p3;
  return (a + (b + (c + d * t) * t) * t) / 2;
}

function flatten(stroke: readonly number[], x: Float64Array, y: Float64Array): Polyline {
  const last = stroke.length - 1;
  const closed = last > 2 && stroke[0] === stroke[last];
  const at = (i: number): number => {
    if (i < 0) return stroke[closed ? last - 1 : 0] as number;
    return stroke[i > last ? (closed ? 1 : last) : i] as number;
  };
  const points = new Float64Array(2 * (last * PIECES + 1));
  let to = 0;
  for (let i = 0; i < last; i++) {
    const [p0, p1, p2, p3] = [at(i - 1), at(i), at(i + 1), at(i + 2)] as const;
    for (let k = i === 0 ? 0 : 1; k <= PIECES; k++) {
      const t = k / PIECES;
      for (const axis of [x, y]) {
        points[to++] = spline(
          axis[p0] as number,
          axis[p1] as number,
          axis[p2] as number,
          axis[p3] as number,
          t,
        );
      }
    }
  }
  return points;
}

/** Control points a side of the field that warps the box; the two outer ones lie outside it. */
const GRID = 5;

/** Weights of the four nearest control points of a uniform cubic B-spline, at `t` in 0..1. */
function splineWeights(t: number, into: Float64Array): void {
  const s = 1 - t;
  into[0] = (s * s * s) / 6;
  into[1] = (3 * t * t * t - 6 * t * t + 4) / 6;
  into[2] = (3 * s * s * s - 6 * s * s + 4) / 6;
  into[3] = (t * t * t) / 6;
}

/**
 * Displaces points by a random smooth field, a B-spline surface over random control points; the
 * idea of elastic distortion: Simard, Steinkraus and Platt 2003, "Best practices for convolutional
 * neural networks applied to visual document analysis".
 */
function warp(lines: readonly Polyline[], strength: number, random: Philox): void {
  const field = Float64Array.from({ length: GRID * GRID * 2 }, () => random.bell() * strength);
  const across = new Float64Array(4);
  const down = new Float64Array(4);
  const cells = GRID - 3;
  for (const line of lines) {
    for (let i = 0; i < line.length; i += 2) {
      const x = min(max(line[i] as number, 0), 1) * cells;
      const y = min(max(line[i + 1] as number, 0), 1) * cells;
      const column = min(floor(x), cells - 1);
      const row = min(floor(y), cells - 1);
      splineWeights(x - column, across);
      splineWeights(y - row, down);
      for (let r = 0; r < 4; r++) {
        for (let c = 0; c < 4; c++) {
          const weight = (down[r] as number) * (across[c] as number);
          const at = ((row + r) * GRID + column + c) * 2;
          line[i] = (line[i] as number) + weight * (field[at] as number);
          line[i + 1] = (line[i + 1] as number) + weight * (field[at + 1] as number);
        }
      }
    }
  }
}

/** Rotation, shear and uneven scale about the origin. */
function deform(lines: readonly Polyline[], random: Philox): void {
  // Angle by the tangent of its half: sine and cosine are rational in it, so no engine's own differ.
  const half = random.bell() * 0.05;
  const cos = (1 - half * half) / (1 + half * half);
  const sin = (2 * half) / (1 + half * half);
  // Most people lean to the right.
  const shear = -0.16 + random.bell() * 0.2;
  const narrow = random.between(0.6, 1.05);
  for (const line of lines) {
    for (let i = 0; i < line.length; i += 2) {
      const y = (line[i + 1] as number) - 0.5;
      const x = ((line[i] as number) - 0.5) * narrow + shear * y;
      line[i] = cos * x - sin * y;
      line[i + 1] = sin * x + cos * y;
    }
  }
}

/** Scales the longer side of the box around all points to `extent`, which leaves room for the pen. */
function fit(lines: readonly Polyline[], extent: number): void {
  const low = [Infinity, Infinity] as [number, number];
  const high = [-Infinity, -Infinity] as [number, number];
  for (const line of lines) {
    for (let i = 0; i < line.length; i++) {
      const axis = (i & 1) as 0 | 1;
      low[axis] = min(low[axis], line[i] as number);
      high[axis] = max(high[axis], line[i] as number);
    }
  }
  const scale = extent / max(high[0] - low[0], high[1] - low[1], 1e-6);
  for (const line of lines) {
    for (let i = 0; i < line.length; i++) line[i] = (line[i] as number) * scale;
  }
}

/** Moves the centre of mass of the pen's path to (x, y), as MNIST centres its digits. */
function centre(lines: readonly Polyline[], x: number, y: number): void {
  let mass = 0;
  let sumX = 0;
  let sumY = 0;
  for (const line of lines) {
    for (let i = 2; i < line.length; i += 2) {
      const [x0, y0] = [line[i - 2] as number, line[i - 1] as number];
      const [x1, y1] = [line[i] as number, line[i + 1] as number];
      const length = sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0));
      mass += length;
      sumX += (length * (x0 + x1)) / 2;
      sumY += (length * (y0 + y1)) / 2;
    }
  }
  for (const line of lines) {
    for (let i = 0; i < line.length; i += 2) {
      line[i] = (line[i] as number) + x - sumX / mass;
      line[i + 1] = (line[i + 1] as number) + y - sumY / mass;
    }
  }
}

/**
 * Draws one writer's version of a style.
 *
 * @param size side of the image in pixels; the digit fills about 20/28 of it.
 * @param radius half the width of the pen in pixels.
 */
export function write(style: Style, size: number, radius: number, random: Philox): Polyline[] {
  const x = new Float64Array(style.anchors.length);
  const y = new Float64Array(style.anchors.length);
  style.anchors.forEach(([ax, ay], i) => {
    x[i] = ax + random.bell() * 0.014;
    y[i] = ay + random.bell() * 0.014;
  });
  const lines = style.strokes.map((stroke) => flatten(stroke, x, y));
  warp(lines, 0.13, random);
  deform(lines, random);
  const unit = size / 28;
  fit(lines, max(unit * random.between(18.5, 20.5) - 2 * radius, unit));
  const middle = size / 2 - 0.5;
  centre(lines, middle + random.bell() * 0.5 * unit, middle + random.bell() * 0.5 * unit);
  return lines;
}
