/** A checkpoint as bytes: a safetensors file with the state of a run in its metadata and a checksum over all. */
import { fromBits } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Column } from '../data/dataset.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { fromJson, toJson } from './json.ts';
import { readRunState } from './run-state.ts';
import { SafetensorsError, decodeSafetensors, encodeSafetensors } from './safetensors.ts';

const format = 'hebb-checkpoint';
const version = 1;
const blank = '0'.repeat(64);

export interface Checkpoint {
  /** By name: `model.0.weight`, `optimizer.0.exp_avg`, `ema.0.weight`, `generator.default`. */
  readonly tensors: ReadonlyMap<string, Column>;
  /** Plain data: what JSON can say, numbers that are not finite too. */
  readonly state: unknown;
}

/** Bytes of a checkpoint. The checksum covers every byte but its own 64. */
export async function encodeCheckpoint({ tensors, state }: Checkpoint): Promise<Uint8Array> {
  const bytes = encodeSafetensors(tensors, {
    format,
    version: String(version),
    sha256: blank,
    state: toJson(state),
  });
  const at = checksumAt(bytes)!;
  const sum = await sha256(bytes);
  for (let i = 0; i < 64; i++) bytes[at + i] = sum.charCodeAt(i);
  return bytes;
}

/** Checks and reads a checkpoint. Throws `CheckpointError` naming what is wrong with it. */
export async function decodeCheckpoint(bytes: Uint8Array): Promise<Checkpoint> {
  let file;
  try {
    file = decodeSafetensors(bytes);
  } catch (cause) {
    if (cause instanceof SafetensorsError) {
      throw new CheckpointError(`it is damaged: ${cause.problem}`, { cause });
    }
    throw cause;
  }
  const { tensors, metadata } = file;
  if (metadata.get('format') !== format) {
    throw new CheckpointError('it is a safetensors file, but no checkpoint of a training run');
  }
  if (metadata.get('version') !== String(version)) {
    throw new CheckpointError(
      `it has version ${metadata.get('version') ?? 'none'}, this library reads ${version}`,
    );
  }
  const at = checksumAt(bytes);
  const claimed = metadata.get('sha256');
  const state = metadata.get('state');
  if (at === undefined || claimed === undefined || state === undefined) {
    throw new CheckpointError('it is damaged: checksum or state are missing');
  }
  const copy = bytes.slice();
  copy.fill(0x30, at, at + 64);
  if ((await sha256(copy)) !== claimed) {
    throw new CheckpointError('it is damaged: its checksum does not fit its content');
  }
  return { tensors, state: fromJson(state) };
}

/** Where the 64 digits stand. Inside other texts of the header quotes are escaped, so this is the only place. */
function checksumAt(bytes: Uint8Array): number | undefined {
  const key = new TextEncoder().encode('"sha256":"');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  for (let i = 8; i + key.length + 64 <= 8 + length; i++) {
    if (bytes[i] === key[0] && key.every((byte, k) => bytes[i + k] === byte)) return i + key.length;
  }
  return undefined;
}

async function sha256(bytes: Uint8Array<ArrayBufferLike>): Promise<string> {
  // Never shared memory: these arrays are made here or read from a store.
  const sum = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The model's values in a checkpoint, for `model.loadStateDict`: those it was trained to, or with
 * `average: true` their running averages where the run kept some.
 */
export async function checkpointWeights(
  bytes: Uint8Array,
  { average = false }: { readonly average?: boolean } = {},
): Promise<Map<string, Tensor>> {
  const { tensors, state } = await decodeCheckpoint(bytes);
  const weights = new Map<string, Tensor>();
  const take = (prefix: string): void => {
    for (const [name, { data, shape, dtype }] of tensors) {
      if (name.startsWith(prefix))
        weights.set(name.slice(prefix.length), fromBits(data, shape, dtype));
    }
  };
  take('model.');
  if (average) {
    if (![...tensors.keys()].some((name) => name.startsWith('ema.'))) {
      throw new CheckpointError('it holds no averages: the run had no `ema`');
    }
    take('ema.');
  }
  for (const [name, first] of Object.entries(readRunState(state).aliases)) {
    const tensor = weights.get(first);
    if (tensor !== undefined) weights.set(name, tensor);
  }
  return weights;
}
