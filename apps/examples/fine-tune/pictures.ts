/** Spoken digits as pictures in the look of handwritten ones: bright strokes on black, 28 x 28. */
import { compile, flip, max, maximum, mul, sub, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { ArrayDataset, ndarray } from '@hebb/data';
import type { SpokenDigit } from '@hebb/data/node';
import { logMelSpectrogram } from '@hebb/ops';
import { loudest, sampleRate } from '../common/speech.ts';

export const side = 28;
const hopLength = 148;
/** Half a second: as many steps as the picture is wide. */
const length = (side - 1) * hopLength;
/** Nats below the loudest band at which the picture is black. */
const depth = 7;

/** Shape: audio [N, 3996] -> grey levels 0 to 255 [N, 1, 28, 28], high pitches on top. */
export function picturesOf(audio: Tensor): Tensor {
  const settings = { sampleRate, nFft: 256, hopLength, mels: side, low: 80, floor: 1e-9 };
  const x = logMelSpectrogram(audio, settings);
  const level = maximum(sub(x, max(x, [1, 2], true)), -depth).add(depth);
  return mul(flip(level, 1), 255 / depth).reshape([audio.shape[0]!, 1, side, side]);
}

/** The loudest half second of each recording, as a picture with its digit. */
export async function pictures(recordings: readonly SpokenDigit[]) {
  const audio = new Float32Array(recordings.length * length);
  recordings.forEach(({ samples }, i) => {
    const part = loudest(samples, length);
    audio.set(part, i * length + Math.floor((length - part.length) / 2));
  });
  const shape = [recordings.length, length];
  const image = await (await compile(picturesOf)(tensor(audio, { shape }))).data();
  return new ArrayDataset({
    image: ndarray(image as Float32Array, [recordings.length, 1, side, side]),
    label: ndarray(
      Int32Array.from(recordings, ({ digit }) => digit),
      [recordings.length],
    ),
  });
}
