/** Every instruction of the assembler against JavaScript: a wrong opcode gives a wrong value or no module. */
import {
  type FunctionBuilder,
  ModuleBuilder,
  call,
  choose,
  f32,
  f32x4,
  f64,
  f64x2,
  i16x8,
  i32,
  i32x4,
  i64,
  i64x2,
  i8x16,
  select,
  shuffle32,
  v128,
} from '../src/wasm/index.ts';
import type { Code, V128, ValueType } from '../src/wasm/index.ts';

const memory = new WebAssembly.Memory({ initial: 1 });
const view = new DataView(memory.buffer);

/** Runs an instruction sequence in a function of its own and returns memory, the result at 0. */
function run(body: (f: FunctionBuilder) => void): void {
  const m = new ModuleBuilder({ module: 'env', name: 'memory', initial: 1 });
  m.function({ params: [], export: 'run' }, body);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.encode()), {
    env: { memory },
  });
  (exports['run'] as () => void)();
}

const read: { readonly [type in ValueType]: () => number | bigint } = {
  i32: () => view.getInt32(0, true),
  i64: () => view.getBigInt64(0, true),
  f32: () => view.getFloat32(0, true),
  f64: () => view.getFloat64(0, true),
  v128: () => view.getBigInt64(0, true),
};
function value<T extends ValueType>(expression: Code<T>): number | bigint {
  run((f) => f.store(expression.type, i32.const(0), expression));
  return read[expression.type]();
}

/** Hides a constant from folding: the instruction itself must run. */
const opaque = <T extends ValueType>(x: Code<T>): Code<T> => ({ type: x.type, emit: x.emit });

