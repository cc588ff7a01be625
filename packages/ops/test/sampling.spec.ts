import { StopSequences, StopTexts, sampleToken, seededUniform } from '../src/index.ts';
import type { TokenSamplingOptions } from '../src/index.ts';

const probabilities = [0.4, 0.3, 0.2, 0.08, 0.02];
const logits = probabilities.map(Math.log);

function shares(options: TokenSamplingOptions, seen: number[] = [], from = logits): number[] {
  const random = seededUniform(5);
  const counts = new Array<number>(from.length).fill(0);
  const draws = 20_000;
  for (let i = 0; i < draws; i++) counts[sampleToken(from, options, random, seen)]! += 1;
  return counts.map((count) => count / draws);
}
const expectShares = (found: number[], wanted: number[]): void => {
  found.forEach((share, i) => expect(Math.abs(share - wanted[i]!)).toBeLessThan(0.012));
};

describe('sampleToken', () => {
  it('draws by probability, sharper when cold and flatter when hot', () => {
    expectShares(shares({}), probabilities);
    const tempered = (t: number): number[] => {
      const powers = probabilities.map((p) => p ** (1 / t));
      return powers.map((p) => p / powers.reduce((a, b) => a + b));
    };
    expectShares(shares({ temperature: 0.5 }), tempered(0.5));
    expectShares(shares({ temperature: 2 }), tempered(2));
  });

  it('leaves out what top-k, top-p and min-p leave out, and scales up the rest', () => {
    expectShares(shares({ topK: 2 }), [4 / 7, 3 / 7, 0, 0, 0]);
    expectShares(shares({ topP: 0.6 }), [4 / 7, 3 / 7, 0, 0, 0]);
    expectShares(shares({ topP: 0.71 }), [4 / 9, 3 / 9, 2 / 9, 0, 0]);
    expectShares(shares({ minP: 0.3 }), [4 / 9, 3 / 9, 2 / 9, 0, 0]);
    expectShares(shares({ topK: 3, topP: 0.5 }), [4 / 7, 3 / 7, 0, 0, 0]);
    expect(shares({ temperature: 0 })).toEqual([1, 0, 0, 0, 0]);
    expect(shares({ topK: 1 })).toEqual([1, 0, 0, 0, 0]);
  });

  it('makes tokens that occurred less likely, whatever the sign of their logit', () => {
    const penalised = (from: number[]): number =>
      sampleToken(from, { temperature: 0, repetitionPenalty: 2 }, () => 0, [0]);
    expect(penalised([1, 0.6, 0])).toBe(1);
    expect(penalised([1, 0.4, 0])).toBe(0);
    expect(penalised([-1, -1.5, -3])).toBe(1);
  });

  it('says what cannot be', () => {
    const draw = (options: TokenSamplingOptions, from = logits) =>
      expect(() => sampleToken(from, options, () => 0));
    draw({ temperature: -1 }).toThrow('temperature is out of range (got -1)');
    draw({ topK: 0 }).toThrow('topK is out of range');
    draw({ topP: 1.5 }).toThrow('topP is out of range');
    draw({}, [NaN, 0]).toThrow('a logit is not a number');
    draw({}, [-Infinity, -Infinity]).toThrow('there is no token to draw');
  });

  it('uniform numbers are uniform and repeat with the seed', () => {
    const [a, b] = [seededUniform(1), seededUniform(1)];
    const found = Array.from({ length: 10_000 }, () => a());
    expect(found.slice(0, 100)).toEqual(Array.from({ length: 100 }, () => b()));
    const mean = found.reduce((x, y) => x + y) / found.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
    expect(Math.min(...found)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...found)).toBeLessThan(1);
  });
});

describe('StopSequences', () => {
  it('holds back what may begin an end, and gives it out when it does not', () => {
    const stops = new StopSequences([
      [1, 2, 3],
      [2, 9],
    ]);
    expect([5, 1, 2].map((token) => stops.push(token))).toEqual([[5], [], []]);
    expect(stops.push(4)).toEqual([1, 2, 4]);
    expect([1, 1, 2].map((token) => stops.push(token))).toEqual([[], [1], []]);
    expect(stops.push(9)).toEqual([1]);
    expect(stops.stopped).toBe(true);
    expect(stops.flush()).toEqual([]);
  });
  it('gives out the rest of a text that nothing ended', () => {
    const stops = new StopSequences([[7, 8]]);
    expect(stops.push(7)).toEqual([]);
    expect(stops.flush()).toEqual([7]);
    expect(() => new StopSequences([[]])).toThrow('a sequence is empty');
  });
});

describe('StopTexts', () => {
  const run = (ends: readonly string[], pieces: readonly string[]) => {
    const stops = new StopTexts(ends);
    const given = pieces.map((piece) => (stops.stopped ? '-' : stops.push(piece)));
    return [...given, stops.flush(), stops.stopped];
  };
  it('holds back what may begin an end, and leaves out the end and what follows', () => {
    expect(run(['END'], ['aE', 'N', 'x', 'E', 'ND!'])).toEqual([
      ...['a', '', 'ENx', '', ''],
      ...['', true],
    ]);
    expect(run(['END'], ['aE', 'N'])).toEqual(['a', '', 'EN', false]);
  });
  it('takes the first of several, also within one piece', () => {
    expect(run(['\n\n', 'User:'], ['one\n', 'User: two\n\n'])).toEqual(['one', '\n', '', true]);
    expect(run(['aab'], ['aaaab'])).toEqual(['aa', '', true]);
    expect(run([], ['a', ''])).toEqual(['a', '', '', false]);
    expect(() => new StopTexts(['a', ''])).toThrow(/a text is empty/);
  });
});
