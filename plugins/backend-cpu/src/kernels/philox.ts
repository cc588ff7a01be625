/**
 * Philox4x32-10. Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * Word i of the output is word i mod 4 of the block with counter (⌊i/4⌋, 0, 0, 0).
 */
// Local names: in the contexts that tests run in, every use of a global is a slow call.
const { floor, imul } = Math;
const m0 = 0xd2511f53;
const m1 = 0xcd9e8d57;
const w0 = 0x9e3779b9;
const w1 = 0xbb67ae85;

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function mulHigh(x: number, y: number): number {
  const [xl, xh, yl, yh] = [x & 0xffff, x >>> 16, y & 0xffff, y >>> 16];
  const low = xl * yl;
  const middle = xh * yl + floor(low / 65536);
  const cross = (middle % 65536) + xl * yh;
  return (xh * yh + floor(middle / 65536) + floor(cross / 65536)) >>> 0;
}

/** One block: fills `out` from `at` with the four words of the counter. */
export function philoxBlock(
  out: Uint32Array,
  at: number,
  counter: readonly [number, number, number, number],
  key0: number,
  key1: number,
): void {
  let [c0, c1, c2, c3] = counter;
  let k0 = key0;
  let k1 = key1;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(m0, c0 >>> 0);
    const low0 = imul(m0, c0);
    const high1 = mulHigh(m1, c2 >>> 0);
    const low1 = imul(m1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + w0) | 0;
    k1 = (k1 + w1) | 0;
  }
  out[at] = c0;
  out[at + 1] = c1;
  out[at + 2] = c2;
  out[at + 3] = c3;
}

export function philox(out: Uint32Array, key0: number, key1: number): void {
  const whole = out.length - (out.length % 4);
  for (let at = 0; at < whole; at += 4) philoxBlock(out, at, [at / 4, 0, 0, 0], key0, key1);
  if (whole < out.length) {
    const last = new Uint32Array(4);
    philoxBlock(last, 0, [whole / 4, 0, 0, 0], key0, key1);
    out.set(last.subarray(0, out.length - whole), whole);
  }
}
