/** How a data set is described to a thread, and what threads say to each other. */

import type { Dataset, Sample } from '../dataset/dataset.ts';
import { DataError, reasonOf } from '../error.ts';
import type { DataErrorKind } from '../error.ts';

/** A function that builds a data set, by where it is to be found. */
export interface DatasetSource {
  /** Address of its module: `new URL('./data.ts', import.meta.url)`. */
  readonly module: string | URL;
  /** Its name there. It gives a data set, or a promise of one. */
  readonly export: string;
  /** What it is called with; anything that `structuredClone` copies. */
  readonly args?: readonly unknown[];
}

export interface BuildRequest {
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
}

export interface BatchRequest {
  readonly id: number;
  readonly indices: Int32Array;
  readonly epoch: number;
}

export type Reply =
  | { readonly kind: 'ready'; readonly length: number }
  | { readonly kind: 'failed'; readonly message: string; readonly dataKind?: DataErrorKind }
  | { readonly kind: 'batch'; readonly id: number; readonly batch: Sample }
  | {
      readonly kind: 'error';
      readonly id: number;
      readonly message: string;
      readonly dataKind?: DataErrorKind;
    };

/** @throws DataError naming module and export. */
export async function buildDataset({ module, name, args }: BuildRequest): Promise<Dataset> {
  const op = 'workerDataset';
  let exports: Readonly<Record<string, unknown>>;
  try {
    exports = (await import(module)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new DataError(op, `${module} cannot be loaded: ${reasonOf(cause)}`, {
      kind: 'missing',
      cause,
    });
  }
  const build = exports[name];
  if (typeof build !== 'function') {
    throw new DataError(op, `${module} has no function "${name}"`, {
      wanted: Object.keys(exports).join(', '),
    });
  }
  const made: unknown = await (build as (...args: readonly unknown[]) => unknown)(...args);
  const dataset = made as Partial<Dataset> | null | undefined;
  if (typeof dataset?.length !== 'number' || typeof dataset.get !== 'function') {
    throw new DataError(op, `"${name}" of ${module} gives no data set`, { got: typeof made });
  }
  return dataset as Dataset;
}
