/**
 * Constants of the vector functions in memory. Engines build a vector constant anew wherever it is used, in
 * four or five instructions on x86; a broadcast from memory is one. The table is the same in every module,
 * so modules that share a memory agree about it.
 */
import { i32, v128 } from '../wasm/index.ts';
import type { I32, ModuleBuilder, V128 } from '../wasm/index.ts';

/** The table's place, and the end of what no buffer may use. */
export const tableStart = 256;
export const reservedBytes = 1024;

const places = new Map<number, number>();
let state: 'empty' | 'growing' | 'complete' = 'empty';

/** Address of a constant; `undefined` when it is not in the table. */
function place(bits: number): I32 | undefined {
  let at = places.get(bits);
  if (at === undefined && state === 'growing') {
    at = tableStart + places.size * 4;
    if (at + 4 > reservedBytes) throw new Error('the table of constants is full');
    places.set(bits, at);
  }
  return at === undefined ? undefined : i32.const(at);
}

function broadcast(bits: number): V128 {
  // No bits and all bits are made by one instruction anyway.
  const at = bits === 0 || bits === -1 ? undefined : place(bits);
  return at === undefined ? v128.constI32x4(bits, bits, bits, bits) : v128.load32Splat(at);
}

/** Four times a float32. */
export const float = (value: number): V128 =>
  broadcast(new Int32Array(Float32Array.of(value).buffer)[0]!);

/** Four times a 32-bit integer. */
export const int = (value: number): V128 => broadcast(value | 0);

/** Collects the constants of the given code, once: the table must not depend on what is generated when. */
export function completeTable(generate: () => void): void {
  if (state !== 'empty') return;
  state = 'growing';
  generate();
  state = 'complete';
}

/** Puts the table into a module's memory. */
export function installConstants(module: ModuleBuilder): void {
  module.data(tableStart, new Uint8Array(Int32Array.from(places.keys()).buffer));
}
