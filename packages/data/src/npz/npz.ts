/** Named arrays in one file: NumPy's `.npz`, a zip of `.npy` files. State dicts travel in it. */
import { unzipSync, zipSync } from 'fflate';
import { DataError, reasonOf } from '../error.ts';
import type { NDArray } from '../ndarray.ts';
import { readNpy, writeNpy } from './npy.ts';

export interface ReadNpzOptions {
  /** Most bytes that the arrays may take unpacked. Default 2 GiB. */
  readonly maxBytes?: number;
}

/** @throws DataError when the bytes are no such file, or unpack to more than allowed. */
export function readNpz(
  bytes: Uint8Array,
  { maxBytes = 2 ** 31 }: ReadNpzOptions = {},
): Record<string, NDArray> {
  let total = 0;
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        total += originalSize;
        if (total > maxBytes) {
          throw new DataError('readNpz', 'the arrays are too large', {
            kind: 'too-large',
            got: `more than ${maxBytes} bytes`,
          });
        }
        return name.endsWith('.npy');
      },
    });
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError('readNpz', 'no .npz file', { kind: 'corrupt', got: reasonOf(error) });
  }
  return Object.fromEntries(
    Object.entries(files).map(([name, file]) => [name.replace(/\.npy$/, ''), readNpy(file)]),
  );
}

/** The bytes of an `.npz` file, stored without compression unless asked for. */
export function writeNpz(
  arrays: Readonly<Record<string, NDArray>>,
  { compress = false }: { readonly compress?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const files = Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [`${name}.npy`, writeNpy(array)]),
  );
  return new Uint8Array(zipSync(files, { level: compress ? 6 : 0 }));
}
