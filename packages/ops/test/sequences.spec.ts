/** Decoding, sequence losses and error rates, against full enumeration and published examples. */
import { cpu } from '@hebb/backend-cpu';
import {
  Generator,
  compile,
  currentBackend,
  fromBits,
  gradients,
  init,
  random,
  realize,
  tensor,
  treeLeaves,
  treeMap,
  zeros,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import * as ops from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});
const ints = (...values: number[]): Tensor => tensor(Int32Array.from(values));
const listed = async (x: Tensor): Promise<number[]> => [...((await x.data()) as Float32Array)];

/** Every label sequence that some alignment of `steps` steps gives, with its log-probability. */
function enumerate(rows: readonly (readonly number[])[]): Map<string, number> {
  const found = new Map<string, number>();
  const walk = (t: number, path: number[], p: number): void => {
    if (t === rows.length) {
      const labels = path.filter((c, i) => c !== path[i - 1]).filter((c) => c !== 0);
      const key = labels.join(' ');
      found.set(key, (found.get(key) ?? 0) + p);
      return;
    }
    rows[t]!.forEach((logp, c) => walk(t + 1, [...path, c], p * Math.exp(logp)));
  };
  walk(0, [], 1);
  return found;
}

describe('CTC decoding', () => {
  it('a wide beam finds what enumeration finds, and what the loss says', async () => {
    const logits = random.normal(random.key(3), [5, 1, 3]).mul(2);
    const logProbs = ops.logSoftmax(logits, 2);
    const flat = await listed(logProbs);
    const rows = Array.from({ length: 5 }, (_, t) => flat.slice(3 * t, 3 * t + 3));
    const want = [...enumerate(rows)].sort((a, b) => b[1] - a[1]);
    const [found] = await ops.ctcBeamDecode(logProbs, { beams: 200 });
    expect(found![0]!.labels.join(' ')).toBe(want[0]![0]);
    for (const { labels, score } of found!) {
      const p = want.find(([key]) => key === labels.join(' '))![1];
      expect(score).toBeCloseTo(Math.log(p), 4);
    }
    const best = found!.find(({ labels }) => labels.length > 0)!;
    const loss = ops.ctcLoss(
      logProbs,
      ints(...best.labels).reshape([1, -1]),
      [5],
      [best.labels.length],
      {
        reduction: 'sum',
      },
    );
    expect(await loss.item()).toBeCloseTo(-best.score, 4);
  });

  it('greedy joins repeats, keeps those apart by a blank, and stops at the length', async () => {
    const path = [1, 1, 0, 1, 2, 2];
    const logits = tensor(
      Float32Array.from(path.flatMap((c) => [0, 1, 2].map((k) => (k === c ? 5 : 0)))),
      {
        shape: [6, 1, 3],
      },
    );
    expect(await ops.ctcGreedyDecode(logits)).toEqual([[1, 1, 2]]);
    expect(await ops.ctcGreedyDecode(logits, { lengths: [4] })).toEqual([[1, 1]]);
    await expect(ops.ctcGreedyDecode(logits, { blank: 3 })).rejects.toThrow(/blank is no class/);
    await expect(ops.ctcGreedyDecode(logits, { lengths: [7] })).rejects.toThrow(/out of range/);
  });
});

