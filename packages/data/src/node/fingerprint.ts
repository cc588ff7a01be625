/** What a data set holds in one short text, to tell whether two runs saw the same. */

import { createHash } from 'node:crypto';
import { fetchBatch } from '../dataset/dataset.ts';
import type { Dataset } from '../dataset/dataset.ts';
import type { NDArray } from '../ndarray.ts';

export interface FingerprintOptions {
  /** Enters the hash too: settings that change samples later, such as those of an augmentation. */
  readonly describe?: unknown;
  /** Read as samples of this epoch. Default 0. */
  readonly epoch?: number;
}

/** JSON with the keys of objects in order, so that the same settings are the same text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

/** Samples read at a time. */
const together = 256;

/**
 * SHA-256 over all samples in their order: names, types, shapes and bytes of the columns, after whatever
 * transforms the data set has. It does not depend on how the data set is stored or batched.
 */
export function fingerprint(dataset: Dataset, options: FingerprintOptions = {}): string {
  const hash = createHash('sha256');
  hash.update(canonical(options.describe ?? null));
  let layout = '';
  for (let from = 0; from < dataset.length; from += together) {
    const count = Math.min(together, dataset.length - from);
    const indices = Int32Array.from({ length: count }, (_, i) => from + i);
    const rows: Readonly<Record<string, NDArray>>[] =
      dataset.batch === undefined
        ? Array.from(indices, (index) => withAxis(dataset.get(index)))
        : [fetchBatch(dataset, indices, options.epoch ?? 0)];
    for (const columns of rows) {
      const names = Object.keys(columns).sort();
      const now = names
        .map((name) => `${name} ${columns[name]!.dtype} ${columns[name]!.shape.slice(1).join()}`)
        .join(';');
      // Told once, and again wherever it changes.
      if (now !== layout) hash.update((layout = now));
      const length = columns[names[0]!]!.shape[0] ?? 0;
      for (let row = 0; row < length; row++) {
        for (const name of names) {
          const { data } = columns[name]!;
          const size = data.byteLength / length;
          hash.update(new Uint8Array(data.buffer, data.byteOffset + row * size, size));
        }
      }
    }
  }
  hash.update(`${dataset.length}`);
  return hash.digest('hex');
}

function withAxis(sample: Readonly<Record<string, NDArray>>): Record<string, NDArray> {
  return Object.fromEntries(
    Object.entries(sample).map(([name, each]) => [name, { ...each, shape: [1, ...each.shape] }]),
  );
}
