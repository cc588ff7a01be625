/** Weights that a worker reads from a store instead of carrying them. */
import { storeWeights } from '@hebb/edge/node';
import type { StoreWeightsOptions, StoredWeights } from '@hebb/edge/node';
import type { Built } from './build.ts';

/** Where a worker finds them: an R2 bucket, a KV namespace, or its static assets. */
export type StoreKind = 'r2' | 'kv' | 'assets';
export const storeKinds: readonly StoreKind[] = ['r2', 'kv', 'assets'];

export interface WorkerStore {
  readonly kind: StoreKind;
  readonly stored: StoredWeights;
}

/** Values of KV and assets have at most 25 MiB. */
const mostBytes = 20 * 2 ** 20;

/**
 * The weights as that store takes them, with the plan that goes with them.
 * @throws WeightsError for what is no key.
 */
export async function storeFor(
  built: Built,
  kind: StoreKind,
  options: Pick<StoreWeightsOptions, 'encoding' | 'key'> = {},
): Promise<WorkerStore> {
  const objectBytes = kind === 'r2' ? Infinity : mostBytes;
  return { kind, stored: await storeWeights(built, { ...options, objectBytes }) };
}

/** Folder of the objects beside the scripts. */
export const objectFolder = (kind: StoreKind): string => (kind === 'assets' ? 'assets' : 'weights');