describe('search', () => {
  // A chain: after token a comes b with these log-probabilities; 0 starts, 3 ends. Greedy takes 1 and gets stuck.
  const table = [
    [-9, -0.6, -0.9, -9],
    [-9, -1.2, -1.2, -1.2],
    [-9, -9, -3, -0.1],
    [-9, -9, -9, 0],
  ];
  const rows = tensor(Float32Array.from(table.flat()), { shape: [4, 4] });
  // The state counts steps, so that reordering it is seen.
  const step = (tokens: Tensor, state: Tensor): readonly [Tensor, Tensor] => [
    rows.gather(tokens, 0),
    state.add(1),
  ];
  const common = { start: 0, end: 3, maxLength: 4 };

  it('greedy follows the likeliest token', async () => {
    const [a, b] = await ops.greedySearch(step, zeros([2, 1]), { ...common, batch: 2 });
    expect(a![0]).toBe(1);
    expect(b).toEqual(a);
  });
  it('beams find the better sequence', async () => {
    const found = await ops.beamSearch(step, zeros([1, 1]), { ...common, beams: 3 });
    expect(found[0]!.tokens).toEqual([2]);
    const soft = (row: number[], k: number): number =>
      row[k]! - Math.log(row.reduce((n, x) => n + Math.exp(x), 0));
    expect(found[0]!.score).toBeCloseTo(soft(table[0]!, 2) + soft(table[2]!, 3), 4);
    const scores = found.map(({ score }) => score);
    expect([...scores].sort((x, y) => y - x)).toEqual(scores);
  });
  it('one beam is greedy, and a length penalty favours longer sequences', async () => {
    const [one] = await ops.beamSearch(step, zeros([1, 1]), { ...common, beams: 1 });
    const [greedy] = await ops.greedySearch(step, zeros([1, 1]), { ...common, batch: 1 });
    expect(one!.tokens[0]).toBe(greedy![0]);
    const mean = async (lengthPenalty: number): Promise<number> => {
      const found = await ops.beamSearch(step, zeros([1, 1]), {
        ...common,
        beams: 3,
        lengthPenalty,
      });
      return found[0]!.tokens.length;
    };
    expect(await mean(20)).toBeGreaterThan(await mean(0));
  });
  it('refuses bad settings', async () => {
    await expect(ops.beamSearch(step, zeros([1, 1]), { ...common, beams: 0 })).rejects.toThrow(
      /beams/,
    );
    await expect(
      ops.greedySearch(step, zeros([1, 1]), { ...common, maxLength: -1, batch: 1 }),
    ).rejects.toThrow(/maxLength/);
  });
});

describe('a wide beam', () => {
  it('keeps what sorting every continuation would keep, whatever the number of classes', async () => {
    const classes = 50;
    const table = random.normal(random.key(21), [classes, classes]).mul(2);
    const logp = await listed(ops.logSoftmax(table, 1));
    const step = (tokens: Tensor, state: Tensor): readonly [Tensor, Tensor] => [
      table.gather(tokens, 0),
      state,
    ];
    const [beams, maxLength] = [5, 3];
    const found = await ops.beamSearch(step, zeros([1, 1]), {
      start: 0,
      end: classes - 1,
      maxLength,
      beams,
    });
    // The same by sorting all.
    let live = [{ tokens: [] as number[], score: 0 }];
    const finished: { tokens: number[]; score: number }[] = [];
    for (let k = 0; k < maxLength; k++) {
      const all = live.flatMap(({ tokens, score }) =>
        Array.from({ length: classes }, (_, token) => ({
          tokens: [...tokens, token],
          score: score + logp[(tokens.at(-1) ?? 0) * classes + token]!,
        })),
      );
      all.sort((a, b) => b.score - a.score);
      const top = all.slice(0, 2 * beams);
      const ends = top.filter(({ tokens }) => tokens.at(-1) === classes - 1);
      finished.push(...ends.map(({ tokens, score }) => ({ tokens: tokens.slice(0, -1), score })));
      live = top.filter((each) => !ends.includes(each)).slice(0, beams);
    }
    finished.push(...live);
    finished.sort((a, b) => b.score - a.score);
    expect(found.map(({ tokens }) => tokens)).toEqual(
      finished.slice(0, beams).map(({ tokens }) => tokens),
    );
  });
});

describe('memory of a search', () => {
  it('is what the state needs, however many steps it takes, and constants of a step stay', async () => {
    const backend = currentBackend();
    const table = random.normal(random.key(5), [40, 40]);
    const constant = zeros([4]);
    const state = { h: zeros([4, 3]), constant, last: zeros([4], 'int32') };
    await realize(table, ...treeLeaves(state));
    const compiled = compile((tokens: Tensor, h: Tensor) => [table.gather(tokens, 0), h.add(1)]);
    const counts: number[] = [];
    const step = async (tokens: Tensor, { h }: { h: Tensor; constant: Tensor; last: Tensor }) => {
      const [logits, next] = await compiled(tokens, h);
      counts.push(backend.memory().buffers);
      // A state may hold what came in, and the same tensor at every step.
      return [logits!, { h: next!, constant, last: tokens }] as const;
    };
    const search = { start: 0, end: 39, maxLength: 30 };
    const least = backend.memory().buffers;
    await ops.greedySearch(step, state, { ...search, batch: 4 });
    expect(Math.max(...counts.slice(2))).toBe(Math.min(...counts.slice(2)));
    const one = treeMap(state, (x) => x.narrow(0, 0, 1));
    counts.length = 0;
    for (const lengthPenalty of [0, 1]) {
      await ops.beamSearch(step, one, { ...search, beams: 4, lengthPenalty });
    }
    expect(Math.max(...counts) - least).toBeLessThan(30);
    expect(await listed(constant)).toEqual([0, 0, 0, 0]);
    expect(await listed(state.h)).toHaveLength(12);
  });
});

