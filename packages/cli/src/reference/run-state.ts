/** What training runs start from and end with. */
import type { Tensor } from '@hebb/core';
import { SkipCase, attrs as read } from '@hebb/conformance/reference';
import type { CaseAttrs, ReferenceCase, Tensors } from '@hebb/conformance/reference';
import type { Module } from '@hebb/nn';
import type { Optimizer } from '@hebb/train';
import { optimizers } from './optimisers.ts';
import { settingsOf } from './settings.ts';

/** The optimizer that the case's settings describe; `rate` names its learning rate. */
export function optimizerOf(attrs: CaseAttrs, foreign: readonly string[], rate = 'lr'): Optimizer {
  const name = read.text(attrs['optimizer']);
  const makers: Readonly<Record<string, (attrs: object) => Optimizer>> = optimizers;
  const make = makers[name];
  if (make === undefined) throw new SkipCase(`optimizer ${name} is not in the table of optimisers`);
  return make({ ...settingsOf<object>(attrs, ...foreign), lr: read.num(attrs[rate]) });
}

interface NameOptions {
  /** Of the case: what stands before the model's own names. */
  readonly prefix?: string;
  /** From the names of one side to those of the other. */
  readonly rename?: (name: string) => string;
}
const same = (name: string): string => name;

/** Values at the end under the names of the case: `final.conv1.weight`. */
export async function finalState(
  model: Module,
  { prefix = '', rename = same }: NameOptions = {},
): Promise<Tensors> {
  const state = Object.entries(await model.stateDict());
  return Object.fromEntries(
    state.map(([name, value]) => [`final.${prefix}${rename(name)}`, value]),
  );
}

/** Gives a model the case's start values, those under `prefix`. */
export function load(
  model: Module,
  tensors: Tensors,
  given: ReferenceCase,
  { prefix = '', rename = same }: NameOptions = {},
): void {
  const own = Object.keys(given.params).filter((name) => name.startsWith(prefix));
  const values = own.map((name) => [rename(name.slice(prefix.length)), tensors[name]!]);
  const { missing } = model.loadStateDict(Object.fromEntries(values) as Record<string, Tensor>, {
    strict: false,
  });
  const buffers = new Set(model.namedBuffers().keys());
  const lacking = missing.filter((name) => !buffers.has(name));
  if (lacking.length > 0) throw new TypeError(`the case has no ${lacking.join(', ')}`);
}
