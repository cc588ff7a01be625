/**
 * Several vectors that go through the same function: each step for all of them before the next one. A
 * constant is then loaded once for all, and their chains of dependent operations overlap without filling the
 * machine's queues.
 */
import { f32x4, i32, i32x4 } from '../wasm/index.ts';
import type { FunctionBuilder, V128 } from '../wasm/index.ts';
import { madd, nmadd } from '../routines/target.ts';
import type { Target } from '../routines/target.ts';
import { float, int } from './constants.ts';

export type Vectors = readonly V128[];

export class Wide {
  readonly #f: FunctionBuilder;
  readonly #target: Target;

  constructor(f: FunctionBuilder, target: Target) {
    this.#f = f;
    this.#target = target;
  }

  /** A constant for all, in a register. */
  float(value: number): V128 {
    return this.#f.let(float(value));
  }
  int(value: number): V128 {
    return this.#f.let(int(value));
  }

  each(x: Vectors, body: (x: V128, i: number) => V128): Vectors {
    return x.map((value, i) => this.#f.let(body(value, i)));
  }

  add(x: Vectors, y: Vectors | V128): Vectors {
    return this.each(x, (value, i) => f32x4.add(value, at(y, i)));
  }
  sub(x: Vectors, y: Vectors | V128): Vectors {
    return this.each(x, (value, i) => f32x4.sub(value, at(y, i)));
  }
  mul(x: Vectors, y: Vectors | V128): Vectors {
    return this.each(x, (value, i) => f32x4.mul(value, at(y, i)));
  }
  /** x · y + z. */
  madd(x: Vectors, y: Vectors | V128, z: Vectors | V128): Vectors {
    return this.each(x, (value, i) => madd(this.#target, value, at(y, i), at(z, i)));
  }
  /** z - x · y. */
  nmadd(x: Vectors, y: Vectors | V128, z: Vectors | V128): Vectors {
    return this.each(x, (value, i) => nmadd(this.#target, value, at(y, i), at(z, i)));
  }
  /** NaN stays. */
  clamp(x: Vectors, low: number, high: number): Vectors {
    const most = this.float(high);
    const below = this.each(x, (value) => f32x4.pmin(value, most));
    const least = this.float(low);
    return this.each(below, (value) => f32x4.pmax(value, least));
  }
  /** 2 to an integer power between -126 and 127, of which the lowest nine bits are read. */
  powerOfTwo(n: Vectors): Vectors {
    const one = this.float(1);
    const shifted = this.each(n, (value) => i32x4.shl(value, i32.const(23)));
    return this.each(shifted, (value) => i32x4.add(value, one));
  }

  /**
   * c0 + c1 x + c2 x² + … with even and odd powers in two chains, so that half of the latency goes by at the
   * same time.
   */
  polynomial(x: Vectors, coefficients: readonly number[]): Vectors {
    if (coefficients.length < 5) return this.#horner(x, coefficients);
    const square = this.mul(x, x);
    const even = this.#horner(
      square,
      coefficients.filter((_, i) => i % 2 === 0),
    );
    const odd = this.#horner(
      square,
      coefficients.filter((_, i) => i % 2 === 1),
    );
    return this.madd(odd, x, even);
  }

  #horner(x: Vectors, coefficients: readonly number[]): Vectors {
    const first = this.float(coefficients.at(-1)!);
    let y: Vectors = x.map(() => first);
    for (let i = coefficients.length - 2; i >= 0; i--) {
      y = this.madd(y, x, this.float(coefficients[i]!));
    }
    return y;
  }
}

const at = (list: Vectors | V128, i: number): V128 =>
  Array.isArray(list) ? (list as Vectors)[i]! : (list as V128);
