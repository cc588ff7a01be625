/** Pictures in folders, one folder a class. */

import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cropPicture, resizePicture } from '../augment/geometry.ts';
import type { Picture } from '../augment/picture.ts';
import { checkIndex, stack } from '../dataset/dataset.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { DataError, reasonOf } from '../error.ts';
import { toGrayscale, toRgb } from '../image/image.ts';
import type { Image } from '../image/image.ts';
import { ndarray } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';
import { imageDecoder } from './decode-image.ts';
import type { ImageFormat } from './decode-image.ts';

export interface FolderSample extends Record<string, NDArray> {
  /** uint8 [C, H, W]. */
  readonly image: NDArray;
  /** int32 scalar, a number of `classes`. */
  readonly label: NDArray;
}

export interface ImageFolderOptions {
  /** Height and width of every picture; without it they stay as they are, and batches want a transform. */
  readonly size?: number | readonly [number, number];
  /** Into the size: cut to its shape around the middle (`crop`, the default), or distorted (`stretch`). */
  readonly fit?: 'crop' | 'stretch';
  /** 3 for red, green and blue (default), 1 for grey. */
  readonly channels?: 1 | 3;
  /** Names of subfolders in the order of their numbers; default all, sorted. */
  readonly classes?: readonly string[];
  /**
   * A picture that cannot be read: an error once it is met (`stop`, the default); or `skip`: all pictures are
   * read once at the beginning, and such ones are left out.
   */
  readonly onCorrupt?: 'stop' | 'skip';
  /** Told of each picture that is skipped. */
  readonly onSkip?: (error: DataError) => void;
  /** Most pixels of a picture. Default 16,777,216. */
  readonly maxPixels?: number;
}

export interface ImageFile {
  readonly path: string;
  /** Number of its class. */
  readonly label: number;
}

/** Formats by the end of a file's name; what the file holds is told by its first bytes. */
const formatsOf: Readonly<Record<string, readonly ImageFormat[]>> = {
  png: ['png'],
  jpg: ['jpeg'],
  jpeg: ['jpeg'],
  webp: ['webp'],
  bmp: ['bmp'],
  tif: ['tiff'],
  tiff: ['tiff'],
  jp2: ['jpeg2000'],
  ppm: ['pnm'],
  pgm: ['pnm'],
};
const extension = (name: string): string => name.slice(name.lastIndexOf('.') + 1).toLowerCase();

/** Pictures that are read from their files whenever a sample is asked for. */
export class ImageFolder implements Dataset<FolderSample> {
  readonly classes: readonly string[];
  readonly files: readonly ImageFile[];
  readonly length: number;
  readonly #read: (file: ImageFile) => Picture;
  /** Stacks pictures, where they have one size. */
  readonly batch?: (indices: ArrayLike<number>) => FolderSample;

  constructor(
    classes: readonly string[],
    files: readonly ImageFile[],
    read: (file: ImageFile) => Picture,
    sameSize: boolean,
  ) {
    this.classes = classes;
    this.files = files;
    this.length = files.length;
    this.#read = read;
    if (sameSize) {
      this.batch = (indices) => stack(Array.from(indices, (index) => this.get(index)));
    }
  }

  /** @throws DataError naming the file. */
  get(index: number): FolderSample {
    checkIndex('ImageFolder', index, this.length);
    const file = this.files[index]!;
    const { data, channels, height, width } = this.#read(file);
    return {
      image: ndarray(data, [channels, height, width]),
      label: ndarray(Int32Array.of(file.label), []),
    };
  }
}

/**
 * The pictures below a folder: those in the subfolder `cat`, and folders in it, are of the class `cat`, as
 * torchvision's ImageFolder. PNG, JPEG, WebP, BMP, TIFF, JPEG 2000 and PNM; see `decodeImage` for the packages
 * that decode them. Files are read when samples are asked for, one after the other: let worker threads do it
 * where that takes longer than a training step.
 *
 * @throws DataError: `missing` for a folder without classes or a class without pictures, naming it.
 */
