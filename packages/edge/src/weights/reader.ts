/** Reading a stream into given places, with a time for each piece. */
import { WeightsError } from './error.ts';
import type { Bytes } from './stores.ts';

/** Bytes read at once where the stream lets us say where to. */
const pieceBytes = 64 * 1024;

/**
 * Reads into one small buffer over and over where the stream allows it (memory of WebAssembly itself cannot be
 * given to a stream), so that hardly anything is left for the collector.
 */
export class PieceReader {
  readonly #timeout: number;
  readonly #check: () => void;
  readonly #byob: ReadableStreamBYOBReader | undefined;
  readonly #plain: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #buffer = new ArrayBuffer(0);
  #rest = new Uint8Array(0);

  /**
   * @param timeout Milliseconds for each piece.
   * @param check Throws when nothing may be written any more; asked before each piece is.
   */
  constructor(stream: Bytes, timeout: number, check: () => void) {
    this.#timeout = timeout;
    this.#check = check;
    try {
      this.#byob = (stream as ReadableStream<Uint8Array<ArrayBuffer>>).getReader({ mode: 'byob' });
      this.#buffer = new ArrayBuffer(pieceBytes);
    } catch {
      this.#plain = stream.getReader();
    }
  }

  /**
   * Fills the target.
   * @throws WeightsError `corrupt` when the stream ends before that, `slow` when nothing comes in time,
   *   `unreadable` when it fails.
   */
  async fill(target: Uint8Array): Promise<void> {
    await this.#pass(target.length, (piece, at) => target.set(piece, at));
  }

  /** Passes over bytes that are not wanted. Errors as `fill`. */
  async skip(bytes: number): Promise<void> {
    await this.#pass(bytes, () => undefined);
  }

  /** Lets go of the stream. */
  cancel(): void {
    const reader = this.#byob ?? this.#plain;
    reader?.cancel().catch(() => undefined);
  }

  async #pass(bytes: number, take: (piece: Uint8Array, at: number) => void): Promise<void> {
    let at = 0;
    while (at < bytes) {
      if (this.#rest.length === 0) this.#rest = await this.#next(bytes - at);
      const piece = this.#rest.subarray(0, bytes - at);
      this.#check();
      take(piece, at);
      at += piece.length;
      this.#rest = this.#rest.subarray(piece.length);
    }
  }

  async #next(wanted: number): Promise<Uint8Array<ArrayBuffer>> {
    const length = Math.min(wanted, this.#buffer.byteLength);
    const reading =
      this.#byob === undefined
        ? this.#plain!.read()
        : this.#byob.read(new Uint8Array(this.#buffer, 0, length));
    const { done, value } = await within(this.#timeout, reading);
    if (done || value === undefined) {
      throw new WeightsError('corrupt', 'the stored weights end too early');
    }
    const piece = value as Uint8Array<ArrayBuffer>;
    if (this.#byob !== undefined) this.#buffer = piece.buffer;
    return piece;
  }
}

/** @throws WeightsError `slow` when it takes longer than so many milliseconds, `unreadable` when it fails. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new WeightsError('slow', `the store sent nothing for ${ms} ms`)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } catch (cause) {
    if (cause instanceof WeightsError) throw cause;
    throw new WeightsError('unreadable', 'the store failed', { cause });
  } finally {
    clearTimeout(timer);
  }
}
