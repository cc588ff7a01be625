/**
 * Integers of 64 bits, which WGSL lacks: pairs of words, the low one first, in two's complement. Names that begin
 * with `wide` serve both signs.
 */
import type { HelperFunction } from './math.ts';

const shifts: Readonly<Record<string, HelperFunction>> = {
  wideLeft: {
    code: `fn wideLeft(x: vec2<u32>, n: u32) -> vec2<u32> {
  if (n == 0u) { return x; }
  if (n >= 32u) { return vec2<u32>(0u, x.x << (n & 31u)); }
  return vec2<u32>(x.x << n, (x.y << n) | (x.x >> (32u - n)));
}`,
  },
  // `fill`: what comes in from above, all zeros or all ones.
  wideRight: {
    code: `fn wideRight(x: vec2<u32>, n: u32, fill: u32) -> vec2<u32> {
  if (n == 0u) { return x; }
  if (n == 32u) { return vec2<u32>(x.y, fill); }
  if (n > 32u) { return vec2<u32>((x.y >> (n - 32u)) | (fill << (64u - n)), fill); }
  return vec2<u32>((x.x >> n) | (x.y << (32u - n)), (x.y >> n) | (fill << (32u - n)));
}`,
  },
  // By any number of places: beyond the width nothing is left but the sign.
  wideShiftLeft: {
    code: `fn wideShiftLeft(x: vec2<u32>, n: vec2<u32>) -> vec2<u32> {
  if (n.y != 0u || n.x > 63u) { return vec2<u32>(); }
  return wideLeft(x, n.x);
}`,
    needs: ['wideLeft'],
  },
  wideShiftRight: {
    code: `fn wideShiftRight(x: vec2<u32>, n: vec2<u32>, fill: u32) -> vec2<u32> {
  if (n.y != 0u || n.x > 63u) { return vec2<u32>(fill, fill); }
  return wideRight(x, n.x, fill);
}`,
    needs: ['wideRight'],
  },
  longSign: {
    code: 'fn longSign(x: vec2<u32>) -> u32 { return select(0u, 0xffffffffu, x.y >= 0x80000000u); }',
  },
};

const arithmetic: Readonly<Record<string, HelperFunction>> = {
  highProduct: {
    code: `fn highProduct(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u;
  let bl = b & 0xffffu; let bh = b >> 16u;
  let low = al * bl;
  let mid = ah * bl + (low >> 16u);
  let other = al * bh + (mid & 0xffffu);
  return ah * bh + (mid >> 16u) + (other >> 16u);
}`,
  },
  wideAdd: {
    code: `fn wideAdd(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}`,
  },
  wideSub: {
    code: `fn wideSub(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}`,
  },
  wideMul: {
    code: `fn wideMul(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(a.x * b.x, highProduct(a.x, b.x) + a.x * b.y + a.y * b.x);
}`,
    needs: ['highProduct'],
  },
  longAbs: {
    code: `fn longAbs(x: vec2<u32>) -> vec2<u32> {
  return select(x, wideSub(vec2<u32>(), x), x.y >= 0x80000000u);
}`,
    needs: ['wideSub'],
  },
  // Quotient and remainder, bit by bit where 32 do not do; by zero both are 0.
  ulongDivide: {
    code: `fn ulongDivide(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
  if (all(b == vec2<u32>())) { return vec4<u32>(); }
  if (a.y == 0u && b.y == 0u) { return vec4<u32>(a.x / b.x, 0u, a.x % b.x, 0u); }
  var quotient = vec2<u32>();
  var rest = vec2<u32>();
  for (var i = 63u; i < 64u; i = i - 1u) {
    let over = rest.y >= 0x80000000u;
    rest = vec2<u32>((rest.x << 1u) | (wideRight(a, i, 0u).x & 1u), (rest.y << 1u) | (rest.x >> 31u));
    quotient = vec2<u32>(quotient.x << 1u, (quotient.y << 1u) | (quotient.x >> 31u));
    if (over || !ulongLess(rest, b)) {
      rest = wideSub(rest, b);
      quotient.x = quotient.x | 1u;
    }
  }
  return vec4<u32>(quotient, rest);
}`,
    needs: ['wideRight', 'ulongLess', 'wideSub'],
  },
  ulongDiv: {
    code: 'fn ulongDiv(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return ulongDivide(a, b).xy; }',
    needs: ['ulongDivide'],
  },
  ulongFmod: {
    code: 'fn ulongFmod(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return ulongDivide(a, b).zw; }',
    needs: ['ulongDivide'],
  },
  longDiv: {
    code: `fn longDiv(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let y = ulongDivide(longAbs(a), longAbs(b)).xy;
  return select(y, wideSub(vec2<u32>(), y), (a.y ^ b.y) >= 0x80000000u);
}`,
    needs: ['longAbs', 'ulongDivide'],
  },
  longFmod: {
    code: `fn longFmod(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let y = ulongDivide(longAbs(a), longAbs(b)).zw;
  return select(y, wideSub(vec2<u32>(), y), a.y >= 0x80000000u);
}`,
    needs: ['longAbs', 'ulongDivide'],
  },
  ulongPow: {
    code: `fn ulongPow(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
  var result = vec2<u32>(1u, 0u);
  var base = x;
  var rest = y;
  while (any(rest != vec2<u32>())) {
    if ((rest.x & 1u) == 1u) { result = wideMul(result, base); }
    base = wideMul(base, base);
    rest = wideRight(rest, 1u, 0u);
  }
  return result;
}`,
    needs: ['wideMul', 'wideRight'],
  },
  // A negative exponent leaves nothing but powers of 1 and -1.
  longPow: {
    code: `fn longPow(x: vec2<u32>, y: vec2<u32>) -> vec2<u32> {
  if (y.y < 0x80000000u) { return ulongPow(x, y); }
  if (all(x == vec2<u32>(1u, 0u))) { return x; }
  if (all(x == vec2<u32>(0xffffffffu, 0xffffffffu))) {
    return select(vec2<u32>(1u, 0u), x, (y.x & 1u) == 1u);
  }
  return vec2<u32>();
}`,
    needs: ['ulongPow'],
  },
};

