/** Data sets that the threads of worker.spec.ts build. */
import {
  ArrayDataset,
  DataError,
  augment,
  colorJitter,
  mapSamples,
  ndarray,
  randomCrop,
  randomHorizontalFlip,
} from '../src/index.ts';

const count = 40;

const pictures = () =>
  new ArrayDataset({
    image: ndarray(
      Uint8Array.from({ length: count * 3 * 64 }, (_, i) => (i * 7919) % 251),
      [count, 3, 8, 8],
    ),
    label: ndarray(Int32Array.from({ length: count }, (_, i) => i)),
  });

export const augmented = async (seed: number) =>
  augment(
    pictures(),
    [randomCrop(8, { padding: 2 }), randomHorizontalFlip(), colorJitter({ hue: 0.3 })],
    { seed },
  );

/** Does what `how` says when it meets sample 7. */
export const spiteful = (how: 'throws' | 'exits' | 'crashes' | 'waits') =>
  mapSamples(pictures(), (sample, index) => {
    if (index === 7 && how === 'exits') process.exit(3);
    if (index === 7 && how === 'throws') {
      throw new DataError('readPng', 'sample 7 is damaged', { kind: 'corrupt' });
    }
    if (index === 7 && how === 'crashes') {
      setTimeout(() => {
        throw new Error('out of the blue');
      });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
    if (how === 'waits') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    return sample;
  });

/** Gives its own columns, which nobody may take away from it. */
export const shared = () => {
  const { columns, length } = pictures();
  return { length, get: () => ({}), batch: () => columns };
};

let copies = 0;
export const uneven = (flag: Int32Array) => {
  copies += 1;
  const { columns } = pictures();
  const length = count - Atomics.add(flag, 0, 1);
  return { length: length + copies - 1, get: () => columns };
};

export const nothing = () => 42;
export const fails = () => {
  throw new Error('no such folder');
};
