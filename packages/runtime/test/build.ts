/**
 * A plan and module made by hand, byte by byte, so that the player is checked against something that no
 * compiler of this repository wrote: `y = w * x + s`, and `s += 1` afterwards, over 4 or 8 float32 values.
 */
import { checksum } from '../src/index.ts';
import type { Plan, Signature } from '../src/index.ts';

const string = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)];
/** LEB128. */
const unsigned = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)]);
const section = (id: number, bytes: readonly number[]): number[] => [
  id,
  ...unsigned(bytes.length),
  ...bytes,
];
const local = (index: number): number[] => [0x20, index];
const load32 = (address: readonly number[], offset = 0): number[] => [...address, 0x28, 2, offset];

/** Element `i` (local 3) behind the pointer at `offset` of the table (local 0). */
const element = (offset: number): number[] => [
  ...load32(local(0), offset),
  ...local(3),
  ...[0x41, 2, 0x74, 0x6a],
];

/** Exports `entries[k]` for counts[k] elements. Table: x, w, s, y, sNext. */
export function moduleBytes(
  entries: readonly string[],
  counts: readonly number[],
): Uint8Array<ArrayBuffer> {
  const bodies = counts.map((count) => {
    const code = [
      ...[1, 1, 0x7f], // one i32 local: 3
      ...[0x03, 0x40],
      ...element(12), // &y[i]
      ...element(0), // x[i]
      ...[0x2a, 2, 0],
      ...element(4), // w[i]
      ...[0x2a, 2, 0, 0x94],
      ...load32(local(0), 8), // s
      ...[0x2a, 2, 0, 0x92],
      ...[0x38, 2, 0],
      ...[...local(3), 0x41, 1, 0x6a, 0x22, 3, 0x41, count, 0x48, 0x0d, 0],
      0x0b,
      ...load32(local(0), 16), // sNext = s + 1
      ...load32(local(0), 8),
      ...[0x2a, 2, 0, 0x43, 0, 0, 0x80, 0x3f, 0x92, 0x38, 2, 0],
      0x0b,
    ];
    return [code.length, ...code];
  });
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0]),
    ...section(2, [1, ...string('env'), ...string('memory'), 2, 0, 0]),
    ...section(3, [entries.length, ...entries.map(() => 0)]),
    ...section(7, [entries.length, ...entries.flatMap((name, i) => [...string(name), 0, i])]),
    ...section(10, [bodies.length, ...bodies.flat()]),
  ]);
}

export const weights = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer);

/** The shift `s` is state at 128 and its next value is written to 192, to be moved. */
export function planFor(counts: readonly number[], change: Partial<Plan> = {}): Plan {
  const signature = (count: number): Signature => ({
    entry: `run${count}`,
    arguments: 64 * (count + 8),
    pointers: [1536, 256, 128, 2048, 192],
    inputs: [{ shape: [count], address: 1536 }],
    outputs: [{ shape: [count], address: 2048 }],
    copies: [{ from: 192, to: 128, bytes: 4 }],
    kernels: [{ name: 'mul+add', flops: 2 * count, bytes: 12 * count }],
  });
  return {
    format: 'hebb-plan',
    version: 1,
    name: 'line',
    modules: [{ file: 'model.wasm', features: [] }],
    memory: 4096,
    weights: {
      file: 'weights.bin',
      bytes: weights.length,
      checksum: checksum(weights),
      address: 256,
      tensors: [{ name: 'w', dtype: 'float32', shape: [8], offset: 0 }],
    },
    prepare: [],
    state: [{ name: 's', dtype: 'float32', shape: [], address: 128 }],
    functions: [
      {
        name: 'line',
        inputs: [{ name: 'x', dtype: 'float32', shape: ['n'] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: ['n'] }],
        signatures: counts.map(signature),
      },
    ],
    ...change,
  };
}
