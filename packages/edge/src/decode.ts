/** Bodies that a model's own decoders read. */
import { HebbError } from '@hebb/core';
import { RequestError } from './error.ts';
import type { Decoder, InputArray } from './model.ts';

/** What the decoder makes of the body; its refusals are the sender's fault. */
export async function decodeWith(decoder: Decoder, body: Uint8Array): Promise<InputArray> {
  try {
    return await decoder(body);
  } catch (error) {
    // Decoders of images say what kind of trouble it is; whatever else they throw is the sender's file.
    if (!(error instanceof HebbError)) throw error;
    const kind = 'kind' in error ? error.kind : undefined;
    if (kind === 'too-large') throw new RequestError(413, 'payload_too_large', error.message);
    if (kind === 'unsupported')
      throw new RequestError(415, 'unsupported_media_type', error.message);
    throw new RequestError(400, 'bad_image', error.message);
  }
}
