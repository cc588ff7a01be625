/** A line search: how far to go along a direction. On numbers of the host. */

/** A place on the line: how far along, the value, the gradient, and its slope along the line. */
export interface LinePoint {
  readonly t: number;
  readonly f: number;
  readonly g: Float64Array;
  readonly slope: number;
}

export interface WolfeOptions {
  /** Sufficient decrease and curvature; 1e-4 and 0.9. */
  readonly c1?: number;
  readonly c2?: number;
  /** Smaller changes of any entry end the search. */
  readonly toleranceChange: number;
  readonly maxEvaluations?: number;
  /** Largest entry of the direction. */
  readonly reach: number;
}

/** Where the cubic through both values and slopes is least, within the bounds; else their middle. */
export function cubicMinimum(
  a: LinePoint,
  b: LinePoint,
  [low, high]: readonly [number, number] = a.t <= b.t ? [a.t, b.t] : [b.t, a.t],
): number {
  const d1 = a.slope + b.slope - (3 * (a.f - b.f)) / (a.t - b.t);
  const square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const [left, right] = a.t <= b.t ? [a, b] : [b, a];
  const share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2);
  const at = right.t - (right.t - left.t) * share;
  return Math.min(Math.max(at, low), high);
}

/**
 * A step that meets the strong Wolfe conditions, from `start` (t 0) with `first` as the first trial.
 * Nocedal & Wright 2006, algorithms 3.5 and 3.6, with the safeguards of minFunc (Schmidt 2005), as PyTorch
 * has them. Gives the best point found when it runs out of trials.
 */
export async function strongWolfe(
  at: (t: number) => Promise<LinePoint>,
  start: LinePoint,
  first: number,
  { c1 = 1e-4, c2 = 0.9, toleranceChange, maxEvaluations = 25, reach }: WolfeOptions,
): Promise<LinePoint> {
  const tooHigh = (p: LinePoint): boolean => p.f > start.f + c1 * p.t * start.slope;
  const flat = (p: LinePoint): boolean => Math.abs(p.slope) <= -c2 * start.slope;
  let previous = start;
  let point = await at(first);
  let trials = 0;
  let bracket: [LinePoint, LinePoint] | undefined;
  while (trials < maxEvaluations) {
    if (tooHigh(point) || (trials > 1 && point.f >= previous.f)) bracket = [previous, point];
    else if (flat(point)) return point;
    else if (point.slope >= 0) bracket = [previous, point];
    if (bracket !== undefined) break;
    const bounds = [point.t + 0.01 * (point.t - previous.t), point.t * 10] as const;
    const t = cubicMinimum(previous, point, bounds);
    previous = point;
    point = await at(t);
    trials += 1;
  }
  if (bracket === undefined) return start.f <= point.f ? start : point;

  // Zoom: `low` has the lower value of the two.
  let [low, high] = bracket[0].f <= bracket[1].f ? bracket : [bracket[1], bracket[0]];
  let stuck = false;
  while (trials < maxEvaluations) {
    if (Math.abs(high.t - low.t) * reach < toleranceChange) break;
    const [least, most] = low.t <= high.t ? [low.t, high.t] : [high.t, low.t];
    let t = cubicMinimum(low, high);
    // Too near an end twice in a row, or beyond it: move away from it by a tenth.
    const margin = 0.1 * (most - least);
    if (Math.min(most - t, t - least) < margin) {
      if (stuck || t >= most || t <= least) {
        t = Math.abs(t - most) < Math.abs(t - least) ? most - margin : least + margin;
        stuck = false;
      } else stuck = true;
    } else stuck = false;
    const found = await at(t);
    trials += 1;
    if (tooHigh(found) || found.f >= low.f) {
      high = found;
      if (!(low.f <= high.f)) [low, high] = [high, low];
      continue;
    }
    if (flat(found)) return found;
    if (found.slope * (high.t - low.t) >= 0) high = low;
    low = found;
  }
  return low;
}
