/** Records of versions in the platform's stores. Structural: the bindings fit without their types. */
import type { JobBucket, JobNamespace } from '../jobs/store.ts';
import { checkRecord } from './source.ts';
import type { VersionRecord, VersionsOptions } from './source.ts';

type Read = VersionsOptions['read'];

/**
 * The record in an R2 bucket, which all places see as soon as it is written:
 * `versions: { read: r2Versions(() => env.MODELS) }`. Its text is JSON, `{ "digits": "2" }`.
 */
export const r2Versions =
  (bucket: () => Pick<JobBucket, 'get'>, key = 'versions.json'): Read =>
  async () => {
    const object = await bucket().get(key);
    return object === null ? undefined : parse(await object.text(), key);
  };

/** The record in a KV namespace, whose places see what another one wrote up to a minute later. */
export const kvVersions =
  (namespace: () => Pick<JobNamespace, 'get'>, key = 'versions.json'): Read =>
  async () => {
    const text = await namespace().get(key);
    return text === null ? undefined : parse(text, key);
  };

function parse(text: string, key: string): VersionRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const got = JSON.stringify(text.slice(0, 60));
    throw new TypeError(`${key} is JSON such as { "digits": "2" }, got ${got}`, { cause: error });
  }
  return checkRecord(value);
}
