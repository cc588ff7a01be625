/**
 * All families that can be compared with PyTorch: those of the functional library, and those that need
 * modules, optimizers and layer plugins, which only a composition root brings together.
 */
import { referenceFamilies } from '@hebb/conformance/reference';
import type { FamilyTables } from '@hebb/conformance/reference';
import { attentionFamily } from './attention.ts';
import { initialisers } from './init.ts';
import { optimisers } from './optimisers.ts';
import { training } from './training.ts';

export const families: FamilyTables = {
  ...referenceFamilies,
  attention: attentionFamily,
  init: initialisers,
  optimisers,
  training,
};
