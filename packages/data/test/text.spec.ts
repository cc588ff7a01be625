import { Tokenizer } from '@huggingface/tokenizers';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { BytePairTokenizer, writeWav } from '../src/index.ts';
import {
  readImdb,
  readLines,
  readParallelText,
  readReviewPolarity,
  readSpokenDigits,
  readTar,
} from '../src/node.ts';
import { shared } from './shared.ts';

const lines = [
  'Two young men are outside near many bushes.',
  "A man's best friend isn't always a dog; it's 42 dogs, they'll say.",
  'Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.',
  'aaa aaaa aaaaa   trailing  spaces\t\nand lines 🙂🙂 日本語',
];
const special = ['<pad>', '<s>', '</s>'];
const tokenizer = BytePairTokenizer.train(lines, { vocabularySize: 330, special });

/** Byte-pair learning as Sennrich et al. print it: all pairs counted anew in each round. */
function plainMerges(texts: readonly string[], rounds: number): string[] {
  const pattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
  let words = texts.flatMap((text) =>
    [...text.matchAll(pattern)].map(([word]) => [...Buffer.from(word)].map((byte) => [byte])),
  );
  // What comes first in the vocabulary: bytes by their character, then merges by age.
  const age = new Map<string, number>();
  const printable = (b: number) => (b > 32 && b < 127) || (b > 160 && b < 256 && b !== 173);
  let next = 256;
  const character = Array.from({ length: 256 }, (_, b) => (printable(b) ? b : next++));
  const order = (symbol: number[]): number =>
    symbol.length === 1 ? character[symbol[0]!]! : 1000 + age.get(symbol.join())!;
  const merges: string[] = [];
  while (merges.length < rounds) {
    const counts = new Map<string, { pair: [number[], number[]]; count: number }>();
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) {
        const key = `${word[i]!.join()}|${word[i + 1]!.join()}`;
        const found = counts.get(key) ?? { pair: [word[i]!, word[i + 1]!], count: 0 };
        found.count += 1;
        counts.set(key, found);
      }
    }
    const [best] = [...counts.values()].sort(
      (p, q) =>
        q.count - p.count ||
        order(p.pair[0]) - order(q.pair[0]) ||
        order(p.pair[1]) - order(q.pair[1]),
    );
    if (best === undefined || best.count < 2) break;
    const [a, b] = best.pair.map((part) => part.join());
    merges.push(`${a}|${b}`);
    age.set(`${a},${b}`, merges.length);
    words = words.map((word) => {
      const merged: number[][] = [];
      for (let i = 0; i < word.length; i++) {
        const pair = word[i]!.join() === a && word[i + 1]?.join() === b;
        merged.push(pair ? [...word[i]!, ...word[i + 1]!] : word[i]!);
        if (pair) i += 1;
      }
      return merged;
    });
  }
  return merges;
}

