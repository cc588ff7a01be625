/** Which recordings are learnt from, and which judge. */
import { ndarray } from '@hebb/data';
import type { Dataset, Indices, NDArray } from '@hebb/data';
import type { SpokenDigit } from '@hebb/data/node';
import { UsageError } from '../common/options.ts';
import { atSpeed, loudest, recordings } from '../common/speech.ts';

import { length } from './model.ts';

export interface Utterance extends Record<string, NDArray> {
  /** [length] */
  readonly audio: NDArray;
  /** [] */
  readonly digit: NDArray;
}

/** Recordings as samples of one length, silence around them. */
export class Utterances implements Dataset<Utterance> {
  readonly list: readonly SpokenDigit[];
  constructor(list: readonly SpokenDigit[]) {
    this.list = list;
  }
  get length(): number {
    return this.list.length;
  }
  get(index: number): Utterance {
    const { audio, digit } = this.batch([index]);
    return { audio: ndarray(audio.data, [length]), digit: ndarray(digit.data, []) };
  }
  batch(indices: Indices): Utterance {
    const audio = new Float32Array(indices.length * length);
    const digit = new Int32Array(indices.length);
    for (let i = 0; i < indices.length; i++) {
      const { samples, digit: label } = this.list[indices[i]!]!;
      const part = loudest(samples, length);
      audio.set(part, i * length + Math.floor((length - part.length) / 2));
      digit[i] = label;
    }
    return {
      audio: ndarray(audio, [indices.length, length]),
      digit: ndarray(digit, [indices.length]),
    };
  }
}

export interface Parts {
  /** Takes 5 and later of four speakers, at several speeds, each speed as many. */
  readonly train: Utterances;
  /** How many different recordings are in `train`. */
  readonly recorded: number;
  /** Takes 0 to 4 of the same speakers. */
  readonly known: Utterances;
  /** All takes of the fifth. */
  readonly unseen: Utterances;
}

export async function parts(
  unseen: string,
  { speeds, takes }: { readonly speeds: readonly number[]; readonly takes: number },
): Promise<Parts> {
  const all = (await recordings())
    .filter(({ take }) => take < takes)
    .map((each) => ({ ...each, samples: loudest(each.samples, length) }));
  const rest = all.filter(({ speaker }) => speaker !== unseen);
  if (rest.length === all.length) {
    const names = [...new Set(all.map(({ speaker }) => speaker))].join(', ');
    throw new UsageError(`--speaker wants one of ${names}, got ${unseen}`);
  }
  const train = rest.filter(({ take }) => take >= 5);
  const faster: SpokenDigit[] = [];
  for (const factor of speeds) faster.push(...(await atSpeed(train, factor)));
  return {
    train: new Utterances(faster),
    recorded: train.length,
    known: new Utterances(rest.filter(({ take }) => take < 5)),
    unseen: new Utterances(all.filter(({ speaker }) => speaker === unseen)),
  };
}
