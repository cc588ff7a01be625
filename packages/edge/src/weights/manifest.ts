/** What stands in a store: the weights' image in pieces that can be checked one by one. */

/** Stored as in memory; as float16, for float32; or in groups of one float32 scale and up to `groupSize` int8. */
export type PartEncoding = 'raw' | 'float16' | 'int8';

/** Elements that share a scale. */
export const groupSize = 64;

/** A piece of the image. */
export interface StoredPart {
  /** Where it lies in the image, and how many bytes it has there. */
  readonly offset: number;
  readonly bytes: number;
  readonly encoding: PartEncoding;
}

/** What is read, checked and put into place at once. */
export interface StoredBlock {
  /** Bytes as stored. */
  readonly bytes: number;
  /** SHA-256 of the bytes as stored, in hex. */
  readonly sha256: string;
  /** In the order in which they are stored. */
  readonly parts: readonly StoredPart[];
}

export interface StoredObject {
  readonly key: string;
  /** One behind the other. */
  readonly blocks: readonly StoredBlock[];
}

export interface WeightsManifest {
  readonly format: 'hebb-weights';
  readonly version: 1;
  /** Bytes of the image. */
  readonly bytes: number;
  readonly objects: readonly StoredObject[];
  /**
   * AES-GCM with 256 bits over each block, its tag of 16 bytes behind it. The initialisation vector is the nonce
   * and the block's number, 4 bytes big-endian; the number is authenticated too.
   */
  readonly encryption?: {
    readonly cipher: 'AES-GCM';
    /** 8 bytes in hex. */
    readonly nonce: string;
  };
}

/** Bytes of a part as stored. */
export function storedBytes({ bytes, encoding }: Omit<StoredPart, 'offset'>): number {
  if (encoding === 'raw') return bytes;
  const count = bytes / 4;
  return encoding === 'float16' ? count * 2 : count + 4 * Math.ceil(count / groupSize);
}

/** Bytes of AES-GCM's tag. */
export const tagBytes = 16;

/**
 * The value as a manifest for an image of that size, if all of it is there once and nothing lies outside.
 * @throws TypeError
 */
export function checkManifest(value: WeightsManifest, imageBytes: number): WeightsManifest {
  const refuse = (problem: string): never => {
    throw new TypeError(`the manifest of the weights ${problem}`);
  };
  if (value.format !== 'hebb-weights' || value.version !== 1) refuse('is none of this version');
  if (value.bytes !== imageBytes) {
    refuse(`is of ${value.bytes} bytes, the model's weights have ${imageBytes}`);
  }
  let end = 0;
  for (const { blocks } of value.objects) {
    for (const { bytes, parts, sha256 } of blocks) {
      if (!/^[0-9a-f]{64}$/.test(sha256)) refuse('has a block without its SHA-256');
      let stored = value.encryption === undefined ? 0 : tagBytes;
      for (const part of parts) {
        const aligned = part.encoding === 'raw' || (part.offset % 4 === 0 && part.bytes % 4 === 0);
        // In order and without a gap, so that none is forgotten and none is written twice.
        if (part.offset !== end || !aligned) refuse(`has a part out of place at ${part.offset}`);
        end += part.bytes;
        stored += storedBytes(part);
      }
      if (stored !== bytes) refuse(`has a block of ${bytes} bytes with parts of ${stored}`);
    }
  }
  if (end !== imageBytes) refuse(`ends at ${end} of ${imageBytes} bytes`);
  return value;
}
