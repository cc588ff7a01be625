/** Ink on pixels. */

import type { Polyline } from './strokes.ts';

// Taken out once: reading the global at every call is slow inside a vm context, as under Jest.
const { ceil, floor, max, min, sqrt } = Math;

/**
 * Draws lines with a round pen, anti-aliased: each pixel gets the strongest cover of any piece,
 * falling from 1 to 0 over `softness` pixels around the pen's edge.
 *
 * @param ink size * size values of 0..1, raised where the pen passes.
 * @param radii half the width of the pen at the start and the end of each line, in pixels.
 */
export function drawLines(
  ink: Float32Array,
  size: number,
  lines: readonly Polyline[],
  radii: readonly (readonly [start: number, end: number])[],
  softness: number,
): void {
  lines.forEach((line, number) => {
    const [from, to] = radii[number] as readonly [number, number];
    const pieces = line.length / 2 - 1;
    for (let piece = 0; piece < pieces; piece++) {
      const radius = from + ((to - from) * (piece + 0.5)) / pieces;
      drawPiece(ink, size, line, piece * 2, radius, softness);
    }
  });
}

/** One straight piece, from the point at `at` of the line to the next. */
function drawPiece(
  ink: Float32Array,
  size: number,
  line: Polyline,
  at: number,
  radius: number,
  softness: number,
): void {
  const x0 = line[at] as number;
  const y0 = line[at + 1] as number;
  const dx = (line[at + 2] as number) - x0;
  const dy = (line[at + 3] as number) - y0;
  const squared = dx * dx + dy * dy;
  const reach = radius + softness / 2;
  const left = max(ceil(min(x0, x0 + dx) - reach), 0);
  const right = min(floor(max(x0, x0 + dx) + reach), size - 1);
  const top = max(ceil(min(y0, y0 + dy) - reach), 0);
  const bottom = min(floor(max(y0, y0 + dy) + reach), size - 1);
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const px = x - x0;
      const py = y - y0;
      // Nearest point of the piece, as a share of its length.
      const t = squared === 0 ? 0 : min(max((px * dx + py * dy) / squared, 0), 1);
      const ex = px - t * dx;
      const ey = py - t * dy;
      const cover = (reach - sqrt(ex * ex + ey * ey)) / softness;
      const index = y * size + x;
      if (cover > (ink[index] as number)) ink[index] = min(cover, 1);
    }
  }
}
