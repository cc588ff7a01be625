/** The families that this package can compute: those whose ops live in `@hebb/ops`. */
import type { FamilyTables } from '../case.ts';
import { convolution } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { linalgIndexing } from './linalg-indexing.ts';
import { losses } from './losses.ts';
import { normalisation } from './normalisation.ts';
import { recurrent } from './recurrent.ts';
import { reductions } from './reductions.ts';
import { secondOrder } from './second-order.ts';

export const referenceFamilies: FamilyTables = {
  elementwise,
  reductions,
  linalg_indexing: linalgIndexing,
  convolution,
  second_order: secondOrder,
  losses,
  normalisation,
  recurrent,
};
