import {
  HebbError,
  bfloat16Bits,
  bfloat16Value,
  dtypeInfo,
  dtypeOfArray,
  dtypes,
  float16Bits,
  float16Value,
  isFloat,
  promote,
  tensor,
} from '../src/index.ts';
import type { DType } from '../src/index.ts';

describe('promotion', () => {
  it('is symmetric, idempotent and closed', () => {
    for (const a of dtypes) {
      expect(promote(a, a)).toBe(a);
      for (const b of dtypes) {
        expect([a, b, promote(b, a)]).toEqual([a, b, promote(a, b)]);
        expect(dtypes).toContain(promote(a, b));
      }
    }
  });

  it('never loses integers to a smaller integer type', () => {
    const integers = dtypes.filter((dtype) => !isFloat(dtype));
    for (const a of integers) {
      for (const b of integers) {
        const meet = promote(a, b);
        if (isFloat(meet)) continue;
        for (const dtype of [a, b]) {
          expect(dtypeInfo(meet).min <= dtypeInfo(dtype).min).toBe(true);
          expect(dtypeInfo(meet).max >= dtypeInfo(dtype).max).toBe(true);
        }
      }
    }
  });

  it.each<[DType, DType, DType]>([
    ['bool', 'uint8', 'uint8'],
    ['uint8', 'int8', 'int16'],
    ['uint16', 'int8', 'int32'],
    ['uint32', 'int32', 'int64'],
    ['uint64', 'int64', 'float64'],
    ['int64', 'float16', 'float16'],
    ['float16', 'bfloat16', 'float32'],
    ['float32', 'float64', 'float64'],
    ['bfloat16', 'float32', 'float32'],
    ['int64', 'float32', 'float32'],
  ])('%s with %s gives %s', (a, b, want) => {
    expect(promote(a, b)).toBe(want);
  });
});

describe('host arrays', () => {
  it('knows each class and refuses others', () => {
    for (const dtype of dtypes) {
      if (dtype === 'bool' || dtype === 'float16' || dtype === 'bfloat16') continue;
      expect(dtypeOfArray(dtypeInfo(dtype).allocate(1))).toBe(dtype);
    }
    const pixels = new Uint8ClampedArray(4);
    // @ts-expect-error Plain JavaScript can pass this.
    expect(() => tensor(pixels)).toThrow(HebbError);
  });
});

describe('16-bit floats', () => {
  it('round-trips all 65,536 patterns of both', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const half = float16Value(bits);
      const brain = bfloat16Value(bits);
      if (Number.isNaN(half)) expect(Number.isNaN(float16Value(float16Bits(half)))).toBe(true);
      else if (float16Bits(half) !== bits) throw new Error(`float16 ${bits.toString(16)}`);
      if (Number.isNaN(brain)) expect(Number.isNaN(bfloat16Value(bfloat16Bits(brain)))).toBe(true);
      else if (bfloat16Bits(brain) !== bits) throw new Error(`bfloat16 ${bits.toString(16)}`);
    }
  });

  it.each([
    ['float16', float16Bits, float16Value, 0x7c00],
    ['bfloat16', bfloat16Bits, bfloat16Value, 0x7f80],
  ] as const)(
    '%s rounds halves to even, and everything else to the nearest',
    (_, encode, decode, infinity) => {
      for (let bits = 0; bits < infinity - 1; bits++) {
        const low = decode(bits);
        const high = decode(bits + 1);
        const middle = (low + high) / 2;
        const even = bits % 2 === 0 ? bits : bits + 1;
        // A double lies much closer to the middle than any float32 does: no double rounding.
        const hair = middle * 2 ** -52;
        if (encode(middle) !== even) throw new Error(`tie above ${bits}`);
        if (encode(-middle) !== (even | 0x8000)) throw new Error(`tie below -${bits}`);
        if (encode(middle - hair) !== bits) throw new Error(`just below the tie above ${bits}`);
        if (encode(middle + hair) !== bits + 1) throw new Error(`just above the tie above ${bits}`);
      }
    },
  );

  it('overflows to infinity from the middle to the next power on', () => {
    expect(float16Bits(65519.999)).toBe(0x7bff);
    expect(float16Bits(65520)).toBe(0x7c00);
    expect(float16Bits(1e300)).toBe(0x7c00);
    expect(float16Bits(-Infinity)).toBe(0xfc00);
    expect(bfloat16Bits(3.3961775292304957e38)).toBe(0x7f80);
    expect(bfloat16Bits(3.396177e38)).toBe(0x7f7f);
    expect(bfloat16Bits(-1e300)).toBe(0xff80);
  });

  it('keeps the sign of zero and underflows to it', () => {
    expect(float16Bits(-0)).toBe(0x8000);
    expect(float16Bits(2 ** -25)).toBe(0);
    expect(float16Bits(2 ** -25 * 1.0000001)).toBe(1);
    expect(float16Bits(-1e-300)).toBe(0x8000);
    expect(bfloat16Bits(-1e-300)).toBe(0x8000);
  });
});
