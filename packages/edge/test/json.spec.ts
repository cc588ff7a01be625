/** Bodies read from their bytes, beside JSON.parse and the engine's own reading of numbers. */
import { Philox } from '@hebb/data';
import { Numbers } from '../src/json/numbers.ts';
import { parseNumbers } from '../src/json/parse.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** With plain lists in the place of `Numbers`. */
function plain(value: unknown): unknown {
  if (value instanceof Numbers) {
    const level = (axis: number, at: number, size: number): unknown => {
      if (axis === value.shape.length) return value.data[at];
      const count = value.shape[axis]!;
      const inner = size / count;
      return Array.from({ length: count }, (_, i) => level(axis + 1, at + i * inner, inner));
    };
    return level(0, 0, value.data.length);
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}
const parsed = (text: string): unknown => {
  const read = parseNumbers(bytes(text));
  return read === undefined ? 'not read' : plain(read.value);
};
const judged = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return 'no JSON';
  }
};

const random = new Philox(11, 0);
const below = (n: number): number => Math.floor(random.uniform() * n);
const bits = new DataView(new ArrayBuffer(8));

/** A number as some program may write it. */
function literal(): string {
  const float = Math.fround(random.uniform() * 2 - 1);
  switch (below(9)) {
    case 0:
      return String(float);
    case 1:
      return String(random.uniform());
    case 2:
      return float.toFixed(below(20));
    case 3:
      return float.toExponential(below(20));
    case 4:
      return `${float.toPrecision(1 + below(21))}${['', '0', '00', 'e0', 'E+2', 'e-7'][below(6)]}`;
    case 5:
      return String(below(1000) - 500);
    case 6:
      return `${1 + below(9)}${'0123456789'.repeat(1 + below(3)).slice(below(9))}.${below(1e9)}`;
    case 7:
      return ['0', '-0', '0.0', '-0.0e5', '1e999', '5e-324', '1e-400', '9007199254740993'][
        below(8)
      ]!;
    default: {
      // Any double there is.
      bits.setUint32(0, below(2 ** 32));
      bits.setUint32(4, below(2 ** 32));
      const value = bits.getFloat64(0);
      return Number.isFinite(value) ? String(value).replace('+', '') : '0.5';
    }
  }
}

it('reads numbers as the engine does, to the last bit', () => {
  for (let round = 0; round < 150; round++) {
    const list = Array.from({ length: 100 }, literal).filter((text) => /^-?\d/.test(text));
    const read = parseNumbers(bytes(`[${list.join(round % 2 === 0 ? ',' : ' ,\n\t')}]`));
    const { data, shape } = read!.value as Numbers;
    expect(shape).toEqual([list.length]);
    const wrong = list.findIndex((text, i) => !Object.is(data[i], Number(text)));
    expect(list[wrong]).toBeUndefined();
  }
});

it('keeps integers that a double does not hold', () => {
  const { value } = parseNumbers(bytes('[1, 9007199254740993, -9223372036854775808, 1e18]'))!;
  expect((value as Numbers).exact).toEqual(
    new Map([
      [1, 9007199254740993n],
      [2, -9223372036854775808n],
    ]),
  );
  expect((value as Numbers).toText()).toBe(
    '[1,9007199254740993,-9223372036854775808,1000000000000000000]',
  );
});

const many = (n: number): string => Array.from({ length: n }, (_, i) => i / 8).join();

it.each([
  `{"input": {"shape": [1, 2], "data": [${many(40)}]}, "more": [true, null, "x", {"a": []}]}`,
  `[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]`,
  `\uFEFF {"\\u0061\\n\\ud83d\\ude00": "\uFEFFä\\"\\\\", "b": -1.5e3, "b": 2, "1": 9007199254740993}`,
  `"text"`,
  `[[${many(50)}], "x", [${many(33)}]]`,
])('gives what JSON.parse gives: %s', (text) => {
  const read = parseNumbers(bytes(text));
  const wanted: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
  if (text.includes('"x", [')) expect(read).toBeUndefined();
  else expect(plain(read!.value)).toEqual(wanted);
});

it.each([
  ...['', ' ', '[', ']', '[1,]', '[,1]', '[1 2]', '[01]', '[1.]', '[.5]', '[+1]', '[-]', '[1e]'],
  ...['[--1]', '{"a":1,}', '{a:1}', "{'a':1}", '{"a" 1}', '[1]x', 'nul', '"\n"', '"\\x"', 'NaN'],
  ...['[Infinity]', '[1,[2]]', '[[1],2]', '[[1],[2,3]]', '[[1],[[2]]]', '[[[1]],[2]]', '[[],[1]]'],
  ...['{"__proto__": [1]}', '[1,null]', '[0x10]', '1_000', `${'['.repeat(99)}1${']'.repeat(99)}`],
])('leaves %s to JSON.parse', (text) => {
  expect(parseNumbers(bytes(text))).toBeUndefined();
});

it('leaves text that is no UTF-8 to those who say so', () => {
  expect(parseNumbers(Uint8Array.of(0x22, 0xff, 0x22))).toBeUndefined();
  expect(parseNumbers(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))).toBeUndefined();
});

it('never takes what JSON.parse does not, and never another value', () => {
  const good = [
    `{"inputs":[{"name":"x","datatype":"FP32","shape":[2,3],"data":[[1.5,-2e-3,0],[4,5.25,6]]}],"id":"a\\u0041"}`,
    `{"input": {"shape": [1, 4], "data": [0.1, -0.25, 1e5, 12345678901234567890]}, "t": [true, false]}`,
  ];
  const alphabet = '0123456789.eE+-[]{},:"\\ \ntfn';
  let read = 0;
  for (let i = 0; i < 6000; i++) {
    let text = good[i % 2]!;
    for (let k = below(3); k >= 0; k--) {
      const at = below(text.length);
      const put = below(3) === 0 ? '' : alphabet[below(alphabet.length)]!;
      text = text.slice(0, at) + put + text.slice(at + below(2));
    }
    const found = parsed(text);
    if (found === 'not read') continue;
    read += 1;
    if (JSON.stringify(found) !== JSON.stringify(judged(text))) {
      throw new Error(`${text}\n${JSON.stringify(found)}`);
    }
  }
  expect(read).toBeGreaterThan(300);
});

it('reads on in other memory when there are many numbers, and bodies one after the other', () => {
  const long = `{"a":[${many(5000)}],"b":[${many(300_000)}],"c":[${many(64)}]}`;
  for (const text of [long, `[${many(100)}]`, long]) expect(parsed(text)).toEqual(judged(text));
});
