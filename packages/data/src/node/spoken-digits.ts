/** The Free Spoken Digit Dataset: WAV files named `digit_speaker_take.wav`, 8,000 samples a second. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readWav } from '../audio/wav.ts';
import { DataError, reasonOf } from '../error.ts';
import { readBytes } from './files.ts';

export interface SpokenDigit {
  readonly samples: Float32Array;
  readonly digit: number;
  readonly speaker: string;
  readonly take: number;
}

/**
 * All recordings of a folder, in the order of digits, speakers and takes. The set's own test part is the takes
 * 0 to 4 of each; to test on an unknown voice hold out a speaker:
 *
 * ```ts no-run
 * const all = await readSpokenDigits('../shared/data/datasets/fsdd');
 * const train = all.filter(({ speaker, take }) => speaker !== 'theo' && take >= 5);
 * ```
 *
 * @throws DataError naming the file that cannot be read; `missing` for a folder without recordings.
 */
export async function readSpokenDigits(folder: string): Promise<SpokenDigit[]> {
  const op = 'readSpokenDigits';
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new DataError(op, `${folder} cannot be read: ${reasonOf(cause)}`, {
      kind: 'missing',
      cause,
    });
  });
  const found: SpokenDigit[] = [];
  for (const name of names) {
    const [, digit, speaker, take] = /^(\d)_(\w+)_(\d+)\.wav$/.exec(name) ?? [];
    if (digit === undefined || speaker === undefined) continue;
    const path = join(folder, name);
    const bytes = await readBytes(path);
    let samples: Float32Array | undefined;
    try {
      [samples] = readWav(bytes, { sampleRate: 8000 }).channels;
    } catch (cause) {
      throw new DataError(op, `${path}: ${reasonOf(cause)}`, { kind: 'corrupt', cause });
    }
    found.push({
      samples: samples ?? new Float32Array(),
      digit: Number(digit),
      speaker,
      take: Number(take),
    });
  }
  if (found.length === 0) {
    throw new DataError(op, `${folder} has no recordings`, {
      kind: 'missing',
      wanted:
        'files such as 0_theo_12.wav, from https://github.com/Jakobovski/free-spoken-digit-dataset (folder recordings)',
    });
  }
  return found.sort(
    (a, b) =>
      a.digit - b.digit ||
      (a.speaker < b.speaker ? -1 : a.speaker > b.speaker ? 1 : 0) ||
      a.take - b.take,
  );
}