describe('scalar instructions', () => {
  const ints = [0, 1, -1, 7, -13, 31, 2 ** 31 - 1, -(2 ** 31), 0x12345678, 0x8081];
  const u = (x: number): number => x >>> 0;
  const b = (x: boolean): number => (x ? 1 : 0);
  const i32binary: Record<string, (x: number, y: number) => number> = {
    add: (x, y) => (x + y) | 0,
    sub: (x, y) => (x - y) | 0,
    mul: Math.imul,
    divS: (x, y) => (x / y) | 0,
    divU: (x, y) => (u(x) / u(y)) | 0,
    remS: (x, y) => (x % y) | 0,
    remU: (x, y) => (u(x) % u(y)) | 0,
    and: (x, y) => x & y,
    or: (x, y) => x | y,
    xor: (x, y) => x ^ y,
    shl: (x, y) => x << y,
    shrS: (x, y) => x >> y,
    shrU: (x, y) => (x >>> y) | 0,
    rotl: (x, y) => (x << y) | (x >>> (32 - (y & 31))),
    rotr: (x, y) => (x >>> y) | (x << (32 - (y & 31))),
    eq: (x, y) => b(x === y),
    ne: (x, y) => b(x !== y),
    ltS: (x, y) => b(x < y),
    ltU: (x, y) => b(u(x) < u(y)),
    gtS: (x, y) => b(x > y),
    gtU: (x, y) => b(u(x) > u(y)),
    leS: (x, y) => b(x <= y),
    leU: (x, y) => b(u(x) <= u(y)),
    geS: (x, y) => b(x >= y),
    geU: (x, y) => b(u(x) >= u(y)),
  };
  it.each(Object.keys(i32binary))('i32.%s, folded and run', (name) => {
    const op = i32[name as 'add'];
    const division = name.startsWith('div') || name.startsWith('rem');
    for (const x of ints) {
      for (const y of ints) {
        if (division && (y === 0 || (x === -(2 ** 31) && y === -1))) continue;
        if (name.startsWith('rot') && (y & 31) === 0) continue;
        const wanted = i32binary[name]!(x, y);
        const folded = op(i32.const(x), i32.const(y));
        if (folded.constant !== undefined) expect(folded.constant).toBe(wanted);
        expect(value(op(opaque(i32.const(x)), opaque(i32.const(y))))).toBe(wanted);
        expect(value(op(opaque(i32.const(x)), i32.const(y)))).toBe(wanted);
      }
    }
  });

  const i64binary: Record<string, (x: bigint, y: bigint) => bigint> = {
    add: (x, y) => x + y,
    sub: (x, y) => x - y,
    mul: (x, y) => x * y,
    divS: (x, y) => x / y,
    divU: (x, y) => BigInt.asUintN(64, x) / BigInt.asUintN(64, y),
    remS: (x, y) => x % y,
    remU: (x, y) => BigInt.asUintN(64, x) % BigInt.asUintN(64, y),
    and: (x, y) => x & y,
    or: (x, y) => x | y,
    xor: (x, y) => x ^ y,
    shl: (x, y) => x << (y & 63n),
    shrS: (x, y) => x >> (y & 63n),
    shrU: (x, y) => BigInt.asUintN(64, x) >> (y & 63n),
    rotl: (x, y) =>
      (BigInt.asUintN(64, x) << (y & 63n)) | (BigInt.asUintN(64, x) >> (64n - (y & 63n))),
    eq: (x, y) => BigInt(x === y),
    ne: (x, y) => BigInt(x !== y),
    ltS: (x, y) => BigInt(x < y),
    ltU: (x, y) => BigInt(BigInt.asUintN(64, x) < BigInt.asUintN(64, y)),
    gtS: (x, y) => BigInt(x > y),
    gtU: (x, y) => BigInt(BigInt.asUintN(64, x) > BigInt.asUintN(64, y)),
    leS: (x, y) => BigInt(x <= y),
    leU: (x, y) => BigInt(BigInt.asUintN(64, x) <= BigInt.asUintN(64, y)),
    geS: (x, y) => BigInt(x >= y),
    geU: (x, y) => BigInt(BigInt.asUintN(64, x) >= BigInt.asUintN(64, y)),
  };
  it.each(Object.keys(i64binary))('i64.%s', (name) => {
    const op = i64[name as 'add'] as (x: Code<'i64'>, y: Code<'i64'>) => Code;
    for (const [x, y] of [
      [5n, 3n],
      [-7n, 2n],
      [2n ** 62n + 9n, -5n],
      [-(2n ** 63n), 3n],
      [3n, 3n],
    ] as const) {
      const wanted = BigInt.asIntN(64, i64binary[name]!(x, y));
      expect(BigInt(value(op(i64.const(x), i64.const(y))))).toBe(wanted);
    }
  });

  const floats = [0, -0, 1.5, -2.5, 3.5, -0.3, 1e10, NaN, Infinity, -Infinity];
  const even = (x: number): number => {
    const r = Math.round(x);
    return Object.is(r - x, 0.5) && r % 2 !== 0 ? r - 1 : r;
  };
  const unaryFloat: Record<string, (x: number) => number> = {
    abs: Math.abs,
    neg: (x) => -x,
    ceil: Math.ceil,
    floor: Math.floor,
    trunc: Math.trunc,
    nearest: even,
    sqrt: Math.sqrt,
  };
  const binaryFloat: Record<string, (x: number, y: number) => number> = {
    add: (x, y) => x + y,
    sub: (x, y) => x - y,
    mul: (x, y) => x * y,
    div: (x, y) => x / y,
    min: Math.min,
    max: Math.max,
    copysign: (x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x)),
    eq: (x, y) => b(x === y),
    ne: (x, y) => b(x !== y),
    lt: (x, y) => b(x < y),
    gt: (x, y) => b(x > y),
    le: (x, y) => b(x <= y),
    ge: (x, y) => b(x >= y),
  };
  it.each(['f32', 'f64'] as const)('%s', (type) => {
    const ops = { f32, f64 }[type] as typeof f64;
    const round = type === 'f32' ? Math.fround : (x: number): number => x;
    for (const x of floats.map(round)) {
      for (const [name, f] of Object.entries(unaryFloat)) {
        expect(value(ops[name as 'abs'](ops.const(x)))).toBe(round(f(x)));
      }
      for (const y of floats.map(round)) {
        for (const [name, f] of Object.entries(binaryFloat)) {
          if (name === 'copysign' && Number.isNaN(y)) continue;
          expect(value(ops[name as 'add'](ops.const(x), ops.const(y)))).toBe(round(f(x, y)));
        }
      }
    }
  });

  it('conversions, bits and counts', () => {
    expect(value(i32.clz(i32.const(1)))).toBe(31);
    expect(value(i32.ctz(i32.const(8)))).toBe(3);
    expect(value(i32.popcnt(i32.const(7)))).toBe(3);
    expect(value(i32.eqz(opaque(i32.const(0))))).toBe(1);
    expect(value(i32.extend8S(i32.const(0x80)))).toBe(-128);
    expect(value(i32.extend16S(i32.const(0x8000)))).toBe(-32768);
    expect(value(i32.wrapI64(i64.const(2n ** 32n + 5n)))).toBe(5);
    expect(value(i32.reinterpretF32(f32.const(1)))).toBe(0x3f800000);
    expect(value(i32.truncSatF32S(f32.const(-1e20)))).toBe(-(2 ** 31));
    expect(value(i32.truncSatF32U(f32.const(3e9)))).toBe(3e9 | 0);
    expect(value(i32.truncSatF64S(f64.const(-2.9)))).toBe(-2);
    expect(value(i32.truncSatF64U(f64.const(4294967295)))).toBe(-1);
    expect(value(i64.clz(i64.const(1n)))).toBe(63n);
    expect(value(i64.eqz(i64.const(0n)))).toBe(1);
    expect(value(i64.extendI32S(i32.const(-1)))).toBe(-1n);
    expect(value(i64.extendI32U(i32.const(-1)))).toBe(4294967295n);
    expect(value(i64.reinterpretF64(f64.const(1)))).toBe(0x3ff0000000000000n);
    expect(value(i64.truncSatF32S(f32.const(-5.5)))).toBe(-5n);
    expect(value(i64.truncSatF32U(f32.const(-5.5)))).toBe(0n);
    expect(value(i64.truncSatF64S(f64.const(2 ** 53)))).toBe(2n ** 53n);
    expect(value(i64.truncSatF64U(f64.const(2 ** 63)))).toBe(-(2n ** 63n));
    expect(value(f32.convertI32S(i32.const(-3)))).toBe(-3);
    expect(value(f32.convertI32U(i32.const(-1)))).toBe(4294967296);
    expect(value(f32.convertI64S(i64.const(-9n)))).toBe(-9);
    expect(value(f32.convertI64U(i64.const(-1n)))).toBe(2 ** 64);
    expect(value(f32.demoteF64(f64.const(0.1)))).toBe(Math.fround(0.1));
    expect(value(f32.reinterpretI32(i32.const(0x40000000)))).toBe(2);
    expect(value(f64.convertI32S(i32.const(-3)))).toBe(-3);
    expect(value(f64.convertI32U(i32.const(-1)))).toBe(4294967295);
    expect(value(f64.convertI64S(i64.const(-9n)))).toBe(-9);
    expect(value(f64.convertI64U(i64.const(-1n)))).toBe(2 ** 64);
    expect(value(f64.promoteF32(f32.const(0.5)))).toBe(0.5);
    expect(value(f64.reinterpretI64(i64.const(0x4000000000000000n)))).toBe(2);
    for (const c of [0, 1]) {
      const test = opaque(i32.const(c));
      expect(value(select(f64.const(1), f64.const(2), test))).toBe(c === 1 ? 1 : 2);
      expect(value(choose(test, i64.const(1n), i64.const(2n)))).toBe(c === 1 ? 1n : 2n);
    }
  });
});

