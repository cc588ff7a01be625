/** All primitives: what a backend implements. */
import type { Op } from '../op.ts';
import { constantOps } from './constant.ts';
import { contractionOps } from './contraction.ts';
import { binaryOps, choiceOps, unaryOps } from './elementwise.ts';
import { indexingOps } from './indexing.ts';
import { movementOps } from './movement.ts';
import { orderOps, reduceOps } from './reduce.ts';
import { scanOps } from './scan.ts';

/** Every primitive record, grouped as the files are. */
export const primitives: readonly Op[] = [
  ...constantOps,
  ...unaryOps,
  ...binaryOps,
  ...choiceOps,
  ...movementOps,
  ...reduceOps,
  ...orderOps,
  ...indexingOps,
  ...contractionOps,
  ...scanOps,
];