describe('BytePairTokenizer', () => {
  it('learns what counting everything anew in each round learns', () => {
    const bytes = (token: string) =>
      [...Buffer.from(tokenizer.decode([tokenizer.id(token)]), 'utf8')].join();
    const wanted = plainMerges(lines, 40);
    // Only merges of ASCII can be told from the decoded text of their halves.
    const got = tokenizer.merges.slice(0, 40).map(([a, b]) => `${bytes(a)}|${bytes(b)}`);
    const broken = Buffer.from('\uFFFD').join();
    got.forEach((merge, i) => {
      if (!merge.includes(broken)) expect(merge).toBe(wanted[i]);
    });
    expect(got.filter((merge) => !merge.includes(broken)).length).toBeGreaterThan(25);
    expect(tokenizer.size).toBeLessThanOrEqual(330);
  });

  it('gives every text back', () => {
    for (const text of [...lines, '', ' ', '\u0000\uFEFF\u00a0', 'Ωmega <s> </s>', '𝔘🏳️‍🌈']) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
    const ids = [tokenizer.id('<s>'), ...tokenizer.encode('men'), tokenizer.id('</s>')];
    expect(tokenizer.decode(ids)).toBe('men');
    expect(tokenizer.decode(ids, { special: true })).toBe('<s>men</s>');
    // Half of a character.
    expect(tokenizer.decode(tokenizer.encode('日').slice(0, 1))).toBe('\uFFFD');
    expect([...tokenizer.encode('<pad>')]).not.toContain(tokenizer.id('<pad>'));
  });

  it("agrees with Hugging Face's library on its tokenizer.json", () => {
    const json = JSON.parse(JSON.stringify(tokenizer)) as object;
    const theirs = new Tokenizer(json, {});
    for (const text of [...lines, 'Unseen words: Straßenbahn 2024?!', "we've   said\n\n so "]) {
      const { ids } = theirs.encode(text, { add_special_tokens: false });
      expect([...tokenizer.encode(text)]).toEqual(ids);
      expect(theirs.decode(ids, { clean_up_tokenization_spaces: false })).toBe(text);
    }
    const again = BytePairTokenizer.fromJSON(json);
    expect([...again.encode(lines[1]!)]).toEqual([...tokenizer.encode(lines[1]!)]);
    expect(again.special).toEqual(special);
  });

  it('names what it cannot use', () => {
    expect(() => tokenizer.decode([999])).toThrow('there is no such token (got 999');
    expect(() => tokenizer.id('nothing')).toThrow('there is no such token');
    expect(() => BytePairTokenizer.train(lines, { vocabularySize: 10 })).toThrow('at least 256');
    expect(() => BytePairTokenizer.fromJSON({ model: { type: 'WordPiece' } })).toThrow(
      'model WordPiece',
    );
    expect(() => BytePairTokenizer.fromJSON(null)).toThrow('byte-level BPE');
    expect(() => new BytePairTokenizer({ tokens: ['a'], merges: [], special: [] })).toThrow(
      'a token is not in the vocabulary',
    );
  });
});

