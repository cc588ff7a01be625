/** Weights as integers with scales. */
import type { TensorData } from '../codec/tensor.ts';

export interface QuantizedWeight {
  readonly codes: TensorData;
  /** One number, or one for each index of the axis. */
  readonly scale: TensorData;
  readonly zero: TensorData;
}

/** Which index of an axis each element belongs to, row-major. */
function channelOf(shape: readonly number[], axis: number): (i: number) => number {
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const count = shape[axis] ?? 1;
  return (i) => Math.floor(i / inner) % count;
}

/**
 * Symmetric 8-bit codes, -127..127, zero at 0: by index of `axis`, or for the whole weight without one.
 */
export function quantizeInt8(
  weight: TensorData,
  axis: number | undefined,
  { unsigned = false }: { readonly unsigned?: boolean } = {},
): QuantizedWeight {
  const data = weight.data as Float32Array;
  const channels = axis === undefined ? 1 : weight.shape[axis]!;
  const channel = axis === undefined ? () => 0 : channelOf(weight.shape, axis);
  const most = new Float32Array(channels);
  for (let i = 0; i < data.length; i++) {
    const c = channel(i);
    most[c] = Math.max(most[c]!, Math.abs(data[i]!));
  }
  // A channel of zeros has any scale.
  const scale = most.map((m) => (m === 0 ? 1 : m / 127));
  const offset = unsigned ? 128 : 0;
  const codes = unsigned ? new Uint8Array(data.length) : new Int8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const q = roundHalfEven(data[i]! / scale[channel(i)]!);
    codes[i] = Math.max(-127, Math.min(127, q)) + offset;
  }
  const shape = axis === undefined ? [] : [channels];
  const zeros = unsigned ? new Uint8Array(channels).fill(128) : new Int8Array(channels);
  const dtype = unsigned ? 'uint8' : 'int8';
  return {
    codes: { dtype, shape: weight.shape, data: codes } as TensorData,
    scale: { dtype: 'float32', shape, data: scale },
    zero: { dtype, shape, data: zeros } as TensorData,
  };
}

export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

export interface BlockedWeight {
  /** [N, blocks, block / 2], two codes a byte, the lower half first. */
  readonly codes: TensorData;
  /** [N · blocks]. */
  readonly scales: TensorData;
}

/**
 * Codes of four bits in blocks along K of a matrix [K, N] (or [N, K], `byRow`), zero at 8. The largest
 * element of a block is met exactly.
 */
export function quantizeInt4(weight: TensorData, block: number, byRow: boolean): BlockedWeight {
  const data = weight.data as Float32Array;
  const [rows, columns] = weight.shape as [number, number];
  const [k, n] = byRow ? [columns, rows] : [rows, columns];
  const at = (i: number, j: number): number => data[byRow ? j * k + i : i * n + j]!;
  const blocks = Math.ceil(k / block);
  const half = block / 2;
  const codes = new Uint8Array(n * blocks * half).fill(0x88);
  const scales = new Float32Array(n * blocks);
  for (let j = 0; j < n; j++) {
    for (let b = 0; b < blocks; b++) {
      const end = Math.min(k, (b + 1) * block);
      let most = 0;
      for (let i = b * block; i < end; i++) {
        if (Math.abs(at(i, j)) > Math.abs(most)) most = at(i, j);
      }
      const scale = most === 0 ? 1 : most / -8;
      scales[j * blocks + b] = scale;
      for (let i = b * block; i < end; i++) {
        const code = Math.max(0, Math.min(15, roundHalfEven(at(i, j) / scale) + 8));
        const place = i - b * block;
        const byte = (j * blocks + b) * half + (place >> 1);
        const high = (place & 1) === 1;
        codes[byte] = high ? (codes[byte]! & 0x0f) | (code << 4) : (codes[byte]! & 0xf0) | code;
      }
    }
  }
  return {
    codes: { dtype: 'uint8', shape: [n, blocks, half], data: codes },
    scales: { dtype: 'float32', shape: [n * blocks], data: scales },
  };
}