export async function imageFolder(
  root: string,
  options: ImageFolderOptions = {},
): Promise<ImageFolder> {
  const op = 'imageFolder';
  const { size, fit = 'crop', channels = 3, onCorrupt = 'stop', maxPixels = 1 << 24 } = options;
  const wanted = size === undefined ? undefined : typeof size === 'number' ? [size, size] : size;
  if (wanted?.some((side) => !Number.isInteger(side) || side < 1)) {
    throw new DataError(op, 'size is a positive whole number', { got: String(size) });
  }
  if (fit !== 'crop' && fit !== 'stretch') {
    throw new DataError(op, 'fit is crop or stretch', { got: String(fit) });
  }
  if (onCorrupt !== 'stop' && onCorrupt !== 'skip') {
    throw new DataError(op, 'onCorrupt is stop or skip', { got: String(onCorrupt) });
  }
  const classes = options.classes ?? (await subfolders(root));
  if (classes.length === 0) {
    throw new DataError(op, `${root} has no subfolders, one for each class`, { kind: 'missing' });
  }
  const files: ImageFile[] = [];
  for (const [label, name] of classes.entries()) {
    const found = await picturesIn(join(root, name));
    if (found.length === 0) {
      throw new DataError(op, `class ${name} has no pictures in ${join(root, name)}`, {
        kind: 'missing',
        wanted: Object.keys(formatsOf).join(', '),
      });
    }
    files.push(...found.map((path) => ({ path, label })));
  }
  const formats = new Set(files.flatMap(({ path }) => formatsOf[extension(path)] ?? []));
  const decode = await imageDecoder(formats, { maxPixels });
  const read = ({ path }: ImageFile): Picture => {
    try {
      const image = decode(readFileSync(path));
      return fitted(planes(image, channels), wanted as [number, number] | undefined, fit);
    } catch (cause) {
      const known = cause instanceof DataError;
      throw new DataError(op, `${path}: ${reasonOf(cause)}`, {
        kind: known ? cause.kind : 'missing',
        cause,
      });
    }
  };
  const sameSize = wanted !== undefined;
  if (onCorrupt === 'stop') return new ImageFolder(classes, files, read, sameSize);

  const sound: ImageFile[] = [];
  for (const file of files) {
    try {
      read(file);
      sound.push(file);
    } catch (error) {
      options.onSkip?.(error as DataError);
      // A decoder whose program has ended is made anew.
      await imageDecoder(formats);
    }
  }
  const lacking = classes.find((_, label) => !sound.some((file) => file.label === label));
  if (lacking !== undefined) {
    throw new DataError(op, `class ${lacking} has no picture that can be read`, {
      kind: 'missing',
    });
  }
  return new ImageFolder(classes, sound, read, sameSize);
}

async function entriesOf(folder: string) {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter(({ name }) => !name.startsWith('.'))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (cause) {
    throw new DataError('imageFolder', `${folder} cannot be read: ${reasonOf(cause)}`, {
      kind: 'missing',
      cause,
    });
  }
}

async function subfolders(root: string): Promise<string[]> {
  return (await entriesOf(root)).filter((each) => each.isDirectory()).map(({ name }) => name);
}

async function picturesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await picturesIn(path)));
    else if (Object.hasOwn(formatsOf, extension(entry.name))) found.push(path);
  }
  return found;
}

/** Channels as asked for, plane by plane; what is transparent lies on white. */
function planes(image: Image, channels: 1 | 3): Picture {
  const { data, width, height } = channels === 1 ? toGrayscale(image) : toRgb(image);
  const plane = width * height;
  const out = new Uint8Array(plane * channels);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++) out[c * plane + i] = data[i * channels + c]!;
  }
  return { data: out, channels, height, width };
}

function fitted(
  picture: Picture,
  size: readonly [number, number] | undefined,
  fit: 'crop' | 'stretch',
): Picture {
  if (size === undefined) return picture;
  const [height, width] = size;
  if (fit === 'stretch') return resizePicture(picture, height, width);
  const scale = Math.max(height / picture.height, width / picture.width);
  const [h, w] = [picture.height, picture.width].map((side) => Math.round(side * scale)) as [
    number,
    number,
  ];
  const large = resizePicture(picture, Math.max(h, height), Math.max(w, width));
  const top = Math.floor((large.height - height) / 2);
  const left = Math.floor((large.width - width) / 2);
  return cropPicture(large, [top, left, height, width], 'edge', () => 0);
}
