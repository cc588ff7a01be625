/** What the host must offer, and what it can do. */
import { ModuleBuilder, f32x4, i32 } from './wasm/index.ts';
import type { FunctionBuilder } from './wasm/index.ts';
import type { HostFunction } from './codegen/helpers.ts';
import type { Simd } from './routines/target.ts';

/** pow as IEEE 754 has it: JavaScript gives NaN for 1 to the NaN and for ±1 to the ±Infinity. */
function pow(x: number, y: number): number {
  if (x === 1 || (x === -1 && (y === Infinity || y === -Infinity))) return 1;
  return Math.pow(x, y);
}

/** Functions of float64 that modules import. */
export const mathImports: Readonly<Record<HostFunction, (x: number, y: number) => number>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  pow,
  atan2: Math.atan2,
  fmod: (x, y) => x % y,
};

function validates(body: (f: FunctionBuilder) => void): boolean {
  const module = new ModuleBuilder({ module: 'env', name: 'memory', initial: 1 });
  module.function({ params: [] }, body);
  return WebAssembly.validate(module.encode());
}

let known: Simd | undefined;

/** The best vector instructions that this host runs; `undefined` where there are none. */
export function hostSimd(): Simd | undefined {
  if (known !== undefined) return known;
  const c = f32x4.const(1);
  if (validates((f) => f.store('v128', i32.const(0), f32x4.relaxedMadd(c, c, c))))
    known = 'relaxed';
  else if (validates((f) => f.store('v128', i32.const(0), f32x4.add(c, c)))) known = 'plain';
  return known;
}

interface NodeBytes {
  copy(target: Uint8Array, targetStart: number, start: number, end: number): number;
}
interface NodeBuffers {
  from(buffer: ArrayBufferLike): NodeBytes;
}

/**
 * A copy out of shared memory by Node's buffers, where there are any: typed arrays move shared bytes word by
 * word, at a third of the speed.
 */
export function nodeCopy(
  buffer: ArrayBufferLike,
): ((target: Uint8Array, start: number) => void) | undefined {
  const { Buffer: buffers } = globalThis as { Buffer?: NodeBuffers };
  if (buffers === undefined || buffer instanceof ArrayBuffer) return undefined;
  const bytes = buffers.from(buffer);
  return (target, start) => void bytes.copy(target, 0, start, start + target.byteLength);
}