describe('scheduled sampling', () => {
  // The decoder's likeliest tokens: 1, 2, 3, 0.
  const logits = tensor(
    Float32Array.from(
      [1, 2, 3, 0].flatMap((best) => [0, 1, 2, 3].map((c) => (c === best ? 4 : 0))),
    ),
    { shape: [1, 4, 4] },
  );
  const inputs = ints(9, 8, 7, 6).reshape([1, 4]);
  it('feeds what the decoder said a step before, from none of it to all', async () => {
    expect(await listed(ops.scheduledSampling(inputs, logits, 0))).toEqual([9, 8, 7, 6]);
    expect(await listed(ops.scheduledSampling(inputs, logits, 1))).toEqual([9, 1, 2, 3]);
    const one = inputs.narrow(1, 0, 1);
    expect(await listed(ops.scheduledSampling(one, logits.narrow(1, 0, 1), 1))).toEqual([9]);
  });
  it('tosses a coin for each token, with a probability that may be a tensor', async () => {
    const right = zeros([100, 100], 'int32');
    const own = right.add(1);
    const generator = new Generator(4);
    const share = async (p: number | Tensor): Promise<number> =>
      (await listed(ops.mixTokens(right, own, p, { generator }))).reduce((a, b) => a + b, 0) / 1e4;
    expect(await share(0.3)).toBeCloseTo(0.3, 1);
    expect(await share(tensor(0.8))).toBeCloseTo(0.8, 1);
    expect(await share(0.3)).not.toBe(await share(0.3));
  });
  it('has no gradient through the tokens', async () => {
    const mixed = ops.scheduledSampling(inputs, logits, 1);
    expect(mixed.dtype).toBe('int32');
    expect(() => ops.scheduledSampling(inputs, logits.narrow(1, 0, 3), 1)).toThrow(/logits/);
    expect(() => ops.mixTokens(inputs, inputs, 2)).toThrow(/not a probability/);
    expect(() => ops.mixTokens(inputs, inputs.narrow(1, 0, 2), 0.5)).toThrow(/do not fit/);
  });
  it('the share of right tokens falls as in the paper', () => {
    expect(ops.teacherForcing.linear(0.1, { least: 0.5 })(3)).toBeCloseTo(0.7);
    expect(ops.teacherForcing.linear(0.1, { least: 0.5 })(30)).toBe(0.5);
    expect(ops.teacherForcing.exponential(0.9)(2)).toBeCloseTo(0.81);
    const k = 10;
    expect(ops.teacherForcing.inverseSigmoid(k)(k * Math.log(k))).toBeCloseTo(0.5);
    expect(ops.teacherForcing.inverseSigmoid(k)(0)).toBeCloseTo(10 / 11);
  });
});

describe('losses with masks', () => {
  it('count only what is inside', async () => {
    const logits = random.normal(random.key(8), [2, 3, 4]);
    const targets = ints(1, 2, -100, 3, 0, 1).reshape([2, 3]);
    const mask = ops.lengthMask([2, 3], 3);
    const loss = ops.sequenceCrossEntropy(logits, targets, mask);
    const want = ops.crossEntropy(logits.reshape([6, 4]), targets.reshape([6]));
    const [grad] = gradients([loss], [logits]);
    expect(await loss.item()).toBeCloseTo(Number(await want.item()), 5);
    expect((await listed(grad!)).slice(8, 12)).toEqual([0, 0, 0, 0]);
  });
  it('infinite padding stays out', async () => {
    const x = tensor([
      [1, Infinity],
      [2, 4],
    ]);
    const loss = ops.sequenceMse(x, zeros([2, 2]), ops.lengthMask(ints(1, 2), 2));
    expect(await loss.item()).toBeCloseTo(7, 5);
    expect(() => ops.sequenceMse(x, zeros([2, 2]), ops.lengthMask([1], 2))).toThrow(
      /mask does not fit/,
    );
    expect(() => ops.lengthMask([3], 2)).toThrow(/length is out of range/);
  });
});

