/** PyTorch's settings under our names. */
import { attrs as read } from '@hebb/conformance/reference';
import type { CaseAttrs } from '@hebb/conformance/reference';

/** `weight_decay` -> `weightDecay`. */
export const camel = (name: string): string =>
  name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The settings, less those that belong to the case. Constructors check names and values themselves. */
export function settingsOf<Options>(attrs: CaseAttrs, ...foreign: readonly string[]): Options {
  return Object.fromEntries(
    Object.entries(attrs)
      .filter(([name]) => !foreign.includes(name))
      .map(([name, value]) => [camel(name), value]),
  ) as Options;
}

/** A list of settings, one record each. */
export const records = (value: CaseAttrs[string] | undefined): readonly CaseAttrs[] =>
  Array.isArray(value) ? (value as readonly CaseAttrs[]) : [];

/** A list of names. */
export const names = (value: CaseAttrs[string] | undefined): string[] =>
  Array.isArray(value) ? value.map((item: CaseAttrs[string]) => read.text(item)) : [];
