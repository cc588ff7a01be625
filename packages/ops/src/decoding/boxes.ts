/** Rectangles from the outputs of a detector, on the host: what is chosen depends on the numbers. */
import { fail } from '@hebb/core';

export interface NmsOptions {
  /** A box goes when it overlaps a kept one by more than this intersection over union; default 0.5. */
  readonly iouThreshold?: number;
  /** Boxes that score at most this are left out; default none. */
  readonly scoreThreshold?: number;
  /** Most boxes kept; default all. */
  readonly limit?: number;
}

/** Shared area of box `i` of `a` and box `j` of `b` over their united area; 0 where both are empty. */
function overlap(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  const [p, q] = [4 * i, 4 * j];
  const width = Math.max(0, Math.min(a[p + 2]!, b[q + 2]!) - Math.max(a[p]!, b[q]!));
  const height = Math.max(0, Math.min(a[p + 3]!, b[q + 3]!) - Math.max(a[p + 1]!, b[q + 1]!));
  const shared = width * height;
  const area = (box: ArrayLike<number>, at: number): number =>
    (box[at + 2]! - box[at]!) * (box[at + 3]! - box[at + 1]!);
  const total = area(a, p) + area(b, q) - shared;
  return total > 0 ? shared / total : 0;
}

/**
 * Intersection over union of two boxes `[x1, y1, x2, y2]`, 0 to 1; as `torchvision.ops.box_iou`. The order of
 * the axes does not matter as long as it is the same.
 */
export function boxIou(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (const box of [a, b]) {
    if (box.length !== 4) fail('boxIou', 'a box has four numbers', String(box.length), '4');
  }
  return overlap(a, 0, b, 0);
}

/**
 * Non-maximum suppression: which boxes stay, by falling score, when each kept one drops those that overlap it
 * too much; as `torchvision.ops.nms`. Among equal scores the first stays.
 *
 * @param boxes N boxes `[x1, y1, x2, y2]`, one after the other: 4 N numbers.
 * @param scores N numbers.
 */
export function nms(
  boxes: ArrayLike<number>,
  scores: ArrayLike<number>,
  { iouThreshold = 0.5, scoreThreshold = -Infinity, limit = Infinity }: NmsOptions = {},
): number[] {
  if (boxes.length !== 4 * scores.length) {
    fail(
      'nms',
      'boxes and scores do not fit',
      `${boxes.length} coordinates for ${scores.length} scores`,
      String(4 * scores.length),
    );
  }
  const order = Array.from({ length: scores.length }, (_, i) => i)
    .filter((i) => scores[i]! > scoreThreshold)
    .sort((i, j) => scores[j]! - scores[i]! || i - j);
  const kept: number[] = [];
  for (const i of order) {
    if (kept.length >= limit) break;
    if (kept.every((j) => overlap(boxes, i, boxes, j) <= iouThreshold)) kept.push(i);
  }
  return kept;
}
