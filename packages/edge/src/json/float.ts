/** Decimal digits to the nearest double, without a text in between. */

/** Powers of ten that a double holds exactly. */
const powers = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));
/** Digits of the first part of a number and, at most, of the second: each is an integer of 31 bits. */
export const headDigits = 9;

/** Veltkamp's splitter for 53 bits. */
const splitter = 2 ** 27 + 1;

/** What `product` is off from a * b (Dekker 1971), exactly; a and b below 2^970. */
function productError(a: number, b: number, product: number): number {
  const ca = splitter * a;
  const ah = ca - (ca - a);
  const al = a - ah;
  const cb = splitter * b;
  const bh = cb - (cb - b);
  const bl = b - bh;
  return al * bl - (product - ah * bh - al * bh - ah * bl);
}

/**
 * The number of these digits (the first nine in `head`, up to nine more in `tail`) divided by 10^exponent, correctly
 * rounded, or NaN where that takes more than this. Up to 15 digits are one operation on what is exact (Clinger 1990);
 * with more the quotient is computed to twice the precision, and given only where that decides how it is rounded.
 */
export function doubleOf(head: number, tail: number, digits: number, exponent: number): number {
  if (exponent > 22) return NaN;
  const divisor = powers[exponent]!;
  const scale = digits > headDigits ? powers[digits - headDigits]! : 1;
  const product = head * scale;
  if (digits <= 15) return (product + tail) / divisor;
  // The digits as the sum of two doubles.
  const high = product + tail;
  const low = tail - (high - product) + productError(head, scale, product);
  // Their quotient as the sum of two doubles.
  const first = high / divisor;
  const whole = first * divisor;
  const rest = high - whole - productError(first, divisor, whole) + low;
  const second = rest / divisor;
  const sum = first + second;
  const off = second - (sum - first);
  return sum + off * (1 + 2 ** -20) === sum ? sum : NaN;
}
