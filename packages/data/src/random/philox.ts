/**
 * Philox4x32-10, a counter-based generator: Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3" (SC'11). Integer arithmetic only, so the same seed gives the same bits in every engine,
 * and stream `k` can be drawn without drawing the streams before it.
 */

import { DataError } from '../error.ts';

// Taken out once: reading the global at every call is slow inside a vm context, as under Jest.
const { floor, imul } = Math;

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
const ROUNDS = 10;

/** High 32 bits of a 32×32-bit product, from 16-bit halves: doubles cannot hold 64 bits exactly. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + floor(middle / 0x10000) + floor(carry / 0x10000)) >>> 0;
}

/** A seed is any safe integer of at least 0; both of its halves enter the key. */
export function checkSeed(op: string, seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new DataError(op, 'the seed is not a whole number of at least 0', { got: String(seed) });
  }
}

/** Random numbers of one stream under one seed. */
export class Philox {
  readonly #key0: number;
  readonly #key1: number;
  readonly #streamLow: number;
  readonly #streamHigh: number;
  readonly #block = new Uint32Array(4);
  #counter = 0;
  #used = 4;

  /**
   * @param seed whole number from 0 to 2^53 - 1.
   * @param stream whole number from 0 to 2^53 - 1; different streams are independent.
   */
  constructor(seed: number, stream = 0) {
    checkSeed('Philox', seed);
    checkSeed('Philox', stream);
    this.#key0 = seed >>> 0;
    this.#key1 = floor(seed / 0x100000000) >>> 0;
    this.#streamLow = stream >>> 0;
    this.#streamHigh = floor(stream / 0x100000000) >>> 0;
  }

  /** The next whole number from 0 to 2^32 - 1. */
  uint32(): number {
    if (this.#used === 4) this.#refill();
    return this.#block[this.#used++] as number;
  }

  /** The next number from 0 up to but not including 1, a multiple of 2^-32. */
  uniform(): number {
    return this.uint32() / 0x100000000;
  }

  /** The next number between `low` and `high`. */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /**
   * A bell-shaped number of mean 0 and variance 1, between -3.46 and 3.46: four uniforms summed. Not
   * exactly normal, but without logarithm and cosine, whose last bit differs between engines.
   */
  bell(): number {
    const sum = this.uniform() + this.uniform() + this.uniform() + this.uniform();
    return (sum - 2) * 1.7320508075688772; // variance of the sum is 4/12
  }

  /** The next `count` bell-shaped numbers: the noise that a generator draws from, the same in every engine. */
  bells(count: number): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length: count }, () => this.bell());
  }

  /** A whole number from 0 to `range` - 1, each equally likely (biased tail rejected). */
  below(range: number): number {
    const limit = 0x100000000 - (0x100000000 % range);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % range;
  }

  #refill(): void {
    let c0 = this.#counter >>> 0;
    let c1 = floor(this.#counter / 0x100000000) >>> 0;
    let c2 = this.#streamLow;
    let c3 = this.#streamHigh;
    let k0 = this.#key0;
    let k1 = this.#key1;
    for (let round = 0; round < ROUNDS; round++) {
      const high0 = mulHigh(M0, c0);
      const low0 = imul(M0, c0) >>> 0;
      const high1 = mulHigh(M1, c2);
      const low1 = imul(M1, c2) >>> 0;
      c0 = (high1 ^ c1 ^ k0) >>> 0;
      c1 = low1;
      c2 = (high0 ^ c3 ^ k1) >>> 0;
      c3 = low0;
      k0 = (k0 + W0) >>> 0;
      k1 = (k1 + W1) >>> 0;
    }
    this.#block[0] = c0;
    this.#block[1] = c1;
    this.#block[2] = c2;
    this.#block[3] = c3;
    this.#counter++;
    this.#used = 0;
  }
}
