/** The planner of each primitive. */
import type { Pool } from '../pool.ts';
import type { NodePlanner } from '../program.ts';
import { bitcast, cast, widened } from './cast.ts';
import { constants } from './constant.ts';
import { matmul } from './contraction.ts';
import { convolutions } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { fold, movement } from './movement.ts';
import { reductions } from './reduce.ts';
import { scanPlanner } from './scan.ts';

type Planners = { readonly [op: string]: NodePlanner };

const wide = (planners: Planners, dtype: 'float32' | 'float64'): Planners =>
  Object.fromEntries(
    Object.entries(planners).map(([op, planner]) => [op, widened(planner, dtype)]),
  );

const { where, ...arithmetic } = elementwise;

/** 16-bit floats: movement, choice and indexing work on the bits, everything else on wider floats. */
const common: Planners = {
  ...constants,
  ...movement,
  ...indexing,
  where: where!,
  cast,
  bitcast,
  ...wide({ ...arithmetic, ...reductions, fold }, 'float64'),
  ...wide({ matmul, ...convolutions }, 'float32'),
};

export function planners(pool: Pool): Planners {
  const all: Planners = { ...common, scan: scanPlanner(pool, () => all) };
  return all;
}