describe('attention', () => {
  it('masked steps have weight 0 and the rest sum to 1', async () => {
    const [query, keys] = [
      random.normal(random.key(1), [2, 4]),
      random.normal(random.key(2), [2, 3, 4]),
    ];
    const mask = fromBits(Uint8Array.from([1, 1, 0, 1, 1, 1]), [2, 3], 'bool');
    for (const [context, weights] of [
      ops.additiveAttention(query, keys, keys, random.normal(random.key(3), [4]), mask),
      ops.multiplicativeAttention(query, keys, keys, mask),
    ]) {
      expect(context.shape).toEqual([2, 4]);
      const w = await listed(weights);
      expect(w[2]).toBe(0);
      expect(w[0]! + w[1]!).toBeCloseTo(1, 5);
    }
    expect(() => ops.multiplicativeAttention(query, keys, zeros([2, 4, 4]))).toThrow(/do not fit/);
  });
});

describe('attention of several queries', () => {
  it('is that of each', async () => {
    const queries = random.normal(random.key(1), [2, 3, 4]);
    const keys = random.normal(random.key(2), [2, 5, 4]);
    const v = random.normal(random.key(3), [4]);
    const mask = ops.lengthMask([3, 5], 5);
    for (const attention of [
      (query: Tensor) => ops.additiveAttention(query, keys, keys, v, mask),
      (query: Tensor) => ops.multiplicativeAttention(query, keys, keys, mask),
    ]) {
      const [contexts, weights] = attention(queries);
      expect([contexts.shape, weights.shape]).toEqual([
        [2, 3, 4],
        [2, 3, 5],
      ]);
      for (let step = 0; step < 3; step++) {
        const [context] = attention(queries.narrow(1, step, 1).squeeze(1));
        const want = await listed(context);
        (await listed(contexts.narrow(1, step, 1))).forEach((x, i) =>
          expect(x).toBeCloseTo(want[i]!, 5),
        );
      }
    }
  });
});

describe('error rates', () => {
  it('edit distance', () => {
    expect(ops.editDistance([...'kitten'], [...'sitting'])).toBe(3);
    expect(ops.editDistance([], [1, 2])).toBe(2);
    expect(ops.wordErrorRate(['the cat sat on the mat'], ['the cat sit on mat'])).toBeCloseTo(
      2 / 6,
    );
    expect(ops.characterErrorRate(['abcd'], ['abd'])).toBeCloseTo(1 / 4);
    expect(() => ops.wordErrorRate(['a'], [])).toThrow(/one hypothesis for each reference/);
    expect(() => ops.wordErrorRate([''], [''])).toThrow(/references are empty/);
  });
  it('BLEU: the example of the paper, a perfect match, brevity', () => {
    const words = (text: string): string[] => text.split(' ');
    // Clipped unigram precision 2/7 (Papineni et al., section 2.1.1).
    const seven = words('the the the the the the the');
    const cats = [words('the cat is on the mat'), words('there is a cat on the mat')];
    expect(ops.bleu([seven], [cats], { maxOrder: 1 })).toBeCloseTo(2 / 7);
    const same = words('a b c d e');
    expect(ops.bleu([same], [[same]])).toBeCloseTo(1);
    expect(ops.bleu([words('a b c d')], [[same]])).toBeCloseTo(Math.exp(1 - 5 / 4));
    expect(ops.bleu([words('x y')], [[same]])).toBe(0);
    expect(ops.bleu([words('a b x d')], [[same]], { smooth: true })).toBeGreaterThan(0);
  });
  it('perplexity and bits', () => {
    expect(ops.perplexity(Math.log(7))).toBeCloseTo(7);
    expect(ops.bitsPerToken(Math.log(8))).toBeCloseTo(3);
  });
});