describe('vector instructions', () => {
  /** Lanes of the result, read as one element type. */
  function lanes<T>(
    expression: V128,
    make: new (buffer: ArrayBuffer, at: number, n: number) => T,
  ): T {
    run((f) => f.store('v128', i32.const(0), expression));
    const bytes = {
      Uint8Array: 16,
      Int16Array: 8,
      Uint16Array: 8,
      Float64Array: 2,
      BigInt64Array: 2,
    };
    return new make(memory.buffer, 0, bytes[make.name as 'Uint8Array'] ?? 4);
  }
  const list = (x: { [Symbol.iterator](): Iterator<number> }): number[] => [...x];

  const x = [1.5, -2.5, 0, NaN] as const;
  const y = [0.5, 3, -0, 1] as const;
  const f32s: Record<string, (a: number, b: number) => number> = {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => a / b,
    min: Math.min,
    max: Math.max,
    pmin: (a, b) => (b < a ? b : a),
    pmax: (a, b) => (a < b ? b : a),
  };
  const compares: Record<string, (a: number, b: number) => boolean> = {
    eq: (a, b) => a === b,
    ne: (a, b) => a !== b,
    lt: (a, b) => a < b,
    gt: (a, b) => a > b,
    le: (a, b) => a <= b,
    ge: (a, b) => a >= b,
  };
  const unary: Record<string, (a: number) => number> = {
    abs: Math.abs,
    neg: (a) => -a,
    ceil: Math.ceil,
    floor: Math.floor,
    trunc: Math.trunc,
    sqrt: Math.sqrt,
  };
  it('f32x4 and f64x2 arithmetic', () => {
    for (const [name, f] of Object.entries(f32s)) {
      const got = lanes(f32x4[name as 'add'](f32x4.const(...x), f32x4.const(...y)), Float32Array);
      expect(list(got)).toEqual(x.map((a, i) => Math.fround(f(a, y[i]!))));
      for (const at of [0, 2]) {
        const wide = lanes(
          f64x2[name as 'add'](f64x2.const(x[at]!, x[at + 1]!), f64x2.const(y[at]!, y[at + 1]!)),
          Float64Array,
        );
        expect(list(wide)).toEqual([f(x[at]!, y[at]!), f(x[at + 1]!, y[at + 1]!)]);
      }
    }
    for (const [name, f] of Object.entries(compares)) {
      const got = lanes(f32x4[name as 'eq'](f32x4.const(...x), f32x4.const(...y)), Int32Array);
      expect(list(got)).toEqual(x.map((a, i) => (f(a, y[i]!) ? -1 : 0)));
      const wide = lanes(
        f64x2[name as 'eq'](f64x2.const(1.5, -2), f64x2.const(1.5, 3)),
        Int32Array,
      );
      expect(wide[0]).toBe(f(1.5, 1.5) ? -1 : 0);
      expect(wide[2]).toBe(f(-2, 3) ? -1 : 0);
    }
    for (const [name, f] of Object.entries(unary)) {
      expect(list(lanes(f32x4[name as 'abs'](f32x4.const(...x)), Float32Array))).toEqual(
        x.map((a) => Math.fround(f(a))),
      );
      expect(list(lanes(f64x2[name as 'abs'](f64x2.const(2.25, -7.5)), Float64Array))).toEqual(
        [2.25, -7.5].map(f),
      );
    }
    expect(list(lanes(f32x4.nearest(f32x4.const(0.5, 1.5, 2.5, -0.7)), Float32Array))).toEqual([
      0, 2, 2, -1,
    ]);
    expect(list(lanes(f64x2.nearest(f64x2.const(2.5, 3.5)), Float64Array))).toEqual([2, 4]);
  });

  it('relaxed multiply-add', () => {
    const bytes = (body: (f: FunctionBuilder) => void): Uint8Array<ArrayBuffer> => {
      const m = new ModuleBuilder({ module: 'env', name: 'memory', initial: 1 });
      m.function({ params: [] }, body);
      return m.encode();
    };
    const c = f32x4.const(1);
    const relaxed = WebAssembly.validate(
      bytes((f) => f.store('v128', i32.const(0), f32x4.relaxedMadd(c, c, c))),
    );
    // Node 20 has no relaxed SIMD; there the plain form is all that is generated.
    expect(relaxed).toBe(Number(process.versions.node.split('.')[0]) >= 21);
    if (!relaxed) return;
    const [a, b2, d] = [f32x4.const(2, 3, 4, 5), f32x4.const(10), f32x4.const(1, 2, 3, 4)];
    expect(list(lanes(f32x4.relaxedMadd(a, b2, d), Float32Array))).toEqual([21, 32, 43, 54]);
    expect(list(lanes(f32x4.relaxedNmadd(a, b2, d), Float32Array))).toEqual([-19, -28, -37, -46]);
    const [p, q] = [f64x2.const(2, 3), f64x2.const(1)];
    expect(list(lanes(f64x2.relaxedMadd(p, p, q), Float64Array))).toEqual([5, 10]);
    expect(list(lanes(f64x2.relaxedNmadd(p, p, q), Float64Array))).toEqual([-3, -8]);
  });

  it('i32x4 arithmetic', () => {
    const a = [5, -7, 2 ** 31 - 1, -(2 ** 31)];
    const c = [3, -7, -1, 1];
    const u = (n: number): number => n >>> 0;
    const ops: Record<string, (p: number, q: number) => number> = {
      add: (p, q) => (p + q) | 0,
      sub: (p, q) => (p - q) | 0,
      mul: Math.imul,
      minS: Math.min,
      maxS: Math.max,
      minU: (p, q) => Math.min(u(p), u(q)) | 0,
      maxU: (p, q) => Math.max(u(p), u(q)) | 0,
      eq: (p, q) => -Number(p === q),
      ne: (p, q) => -Number(p !== q),
      ltS: (p, q) => -Number(p < q),
      gtS: (p, q) => -Number(p > q),
      leS: (p, q) => -Number(p <= q),
      geS: (p, q) => -Number(p >= q),
      ltU: (p, q) => -Number(u(p) < u(q)),
      gtU: (p, q) => -Number(u(p) > u(q)),
      leU: (p, q) => -Number(u(p) <= u(q)),
      geU: (p, q) => -Number(u(p) >= u(q)),
    };
    for (const [name, f] of Object.entries(ops)) {
      const got = lanes(
        i32x4[name as 'add'](v128.constI32x4(...a), v128.constI32x4(...c)),
        Int32Array,
      );
      expect(list(got)).toEqual(a.map((p, i) => f(p, c[i]!) + 0));
    }
    const v = v128.constI32x4(...a);
    expect(list(lanes(i32x4.shl(v, i32.const(3)), Int32Array))).toEqual(a.map((p) => p << 3));
    expect(list(lanes(i32x4.shrS(v, i32.const(3)), Int32Array))).toEqual(a.map((p) => p >> 3));
    expect(list(lanes(i32x4.shrU(v, i32.const(3)), Int32Array))).toEqual(a.map((p) => p >>> 3));
    expect(list(lanes(i32x4.neg(v), Int32Array))).toEqual(a.map((p) => -p | 0));
    expect(list(lanes(i32x4.abs(v), Int32Array))).toEqual(a.map((p) => Math.abs(p) | 0));
    expect(value(i32x4.allTrue(v))).toBe(1);
    expect(value(i32x4.bitmask(v))).toBe(0b1010);
    expect(value(v128.anyTrue(i32x4.const(0)))).toBe(0);
    const f = f32x4.const(1.9, -1.9, 5e9, NaN);
    expect(list(lanes(i32x4.truncSatF32x4S(f), Int32Array))).toEqual([1, -1, 2 ** 31 - 1, 0]);
    expect(list(lanes(i32x4.truncSatF32x4U(f), Uint32Array))).toEqual([1, 0, 2 ** 32 - 1, 0]);
    expect(list(lanes(f32x4.convertI32x4S(v128.constI32x4(-1, 2, 3, 4)), Float32Array))).toEqual([
      -1, 2, 3, 4,
    ]);
    expect(list(lanes(f32x4.convertI32x4U(v128.constI32x4(-1, 2, 3, 4)), Float32Array))).toEqual([
      4294967296, 2, 3, 4,
    ]);
  });

  it('lanes, shuffles and widths', () => {
    const v = v128.constI32x4(10, 20, 30, -40);
    expect(value(i32x4.extract(v, 3))).toBe(-40);
    expect(value(f32x4.extract(f32x4.const(1, 2, 3, 4), 2))).toBe(3);
    expect(value(f64x2.extract(f64x2.const(1, 2), 1))).toBe(2);
    expect(value(i64x2.extract(i64x2.splat(i64.const(7n)), 1))).toBe(7n);
    expect(list(lanes(i32x4.replace(v, 1, i32.const(5)), Int32Array))).toEqual([10, 5, 30, -40]);
    expect(list(lanes(f32x4.replace(f32x4.const(0), 3, f32.const(5)), Float32Array))).toEqual([
      0, 0, 0, 5,
    ]);
    expect(list(lanes(f64x2.replace(f64x2.const(0), 1, f64.const(5)), Float64Array))).toEqual([
      0, 5,
    ]);
    expect(list(lanes(i32x4.splat(i32.const(9)), Int32Array))).toEqual([9, 9, 9, 9]);
    expect(list(lanes(f32x4.splat(f32.const(9)), Float32Array))).toEqual([9, 9, 9, 9]);
    expect(list(lanes(f64x2.splat(f64.const(9)), Float64Array))).toEqual([9, 9]);
    const w = v128.constI32x4(1, 2, 3, 4);
    expect(list(lanes(shuffle32(v, w, [0, 4, 3, 7]), Int32Array))).toEqual([10, 1, -40, 4]);
    expect(list(lanes(v128.bitselect(v, w, v128.constI32x4(-1, 0, -1, 0)), Int32Array))).toEqual([
      10, 2, 30, 4,
    ]);
    expect(list(lanes(v128.andnot(v, w), Int32Array))).toEqual([
      10 & ~1,
      20 & ~2,
      30 & ~3,
      -40 & ~4,
    ]);
    expect(list(lanes(v128.and(v, w), Int32Array))).toEqual([10 & 1, 20 & 2, 30 & 3, -40 & 4]);
    expect(list(lanes(v128.or(v, w), Int32Array))).toEqual([10 | 1, 20 | 2, 30 | 3, -40 | 4]);
    expect(list(lanes(v128.xor(v, w), Int32Array))).toEqual([10 ^ 1, 20 ^ 2, 30 ^ 3, -40 ^ 4]);
    expect(list(lanes(v128.not(v), Int32Array))).toEqual([~10, ~20, ~30, ~-40]);
    const s = i16x8.narrowI32x4S(v128.constI32x4(1, -2, 70000, 4), w);
    expect(list(lanes(s, Int16Array))).toEqual([1, -2, 32767, 4, 1, 2, 3, 4]);
    expect(
      list(lanes(i16x8.narrowI32x4U(v128.constI32x4(1, -2, 70000, 4), w), Uint16Array)),
    ).toEqual([1, 0, 65535, 4, 1, 2, 3, 4]);
    expect(list(lanes(i32x4.extendLowI16x8S(s), Int32Array))).toEqual([1, -2, 32767, 4]);
    expect(list(lanes(i32x4.extendHighI16x8U(s), Int32Array))).toEqual([1, 2, 3, 4]);
    expect(list(lanes(i32x4.extendLowI16x8U(s), Int32Array))).toEqual([1, 65534, 32767, 4]);
    expect(list(lanes(i32x4.extendHighI16x8S(s), Int32Array))).toEqual([1, 2, 3, 4]);
    expect(list(lanes(i32x4.dotI16x8S(s, s), Int32Array))).toEqual([5, 32767 ** 2 + 16, 5, 25]);
    const bytes = i8x16.narrowI16x8S(s, s);
    expect(list(lanes(bytes, Uint8Array)).slice(0, 4)).toEqual([1, 254, 127, 4]);
    expect(list(lanes(i8x16.narrowI16x8U(s, s), Uint8Array)).slice(0, 4)).toEqual([1, 0, 255, 4]);
    expect(list(lanes(i16x8.extendLowI8x16S(bytes), Int16Array)).slice(0, 3)).toEqual([1, -2, 127]);
    expect(list(lanes(i16x8.extendLowI8x16U(bytes), Int16Array)).slice(0, 3)).toEqual([
      1, 254, 127,
    ]);
    expect(list(lanes(i16x8.extendHighI8x16S(bytes), Int16Array)).slice(0, 2)).toEqual([1, -2]);
    expect(list(lanes(i16x8.extendHighI8x16U(bytes), Int16Array)).slice(0, 2)).toEqual([1, 254]);
    expect(list(lanes(i16x8.add(s, s), Int16Array)).slice(0, 2)).toEqual([2, -4]);
    expect(list(lanes(i16x8.sub(s, s), Int16Array)).slice(0, 2)).toEqual([0, 0]);
    expect(value(i16x8.extractU(s, 1))).toBe(65534);
    expect(value(i16x8.extractS(s, 1))).toBe(-2);
    expect(value(i8x16.extractU(bytes, 1))).toBe(254);
    expect(value(i8x16.extractS(bytes, 1))).toBe(-2);
    expect(list(lanes(i8x16.swizzle(bytes, i8x16.splat(i32.const(2))), Uint8Array))[5]).toBe(127);
    expect(list(lanes(i16x8.splat(i32.const(3)), Int16Array))[7]).toBe(3);
    const big = v128.constI32x4(-1, 5, 6, -1);
    const wide = lanes(i64x2.extmulLowI32x4U(big, big), BigInt64Array);
    expect(BigInt.asUintN(64, wide[0]!)).toBe(4294967295n ** 2n);
    expect(lanes(i64x2.extmulHighI32x4U(big, big), BigInt64Array)[0]).toBe(36n);
    expect(
      lanes(i64x2.add(i64x2.splat(i64.const(5n)), i64x2.splat(i64.const(6n))), BigInt64Array)[1],
    ).toBe(11n);
    expect(
      lanes(i64x2.sub(i64x2.splat(i64.const(5n)), i64x2.splat(i64.const(6n))), BigInt64Array)[1],
    ).toBe(-1n);
    expect(list(lanes(f64x2.promoteLowF32x4(f32x4.const(1, 2, 3, 4)), Float64Array))).toEqual([
      1, 2,
    ]);
    expect(list(lanes(f32x4.demoteF64x2Zero(f64x2.const(1, 2)), Float32Array))).toEqual([
      1, 2, 0, 0,
    ]);
    expect(list(lanes(f64x2.convertLowI32x4S(big), Float64Array))).toEqual([-1, 5]);
    expect(list(lanes(f64x2.convertLowI32x4U(big), Float64Array))).toEqual([4294967295, 5]);
  });

  it('loads and stores', () => {
    const at = (n: number) => i32.const(n);
    for (let i = 0; i < 32; i++) view.setUint8(64 + i, i === 1 ? 0x81 : i);
    const l = (expression: V128) => list(lanes(expression, Uint8Array));
    const bytes = (from: number, n = 16): number[] =>
      Array.from({ length: n }, (_, i) => view.getUint8(64 + from + i));
    expect(l(v128.load(at(64), 3))).toEqual(bytes(3));
    expect(l(v128.load8Splat(at(65)))).toEqual(new Array(16).fill(0x81));
    expect(l(v128.load16Splat(at(66))).slice(0, 4)).toEqual([2, 3, 2, 3]);
    expect(l(v128.load32Splat(at(68)))).toEqual([4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7]);
    expect(l(v128.load64Splat(at(68)))).toEqual([...bytes(4, 8), ...bytes(4, 8)]);
    expect(l(v128.load32Zero(at(68)))).toEqual([...bytes(4, 4), ...new Array<number>(12).fill(0)]);
    expect(l(v128.load64Zero(at(68)))).toEqual([...bytes(4, 8), ...new Array<number>(8).fill(0)]);
    expect(list(lanes(v128.load8x8S(at(64)), Int16Array)).slice(0, 3)).toEqual([0, -127, 2]);
    expect(list(lanes(v128.load8x8U(at(64)), Int16Array)).slice(0, 3)).toEqual([0, 0x81, 2]);
    expect(list(lanes(v128.load16x4S(at(64)), Int32Array))[0]).toBe(-32512);
    expect(list(lanes(v128.load16x4U(at(64)), Int32Array))[0]).toBe(0x8100);
    expect(lanes(v128.load32x2S(at(72)), BigInt64Array)[0]).toBe(BigInt(view.getInt32(72, true)));
    expect(lanes(v128.load32x2U(at(72)), BigInt64Array)[1]).toBe(BigInt(view.getInt32(76, true)));
    const zero = i32x4.const(0);
    expect(l(v128.load8Lane(zero, 5, at(70)))[5]).toBe(6);
    expect(l(v128.load16Lane(zero, 1, at(70))).slice(2, 4)).toEqual([6, 7]);
    expect(l(v128.load32Lane(zero, 3, at(70))).slice(12)).toEqual(bytes(6, 4));
    expect(l(v128.load64Lane(zero, 1, at(70))).slice(8)).toEqual(bytes(6, 8));
    expect(value(i32.load(at(64), 4))).toBe(view.getInt32(68, true));
    expect(value(i32.load8S(at(65)))).toBe(-127);
    expect(value(i32.load8U(at(65)))).toBe(0x81);
    expect(value(i32.load16S(at(64)))).toBe(view.getInt16(64, true));
    expect(value(i32.load16U(at(64)))).toBe(view.getUint16(64, true));
    expect(value(i64.load(at(72)))).toBe(view.getBigInt64(72, true));
    expect(value(f32.load(at(72)))).toBe(view.getFloat32(72, true));
    expect(value(f64.load(at(72)))).toBe(view.getFloat64(72, true));
    run((f) => {
      f.store('i32As8', at(0), i32.const(0x1ff));
      f.store('i32As16', at(2), i32.const(0x12345));
      f.storeLane(32, at(4), v128.constI32x4(1, 2, 3, 4), 2);
      f.storeLane(64, at(8), v128.constI32x4(1, 2, 3, 4), 1);
      f.storeLane(8, at(16), v128.constI32x4(1, 2, 3, 4), 8);
      f.storeLane(16, at(18), v128.constI32x4(1, 2, 3, 4), 4);
      f.memoryFill(at(20), i32.const(9), i32.const(3));
      f.memoryCopy(at(24), at(20), i32.const(2));
    });
    expect([view.getUint8(0), view.getUint16(2, true), view.getInt32(4, true)]).toEqual([
      255, 0x2345, 3,
    ]);
    expect([view.getInt32(8, true), view.getInt32(12, true)]).toEqual([3, 4]);
    expect([view.getUint8(16), view.getUint16(18, true)]).toEqual([3, 3]);
    expect([20, 21, 22, 24, 25].map((i) => view.getUint8(i))).toEqual([9, 9, 9, 9, 9]);
  });
});

