/** Digits of one speaker one after the other, pauses between them, drawn anew for every number. */
import { Philox, ndarray } from '@hebb/data';
import type { Dataset, Indices, NDArray } from '@hebb/data';
import type { SpokenDigit } from '@hebb/data/node';
import { atSpeed, loudest, recordings } from '../common/speech.ts';

import { length, longest } from './model.ts';

export interface Utterance extends Record<string, NDArray> {
  /** [length] */
  readonly audio: NDArray;
  /** How many digits, then the digits + 1 (0 is the blank of CTC), then zeros. [1 + longest] */
  readonly digits: NDArray;
}

/** Longest part of a recording that is used, in samples. */
const most = 7000;
/** Longest pause, in samples. */
const pause = 2400;

/** Sequences by number: the same number, the same sequence. */
export class Sequences implements Dataset<Utterance> {
  readonly length: number;
  readonly #voices: readonly (readonly SpokenDigit[])[];
  readonly #seed: number;

  constructor(list: readonly SpokenDigit[], count: number, seed: number) {
    this.length = count;
    const speakers = [...new Set(list.map(({ speaker }) => speaker))];
    this.#voices = speakers.map((name) => list.filter(({ speaker }) => speaker === name));
    this.#seed = seed;
  }

  get(index: number): Utterance {
    const { audio, digits } = this.batch([index]);
    return {
      audio: ndarray(audio.data, [length]),
      digits: ndarray(digits.data, [1 + longest]),
    };
  }

  batch(indices: Indices): Utterance {
    const audio = new Float32Array(indices.length * length);
    const digits = new Int32Array(indices.length * (1 + longest));
    for (let i = 0; i < indices.length; i++) {
      this.#draw(
        indices[i]!,
        audio.subarray(i * length, (i + 1) * length),
        digits.subarray(i * (1 + longest), (i + 1) * (1 + longest)),
      );
    }
    return {
      audio: ndarray(audio, [indices.length, length]),
      digits: ndarray(digits, [indices.length, 1 + longest]),
    };
  }

  #draw(index: number, audio: Float32Array, digits: Int32Array): void {
    const draw = new Philox(this.#seed, index);
    const voice = this.#voices[draw.below(this.#voices.length)]!;
    const count = 1 + draw.below(longest);
    let at = draw.below(pause);
    for (let k = 0; k < count; k++) {
      const { samples, digit } = voice[draw.below(voice.length)]!;
      if (at + samples.length > length) break;
      audio.set(samples, at);
      digits[1 + k] = digit + 1;
      digits[0] = k + 1;
      at += samples.length + draw.below(pause);
    }
  }
}

/** The digits of a sample, as they were said. */
export const said = (digits: ArrayLike<number>): number[] =>
  Array.from({ length: digits[0]! }, (_, k) => digits[1 + k]! - 1);

export interface Parts {
  /** Sequences of takes 5 and later; more than are ever drawn. */
  readonly train: Sequences;
  /** Sequences of takes 0 to 4, which training never hears. */
  readonly test: Sequences;
}

export async function parts(options: {
  readonly speeds: readonly number[];
  readonly takes: number;
  readonly tests: number;
}): Promise<Parts> {
  const all = (await recordings())
    .filter(({ take }) => take < options.takes)
    .map((each) => ({ ...each, samples: loudest(each.samples, most) }));
  const train = all.filter(({ take }) => take >= 5);
  const faster: SpokenDigit[] = [];
  for (const factor of options.speeds) faster.push(...(await atSpeed(train, factor)));
  return {
    train: new Sequences(faster, 2 ** 20, 1),
    test: new Sequences(
      all.filter(({ take }) => take < 5),
      options.tests,
      2,
    ),
  };
}
