/** Checks of options shared by layers. */
import { fail } from '@hebb/core';
import type { DType, Generator } from '@hebb/core';

/** A positive whole number. */
export function checkCount(layer: string, name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    fail(layer, `${name} is a positive whole number`, String(value));
  }
  return value;
}

/** Positive whole numbers, by name. */
export function checkCounts(layer: string, counts: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(counts)) checkCount(layer, name, value);
}

export function checkHeads(layer: string, width: number, heads: number, name = 'width'): void {
  if (width % heads === 0) return;
  fail(layer, `${name} does not divide among the heads`, String(width), `n · ${heads}`);
}

export function checkShare(layer: string, name: string, value: number): number {
  if (!(value >= 0 && value <= 1)) fail(layer, `${name} is a probability`, String(value), '0 to 1');
  return value;
}

/** How layers are made: what they all get passed. */
export interface How {
  /** Default float32. */
  readonly dtype?: DType | undefined;
  /** Where start values and dropout come from; the default generator when left out. */
  readonly generator?: Generator | undefined;
}

export interface Made {
  readonly dtype?: DType;
  readonly generator?: Generator;
}
export const howOf = ({ dtype, generator }: How): Made => ({
  ...(dtype && { dtype }),
  ...(generator && { generator }),
});
export const typeOf = ({ dtype }: How): { readonly dtype?: DType } => ({ ...(dtype && { dtype }) });
/** Where dropout layers draw from. */
export const sourceOf = ({ generator }: How): { readonly generator?: Generator } => ({
  ...(generator && { generator }),
});
