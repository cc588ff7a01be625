/** Conversions between element types. */
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';
import { isBig, isHalf } from '../kernels/arrays.ts';
import { boolLoop } from '../kernels/float32.ts';
import type { NodePlanner, Operand, Planner } from '../program.ts';
import { rowsStep } from './elementwise.ts';

/**
 * A 64-bit integer as a float64, rounded to odd where it is inexact: rounding that to float32 or a 16-bit
 * float then gives the correctly rounded result.
 */
function bigToOdd(x: bigint): number {
  const y = Number(x);
  const exact = BigInt(y);
  if (exact === x) return y;
  const bits = new BigInt64Array(1);
  const value = new Float64Array(bits.buffer);
  value[0] = y;
  const tooFar = x < 0n ? exact < x : exact > x;
  bits[0] = (bits[0]! - (tooFar ? 1n : 0n)) | 1n;
  return value[0]!;
}

type Convert = (value: number | bigint) => number | bigint;

/** From a stored element to the number it stands for. */
function reader(dtype: DType): (stored: number | bigint) => number | bigint {
  if (dtype === 'float16') return (x) => float16Value(x as number);
  if (dtype === 'bfloat16') return (x) => bfloat16Value(x as number);
  return (x) => x;
}

/** From a number to what is stored; integers up to 32 bits wrap in the store itself. */
function writer(from: DType, to: DType): Convert {
  if (to === 'bool') return (x) => (x === 0 || x === 0n ? 0 : 1);
  if (isBig(to)) {
    if (isBig(from)) return (x) => x;
    return (x) => {
      const whole = Math.trunc(x as number);
      return Number.isFinite(whole) ? BigInt(whole) : 0n;
    };
  }
  const float = (x: number | bigint): number => (typeof x === 'bigint' ? bigToOdd(x) : x);
  if (to === 'float16') return (x) => float16Bits(float(x));
  if (to === 'bfloat16') return (x) => bfloat16Bits(float(x));
  if (!isBig(from)) return (x) => x;
  if (to === 'float32') return float;
  if (to === 'float64') return Number;
  return (x) => Number(BigInt.asIntN(32, x as bigint));
}

/** The value as another type, a new contiguous one (or the same storage where the stored form is equal). */
export function castTo(planner: Planner, x: Operand, to: DType): Operand {
  if (x.dtype === to) return x;
  const out = planner.result({ shape: x.shape, dtype: to });
  const from = x.dtype;
  if (from === 'bool' && to === 'float32') {
    rowsStep(planner, out, x, x, (o, oi, os, a, ai, as, _b, _bi, _bs, n) =>
      boolLoop(o as Float32Array, oi, os, a as Uint8Array, ai, as, n),
    );
    return out;
  }
  const native = to !== 'bool' && !isHalf(from) && !isHalf(to) && isBig(from) === isBig(to);
  const read = reader(from);
  const write = writer(from, to);
  rowsStep(planner, out, x, x, (o, oi, os, a, ai, as, _b, _bi, _bs, n) => {
    if (native && os === 1 && as === 1 && n > 16) {
      // Typed arrays convert like element stores do: truncate, wrap, round.
      (o as Float32Array).set((a as Float32Array).subarray(ai, ai + n), oi);
      return;
    }
    convertRow(o, oi, os, a, ai, as, n, read, write);
  });
  return out;
}

function convertRow(
  o: HostArray,
  oi: number,
  os: number,
  a: HostArray,
  ai: number,
  as: number,
  n: number,
  read: Convert,
  write: Convert,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = write(read(a[ai]!));
}

export const cast: NodePlanner = (planner, node) => [
  castTo(planner, node.inputs[0]!, node.outputs[0]!.dtype),
];

export const bitcast: NodePlanner = (planner, node) => {
  const [x] = node.inputs as [Operand];
  const aval = node.outputs[0]!;
  const source = planner.contiguous(x);
  const out = planner.result(aval);
  planner.step([source], [out], (memory) => {
    const from = memory[source.storage]!;
    const to = memory[out.storage]!;
    new Uint8Array(to.buffer, to.byteOffset, to.byteLength).set(
      new Uint8Array(from.buffer, from.byteOffset, from.byteLength),
    );
  });
  return [out];
};

/** Runs a planner that knows only whole numbers and wide floats on 16-bit floats: decode, compute, round. */
export function widened(planner: NodePlanner, wide: 'float32' | 'float64'): NodePlanner {
  return (p, node) => {
    if (!node.inputs.some((x) => isHalf(x.dtype)) && !node.outputs.some((x) => isHalf(x.dtype))) {
      return planner(p, node);
    }
    const outputs = planner(p, {
      ...node,
      inputs: node.inputs.map((x) => (isHalf(x.dtype) ? castTo(p, x, wide) : x)),
      outputs: node.outputs.map((x) => (isHalf(x.dtype) ? { ...x, dtype: wide } : x)),
    });
    return outputs.map((y, i) => castTo(p, y, node.outputs[i]!.dtype));
  };
}
