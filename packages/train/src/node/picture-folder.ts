/** Pictures on disk. */
import path from 'node:path';
import { encode } from 'fast-png';
import type { LoggedImage } from '../callbacks/logger.ts';
import type { ImageStore } from '../gan/options.ts';
import { writeFileWhole } from './write-file.ts';

/** A picture as the bytes of a PNG file. */
export function encodeImage({ width, height, channels, data }: LoggedImage): Uint8Array {
  return encode({ width, height, channels, data });
}

/** A folder that takes pictures as PNG files, whole or not at all; made when needed. */
export function pictureFolder(folder: string): ImageStore {
  return { write: (name, image) => writeFileWhole(path.join(folder, name), encodeImage(image)) };
}
