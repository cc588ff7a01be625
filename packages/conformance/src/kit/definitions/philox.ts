/** Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), written with BigInts. */

const MASK = 0xffffffffn;
type Block = readonly [bigint, bigint, bigint, bigint];

/** Ten rounds on one counter. */
export function philoxBlock(counter: Block, key: readonly [bigint, bigint]): Block {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const left = c0 * 0xd2511f53n;
    const right = c2 * 0xcd9e8d57n;
    [c0, c1, c2, c3] = [
      ((right >> 32n) ^ c1 ^ k0) & MASK,
      right & MASK,
      ((left >> 32n) ^ c3 ^ k1) & MASK,
      left & MASK,
    ];
    k0 = (k0 + 0x9e3779b9n) & MASK;
    k1 = (k1 + 0xbb67ae85n) & MASK;
  }
  return [c0, c1, c2, c3];
}

/** The first `count` words of the stream that `randomBits` defines for a key. */
export function philoxWords(key: readonly [number, number], count: number): number[] {
  const words: number[] = [];
  for (let block = 0; words.length < count; block++) {
    words.push(
      ...philoxBlock([BigInt(block), 0n, 0n, 0n], [BigInt(key[0]), BigInt(key[1])]).map(Number),
    );
  }
  return words.slice(0, count);
}