describe('corpora', () => {
  let folder = '';
  const path = (name: string) => join(folder, name);
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hebb-text-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('reads pairs of lines', async () => {
    await writeFile(path('a.en'), 'one\r\n\ntwo\n');
    await writeFile(path('a.de.gz'), gzipSync('eins\n\nzwei'));
    expect(await readParallelText(path('a.en'), path('a.de.gz'))).toEqual([
      { source: 'one', target: 'eins' },
      { source: 'two', target: 'zwei' },
    ]);
    await writeFile(path('b.de'), 'eins\nzwei\ndrei\n');
    await expect(readParallelText(path('a.en'), path('b.de'))).rejects.toThrow(
      /a\.en, line 2: it is empty/,
    );
    await writeFile(path('c.de'), 'eins\n');
    await expect(readParallelText(path('a.en'), path('c.de'))).rejects.toThrow('3 and 1 lines');
    await writeFile(path('d'), Uint8Array.of(0xff));
    await expect(readLines(path('d'))).rejects.toThrow('is not UTF-8 text');
  });

  it('reads archives', async () => {
    const body = (text: string, name: string) => ({
      header: { name, size: text.length, type: 'file' as const },
      body: text,
    });
    const tar = await packTar([
      body('bad\n', 'txt_sentoken/neg/cv000_1.txt'),
      body('good', 'txt_sentoken/pos/cv001_2.txt'),
      body('no review', 'README'),
    ]);
    await writeFile(path('r.tar.gz'), gzipSync(tar));
    expect(await readReviewPolarity(path('r.tar.gz'))).toEqual([
      { name: 'cv000_1.txt', text: 'bad\n', label: 0 },
      { name: 'cv001_2.txt', text: 'good', label: 1 },
    ]);
    expect((await readTar(path('r.tar.gz'))).map(({ name }) => name)).toHaveLength(3);
    for (const damaged of [tar.slice(0, 700), tar.map((byte, i) => (i === 20 ? byte ^ 1 : byte))]) {
      await writeFile(path('x.tar'), damaged);
      await expect(readTar(path('x.tar'))).rejects.toThrow(/x\.tar is a damaged archive/);
    }
    await writeFile(path('e.tar'), await packTar([]));
    await expect(readReviewPolarity(path('e.tar'))).rejects.toThrow('holds no reviews');
  });

  it('reads reviews as numbers of words', async () => {
    const names = { reviews: 'r.json', index: 'i.json' };
    const put = (reviews: unknown, index: unknown) =>
      Promise.all([
        writeFile(path('r.json'), JSON.stringify(reviews)),
        writeFile(path('i.json'), JSON.stringify(index)),
      ]);
    await put([{ label: 1, values: [0, 0, 1, 4, 2, 5] }], { good: 1, film: 2 });
    const { reviews, words } = await readImdb(folder, names);
    expect(reviews).toEqual([{ label: 1, ids: Int32Array.of(1, 4, 2, 5) }]);
    expect(Array.from(reviews[0]!.ids, (id) => words[id])).toEqual([
      '<start>',
      'good',
      '<unknown>',
      'film',
    ]);
    await put([{ label: 1, values: [9] }], { good: 1 });
    await expect(readImdb(folder, names)).rejects.toThrow(
      'review 0 has a word beyond the index, 9',
    );
    await put([{ values: [] }], { good: 1 });
    await expect(readImdb(folder, names)).rejects.toThrow('review 0 has no label');
    await writeFile(path('r.json'), '{');
    await expect(readImdb(folder, names)).rejects.toThrow(/r\.json is no JSON/);
  });

  it('reads spoken digits', async () => {
    const sound = (rate: number) =>
      writeWav({ channels: [Float32Array.of(0, 0.5)], sampleRate: rate });
    await writeFile(path('3_theo_10.wav'), sound(8000));
    await writeFile(path('3_theo_9.wav'), sound(8000));
    await writeFile(path('SOURCE.txt'), '');
    const found = await readSpokenDigits(folder);
    expect(found.map(({ digit, speaker, take }) => [digit, speaker, take])).toEqual([
      [3, 'theo', 9],
      [3, 'theo', 10],
    ]);
    await writeFile(path('4_theo_0.wav'), sound(16000));
    await expect(readSpokenDigits(folder)).rejects.toThrow(/4_theo_0\.wav: .*16000/);
    await expect(readSpokenDigits(path('none'))).rejects.toMatchObject({ kind: 'missing' });
  });
});

const there = existsSync(shared('datasets/multi30k'));
if (!there) console.warn('the shared corpora are not there: they are not read');
(there ? describe : describe.skip)('shared corpora', () => {
  it('have the sizes that their sources state', async () => {
    const pairs = await readParallelText(
      shared('datasets/multi30k/train.en.gz'),
      shared('datasets/multi30k/train.de.gz'),
    );
    expect(pairs.length).toBe(29000);
    const reviews = await readReviewPolarity(shared('datasets/tabular/review_polarity.tar.gz'));
    expect([reviews.length, reviews.filter(({ label }) => label === 1).length]).toEqual([
      2000, 1000,
    ]);
    const imdb = await readImdb(shared('datasets/imdb-subset'));
    expect([imdb.reviews.length, imdb.words.length]).toEqual([1000, 20003]);
    const text = Array.from(imdb.reviews[0]!.ids.subarray(0, 6), (id) => imdb.words[id]).join(' ');
    expect(text).toBe('the subtlety of a warning at');
    const bpe = BytePairTokenizer.train(
      pairs.slice(0, 2000).map(({ target }) => target),
      { vocabularySize: 1000 },
    );
    expect(bpe.size).toBe(1000);
    const { target } = pairs[28999]!;
    expect(bpe.decode(bpe.encode(target))).toBe(target);
  });
});
