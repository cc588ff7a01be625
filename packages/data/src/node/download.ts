/** Downloads with a deadline, a size limit and a checksum. */

import { createHash } from 'node:crypto';
import { DataError, reasonOf } from '../error.ts';

export type Fetch = (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;

export interface RemoteFile {
  readonly name: string;
  /** Exact size in bytes. */
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface DownloadOptions {
  readonly fetch: Fetch;
  /** Milliseconds until a server must have begun to answer. */
  readonly connectMs: number;
  /** Milliseconds without any data after which a download is given up. */
  readonly stallMs: number;
}

async function body(response: Response, file: RemoteFile, alive: () => void): Promise<Uint8Array> {
  if (response.body === null) throw new Error('the answer has no body');
  const bytes = new Uint8Array(file.bytes);
  let filled = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    alive();
    if (filled + value.length > file.bytes) {
      await reader.cancel();
      throw new Error(`it is larger than ${file.bytes} bytes`);
    }
    bytes.set(value, filled);
    filled += value.length;
  }
  if (filled < file.bytes) throw new Error(`it ended after ${filled} of ${file.bytes} bytes`);
  return bytes;
}

/**
 * Fetches one file and verifies it.
 *
 * @throws DataError when the server does not answer in time, or with anything but these very bytes.
 */
export async function download(
  url: string,
  file: RemoteFile,
  options: DownloadOptions,
): Promise<Uint8Array> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const within = (ms: number, what: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Error(`${what} for ${ms} ms`)), ms);
  };
  try {
    within(options.connectMs, 'no answer');
    const response = await options.fetch(url, { signal: controller.signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the server answered ${response.status}`);
    }
    within(options.stallMs, 'no data');
    const bytes = await body(response, file, () => within(options.stallMs, 'no data'));
    if (sha256(bytes) !== file.sha256) throw new Error('its checksum is wrong');
    return bytes;
  } catch (cause) {
    // fetch hides the reason ("fetch failed") in its cause.
    const inner = (cause as { readonly cause?: unknown }).cause ?? cause;
    throw new DataError('download', `${url} cannot be downloaded: ${reasonOf(inner)}`, {
      kind: 'missing',
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}
