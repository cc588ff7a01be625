/** A text to learn from for those who have none at hand. */
import { seededUniform } from '@hebb/ops';

const numbers = [
  'zero',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'eleven',
  'twelve',
  'thirteen',
  'fourteen',
  'fifteen',
  'sixteen',
  'seventeen',
  'eighteen',
];

/** Sums of two digits in words, one a line: whoever has learnt it adds. */
export function sums(lines: number, seed = 1): string {
  const random = seededUniform(seed);
  const digit = (): number => Math.floor(10 * random());
  return Array.from({ length: lines }, () => {
    const [a, b] = [digit(), digit()];
    return `${numbers[a]} and ${numbers[b]} is ${numbers[a + b]}\n`;
  }).join('');
}
