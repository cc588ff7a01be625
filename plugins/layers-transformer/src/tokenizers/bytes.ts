/** GPT-2's way of writing bytes as letters, and of cutting text into words. */

/** Letters for the 256 bytes: printable ones stand for themselves, the others for letters from U+0100 on. */
export const byteLetters: readonly string[] = letters();

function letters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(printable(byte) ? byte : next++),
  );
}

const encoder = new TextEncoder();
export function bytesAsLetters(text: string): string {
  return Array.from(encoder.encode(text), (byte) => byteLetters[byte]).join('');
}

/** Words with the space before them, runs of digits, of signs and of spaces. */
export const wordPattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
