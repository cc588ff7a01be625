/** From the network's 4,420 candidates to faces. */
import { boxIou, nms } from '@hebb/ops';

export interface Face {
  /** Left, top, right, bottom as parts of the picture's width and height, 0 to 1. */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  /** 0 to 1. */
  readonly score: number;
}

export interface DetectOptions {
  /** Least score of a face. */
  readonly least: number;
  /** Overlap above which two candidates are the same face. */
  readonly overlap: number;
}

/**
 * @param scores N pairs: no face, face.
 * @param boxes N times left, top, right, bottom.
 */
export function facesOf(
  scores: ArrayLike<number>,
  boxes: ArrayLike<number>,
  { least, overlap }: DetectOptions,
): Face[] {
  const face = Float64Array.from({ length: scores.length / 2 }, (_, i) => scores[2 * i + 1]!);
  return nms(boxes, face, { iouThreshold: overlap, scoreThreshold: least }).map((i) => ({
    box: [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!],
    score: face[i]!,
  }));
}

/** For each wanted face the best overlap with a found one, 0 where there is none; none is used twice. */
export function match(wanted: readonly Face[], found: readonly Face[]): number[] {
  const left = [...found];
  return wanted.map(({ box }) => {
    const overlaps = left.map((face) => boxIou(box, face.box));
    const best = overlaps.indexOf(Math.max(...overlaps));
    if (best < 0) return 0;
    left.splice(best, 1);
    return overlaps[best]!;
  });
}
