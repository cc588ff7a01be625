/** Checks of options. */
import { fail } from '@hebb/core';

/** A finite number at least `low`, at most `high`; `open` leaves the upper bound out. */
export function checkNumber(
  op: string,
  name: string,
  value: unknown,
  { low = -Infinity, high = Infinity, open = false } = {},
): number {
  const ok =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    value >= low &&
    (open ? value < high : value <= high);
  if (ok) return value;
  const upper = high === Infinity ? '' : open ? ` and below ${high}` : ` and at most ${high}`;
  return fail(
    op,
    `${name} is not usable`,
    String(value),
    `a finite number${low === -Infinity ? '' : ` of at least ${low}`}${upper}`,
  );
}

/** A whole number of at least `low`. */
export function checkWhole(op: string, name: string, value: unknown, low = 1): number {
  if (Number.isSafeInteger(value) && (value as number) >= low) return value as number;
  return fail(op, `${name} is not usable`, String(value), `a whole number of at least ${low}`);
}

/** Throws for option names that do not exist: plain JavaScript gets no help from types. */
export function checkOptions(op: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) fail(op, 'unknown option', name, known.join(', '));
  }
}
