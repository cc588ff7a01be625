/** Images to learn from: drawn by a seeded generator, or read from MNIST's own files. */
import { digits, readIdx } from '@hebb/data';
import type { NDArray } from '@hebb/data';

export interface DigitSet {
  /** Pixels from 0 to 1, image after image of 784. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly count: number;
}

export interface DigitSets {
  readonly name: string;
  readonly train: DigitSet;
  readonly test: DigitSet;
}

const pixels = 784;

const setOf = (images: ArrayLike<number>, labels: ArrayLike<number>): DigitSet => ({
  images: Float32Array.from(images, (value) => value / 255),
  labels: Int32Array.from(labels),
  count: labels.length,
});

export function drawnDigits(seed: number, train = 6000, test = 500): DigitSets {
  const { image, label } = digits({ count: train + test, seed }).batch(
    Int32Array.from({ length: train + test }, (_, i) => i),
  );
  const all = setOf(image.data as Uint8Array, label.data as Uint8Array);
  return { name: `${train} drawn digits`, ...split(all, train) };
}

const part = (set: DigitSet, from: number, to: number): DigitSet => ({
  images: set.images.subarray(from * pixels, to * pixels),
  labels: set.labels.subarray(from, to),
  count: to - from,
});

const split = (set: DigitSet, train: number) => ({
  train: part(set, 0, train),
  test: part(set, train, set.count),
});

/** A file that the person chose. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

async function unzipped({ name, bytes }: NamedBytes): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Error(`${name} is damaged: it begins as a gzip file and does not end as one.`);
  }
}

const what =
  'Choose train-images-idx3-ubyte with train-labels-idx1-ubyte, and t10k-images-idx3-ubyte with ' +
  't10k-labels-idx1-ubyte where you have them; .gz is fine.';

/**
 * MNIST from its IDX files, in any order, packed by gzip or not: images and labels of one length belong
 * together, the larger pair is learnt from. One pair alone is split.
 * @throws Error that says which files are wanted.
 */
export async function mnistFiles(files: readonly NamedBytes[]): Promise<DigitSets> {
  const images: NDArray[] = [];
  const labels: NDArray[] = [];
  for (const file of files) {
    let array: NDArray;
    try {
      array = readIdx(await unzipped(file), { name: file.name });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${what}`, {
        cause: error,
      });
    }
    const { shape, dtype } = array;
    if (dtype === 'uint8' && shape.length === 3 && shape[1] === 28 && shape[2] === 28) {
      images.push(array);
    } else if (dtype === 'uint8' && shape.length === 1) labels.push(array);
    else throw new Error(`${file.name} holds ${dtype} [${shape.join(', ')}], not MNIST. ${what}`);
  }
  const pairs = images
    .map((image) => ({ image, label: labels.find(({ shape }) => shape[0] === image.shape[0]) }))
    .sort((a, b) => b.image.shape[0]! - a.image.shape[0]!);
  const [first, second] = pairs;
  if (first?.label === undefined || first.image.shape[0]! < 10) {
    throw new Error(`There is no file of images with a file of as many labels. ${what}`);
  }
  const wrong = labels.find(({ data }) => (data as Uint8Array).some((label) => label > 9));
  if (wrong !== undefined) throw new Error(`A file of labels holds numbers above 9. ${what}`);
  const big = setOf(first.image.data as Uint8Array, first.label.data as Uint8Array);
  if (second?.label === undefined) {
    const train = Math.floor((big.count * 6) / 7);
    return { name: `${train} images of your files`, ...split(big, train) };
  }
  const small = setOf(second.image.data as Uint8Array, second.label.data as Uint8Array);
  return { name: `${big.count} images of your files`, train: big, test: small };
}