const comparison: Readonly<Record<string, HelperFunction>> = {
  ulongLess: {
    code: `fn ulongLess(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.y < b.y || (a.y == b.y && a.x < b.x);
}`,
  },
  longLess: {
    code: `fn longLess(a: vec2<u32>, b: vec2<u32>) -> bool {
  return bitcast<i32>(a.y) < bitcast<i32>(b.y) || (a.y == b.y && a.x < b.x);
}`,
  },
};

const conversion: Readonly<Record<string, HelperFunction>> = {
  wideInt: {
    code: 'fn wideInt(x: i32) -> vec2<u32> { return vec2<u32>(bitcast<u32>(x), bitcast<u32>(x >> 31u)); }',
  },
  // The low 64 bits of the truncated number; each step is exact, since 24 bits are all that a float32 has.
  wideFloat: {
    code: `fn wideFloat(x: f32) -> vec2<u32> {
  if (isNan(x) || isInf(x)) { return vec2<u32>(); }
  let whole = trunc(abs(x));
  let a = whole - floor(whole / 18446744073709551616.0f) * 18446744073709551616.0f;
  let high = floor(a / 4294967296.0f);
  let y = vec2<u32>(u32(a - high * 4294967296.0f), u32(high));
  return select(y, wideSub(vec2<u32>(), y), x < 0.0f);
}`,
    needs: ['isNan', 'isInf', 'wideSub'],
  },
  // The upper 32 significant bits; what lies below only decides ties.
  ulongFloat: {
    code: `fn ulongFloat(x: vec2<u32>) -> f32 {
  if (x.y == 0u) { return f32(x.x); }
  let n = countLeadingZeros(x.y);
  let y = wideLeft(x, n);
  return f32(y.y | select(0u, 1u, y.x != 0u)) * (4294967296.0f / f32(1u << n));
}`,
    needs: ['wideLeft'],
  },
  longFloat: {
    code: `fn longFloat(x: vec2<u32>) -> f32 {
  let y = ulongFloat(longAbs(x));
  return select(y, -y, x.y >= 0x80000000u);
}`,
    needs: ['ulongFloat', 'longAbs'],
  },
};

export const wideHelpers = { ...shifts, ...comparison, ...arithmetic, ...conversion };
