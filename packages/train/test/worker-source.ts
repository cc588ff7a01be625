/** The data set that threads of workers.spec.ts build. */
import {
  ArrayDataset,
  augment,
  mapBatches,
  ndarray,
  normalizeColumn,
  randomCrop,
} from '@hebb/data';
import type { Sample } from '@hebb/data';

const count = 48;

/** Pictures whose class is the brighter half; `slow` milliseconds of thinking a batch. */
export function pictures(slow = 0) {
  const image = new Uint8Array(count * 16);
  const label = Int32Array.from({ length: count }, (_, i) => i % 2);
  image.forEach((_, i) => {
    const [sample, x] = [Math.floor(i / 16), i % 4];
    image[i] = (label[sample] === (x < 2 ? 0 : 1) ? 200 : 20) + ((i * 13) % 40);
  });
  const data = new ArrayDataset({ image: ndarray(image, [count, 1, 4, 4]), label: ndarray(label) });
  const mixed = augment(data, randomCrop(4, { padding: 1 }), { seed: 3 });
  const ready = mapBatches<Sample, Sample>(
    mixed,
    normalizeColumn('image', { mean: 0.5, std: 0.5 }),
  );
  return mapBatches(ready, (batch) => {
    if (slow > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, slow);
    return batch;
  });
}
