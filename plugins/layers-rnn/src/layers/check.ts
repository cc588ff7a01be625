/** Checks of settings, at construction rather than at the first call. */
import { fail } from '@hebb/core';

export type Nonlinearity = 'tanh' | 'relu';

export function nonlinearityOf(layer: string, value: Nonlinearity = 'tanh'): Nonlinearity {
  if (value !== 'tanh' && value !== 'relu') {
    fail(layer, 'unknown nonlinearity', String(value), 'tanh or relu');
  }
  return value;
}