describe('functions and control flow', () => {
  it('loops, branches, calls and locals', () => {
    const m = new ModuleBuilder({ module: 'env', name: 'memory', initial: 1 });
    const sin = m.importFunction('math', 'sin', ['f64'], 'f64');
    expect(m.importFunction('math', 'sin', ['f64'], 'f64')).toBe(sin);
    const square = m.function({ params: ['i32'], result: 'i32' }, (f, x) =>
      f.result(i32.mul(x, x)),
    );
    m.function({ params: ['i32'], result: 'i32', export: 'sumOfSquares' }, (f, n) => {
      const total = f.local('i32', i32.const(0));
      f.for(i32.const(0), n, 1, (i) => {
        f.if(
          i32.eq(i, i32.const(3)),
          () => {},
          () => {
            f.set(total, i32.add(total, call(square, i)));
          },
        );
      });
      f.result(total);
    });
    m.function({ params: ['f64'], result: 'f64', export: 'sin' }, (f, x) => f.result(call(sin, x)));
    m.function({ params: ['i32'], result: 'i32', export: 'collatz' }, (f, n) => {
      const steps = f.local('i32', i32.const(0));
      f.while(
        () => i32.ne(n, i32.const(1)),
        () => {
          f.set(
            n,
            choose(
              i32.and(n, i32.const(1)),
              i32.add(i32.mul(n, i32.const(3)), i32.const(1)),
              i32.shrU(n, i32.const(1)),
            ),
          );
          f.advance(steps, 1);
        },
      );
      f.result(steps);
    });
    m.function({ params: ['i32'], result: 'i32', export: 'firstMultipleOf7' }, (f, from) => {
      f.block((end) => {
        f.loop((again) => {
          f.br(end, i32.eqz(i32.remS(from, i32.const(7))));
          f.advance(from, 1);
          f.br(again);
        });
      });
      f.return(from);
    });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.encode()), {
      env: { memory },
      math: { sin: Math.sin },
    });
    const fn = exports as Record<string, (x: number) => number>;
    expect(fn['sumOfSquares']!(5)).toBe(0 + 1 + 4 + 16);
    expect(fn['sumOfSquares']!(-2)).toBe(0);
    expect(fn['sin']!(0.5)).toBe(Math.sin(0.5));
    expect(fn['collatz']!(27)).toBe(111);
    expect(fn['firstMultipleOf7']!(15)).toBe(21);
  });

  it('gives locals of a finished scope to the next', () => {
    const m = new ModuleBuilder({ module: 'env', name: 'memory', initial: 1 });
    m.function({ params: [] }, (f) => {
      const first = f.scope(() => f.local('f32').index);
      const second = f.scope(() => f.local('f32').index);
      expect(second).toBe(first);
      expect(f.scope(() => f.local('i32').index)).not.toBe(first);
    });
  });

  it('folds constants of addresses into loads', () => {
    view.setInt32(400, 1234, true);
    const p = opaque(i32.const(300));
    expect(value(i32.load(i32.add(i32.add(i32.const(40), p), i32.const(20)), 40))).toBe(1234);
    expect(value(i32.load(i32.sub(p, i32.const(20)), 120))).toBe(1234);
    expect(value(i32.load(i32.add(p, i32.const(140)), -40))).toBe(1234);
    expect(value(i32.load(opaque(i32.const(440)), -40))).toBe(1234);
    expect(value(i32.load(i32.sub(opaque(i32.const(500)), i32.const(60)), -40))).toBe(1234);
    expect(
      value(i32.load(i32.mul(i32.add(opaque(i32.const(90)), i32.const(10)), i32.const(4)))),
    ).toBe(1234);
  });

  it('shared memory and atomics', () => {
    const shared = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    const m = new ModuleBuilder({
      module: 'env',
      name: 'memory',
      initial: 1,
      maximum: 2,
      shared: true,
    });
    m.function({ params: ['i32'], result: 'i32', export: 'bump' }, (f, at) => {
      f.drop(i32.atomicAdd(at, i32.const(5)));
      f.atomicStore(at, i32.add(i32.atomicLoad(at), i32.const(1)), 4);
      f.drop(i32.atomicNotify(at, i32.const(1)));
      f.result(i32.atomicLoad(at, 4));
    });
    m.function({ params: ['i32'], result: 'i32', export: 'wait' }, (f, at) =>
      f.result(i32.atomicWait(at, i32.const(99), i64.const(1000n))),
    );
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.encode()), {
      env: { memory: shared },
    });
    expect((exports['bump'] as (x: number) => number)(8)).toBe(6);
    expect((exports['bump'] as (x: number) => number)(8)).toBe(11);
    expect((exports['wait'] as (x: number) => number)(8)).toBe(1);
  });
});
