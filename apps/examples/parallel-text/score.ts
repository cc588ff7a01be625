/** How good translations are: BLEU of lower-case words and punctuation marks, 0 to 100. */
import { words } from '@hebb/data';
import type { TextPair } from '@hebb/data/node';
import { bleu } from '@hebb/ops';

export function bleuOf(translations: readonly string[], pairs: readonly TextPair[]): number {
  return (
    100 *
    bleu(
      translations.map(words),
      pairs.map(({ target }) => [words(target)]),
    )
  );
}
