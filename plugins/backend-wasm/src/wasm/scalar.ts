/** Scalar instructions as functions: `i32.add(a, b)` and so on, named as in the specification's text format. */
import { binary, code, emitMemory, loader, plain, prefixed, unary } from './code.ts';
import type { F32, F64, I32, I64, Op1, Op2 } from './code.ts';

function i32const(value: number): I32 {
  return {
    type: 'i32',
    constant: value | 0,
    emit: (out) => {
      out.byte(0x41);
      out.s(value | 0);
    },
  };
}

type Compute = (a: number, b: number) => number;

/** Folds constants and drops neutral elements: address code written in general form comes out short. */
function fold(opcode: number, compute: Compute, neutral?: number): Op2<'i32'> {
  return (a, b) => {
    if (a.constant !== undefined && b.constant !== undefined) {
      return i32const(compute(a.constant, b.constant));
    }
    if (b.constant === neutral && neutral !== undefined) return a;
    return plain('i32', opcode, a, b);
  };
}

const plainAdd = fold(0x6a, (x, y) => (x + y) | 0, 0);

/** Constants drift to the outside, so that loads can fold them. */
function add(a: I32, b: I32): I32 {
  if (a.constant !== undefined) return b.constant === undefined ? add(b, a) : plainAdd(a, b);
  if (b.constant !== undefined) {
    if (b.constant === 0) return a;
    const base = a.sum?.base ?? a;
    const plus = (a.sum?.plus ?? 0) + b.constant;
    return plus === 0 ? base : { ...plainAdd(base, i32const(plus)), sum: { base, plus } };
  }
  if (b.sum !== undefined) return add(add(a, b.sum.base), i32const(b.sum.plus));
  if (a.sum !== undefined) return add(add(a.sum.base, b), i32const(a.sum.plus));
  return plainAdd(a, b);
}

/** Products with a power of two become shifts; products of sums with a constant keep the constant outside. */
function mul(a: I32, b: I32): I32 {
  if (a.constant !== undefined) return b.constant === undefined ? mul(b, a) : product(a, b);
  if (b.constant === undefined) return product(a, b);
  if (b.constant === 0) return b;
  if (a.sum !== undefined) {
    return add(mul(a.sum.base, b), i32const(Math.imul(a.sum.plus, b.constant)));
  }
  const power = Math.log2(b.constant);
  return Number.isInteger(power) ? i32.shl(a, i32const(power)) : product(a, b);
}
const product = fold(0x6c, Math.imul, 1);

const i32i32 = (opcode: number): Op2<'i32'> => binary('i32', opcode);
const compareFold = (opcode: number, compute: (a: number, b: number) => boolean): Op2<'i32'> =>
  fold(opcode, (x, y) => (compute(x, y) ? 1 : 0));

export const i32 = {
  const: i32const,
  add,
  sub: (a: I32, b: I32): I32 =>
    b.constant !== undefined ? add(a, i32const(-b.constant)) : difference(a, b),
  mul,
  divS: fold(0x6d, (x, y) => (x / y) | 0, 1),
  divU: fold(0x6e, (x, y) => ((x >>> 0) / (y >>> 0)) | 0, 1),
  remS: fold(0x6f, (x, y) => (x % y) | 0),
  remU: fold(0x70, (x, y) => ((x >>> 0) % (y >>> 0)) | 0),
  and: fold(0x71, (x, y) => x & y, -1),
  or: fold(0x72, (x, y) => x | y, 0),
  xor: fold(0x73, (x, y) => x ^ y, 0),
  shl: fold(0x74, (x, y) => x << y, 0),
  shrS: fold(0x75, (x, y) => x >> y, 0),
  shrU: fold(0x76, (x, y) => (x >>> y) | 0, 0),
  rotl: i32i32(0x77),
  rotr: i32i32(0x78),
  clz: unary<'i32', 'i32'>('i32', 0x67),
  ctz: unary<'i32', 'i32'>('i32', 0x68),
  popcnt: unary<'i32', 'i32'>('i32', 0x69),
  eqz: ((a) =>
    a.constant === undefined
      ? plain('i32', 0x45, a)
      : i32const(a.constant === 0 ? 1 : 0)) as Op1<'i32'>,
  eq: compareFold(0x46, (x, y) => x === y),
  ne: compareFold(0x47, (x, y) => x !== y),
  ltS: compareFold(0x48, (x, y) => x < y),
  ltU: compareFold(0x49, (x, y) => x >>> 0 < y >>> 0),
  gtS: compareFold(0x4a, (x, y) => x > y),
  gtU: compareFold(0x4b, (x, y) => x >>> 0 > y >>> 0),
  leS: compareFold(0x4c, (x, y) => x <= y),
  leU: compareFold(0x4d, (x, y) => x >>> 0 <= y >>> 0),
  geS: compareFold(0x4e, (x, y) => x >= y),
  geU: compareFold(0x4f, (x, y) => x >>> 0 >= y >>> 0),
  extend8S: unary<'i32', 'i32'>('i32', 0xc0),
  extend16S: unary<'i32', 'i32'>('i32', 0xc1),
  wrapI64: unary<'i64', 'i32'>('i32', 0xa7),
  reinterpretF32: unary<'f32', 'i32'>('i32', 0xbc),
  truncSatF32S: (a: F32): I32 => prefixed('i32', 0xfc, 0, [a]),
  truncSatF32U: (a: F32): I32 => prefixed('i32', 0xfc, 1, [a]),
  truncSatF64S: (a: F64): I32 => prefixed('i32', 0xfc, 2, [a]),
  truncSatF64U: (a: F64): I32 => prefixed('i32', 0xfc, 3, [a]),
  load: loader('i32', [0x28], 2),
  load8S: loader('i32', [0x2c], 0),
  load8U: loader('i32', [0x2d], 0),
  load16S: loader('i32', [0x2e], 1),
  load16U: loader('i32', [0x2f], 1),
  atomicLoad: loader('i32', [0xfe, 0x10], 2),
  /** Adds and leaves the old value. */
  atomicAdd: (at: I32, value: I32, offset = 0): I32 =>
    code('i32', (out) => emitMemory(out, { opcode: [0xfe, 0x1e], align: 2 }, at, [value], offset)),
  /** 0: woken, 1: the value was another, 2: timed out. Nanoseconds; negative waits for ever. */
  atomicWait: (at: I32, expected: I32, timeout: I64, offset = 0): I32 =>
    code('i32', (out) =>
      emitMemory(out, { opcode: [0xfe, 0x01], align: 2 }, at, [expected, timeout], offset),
    ),
  atomicNotify: (at: I32, count: I32, offset = 0): I32 =>
    code('i32', (out) => emitMemory(out, { opcode: [0xfe, 0x00], align: 2 }, at, [count], offset)),
};
const difference = fold(0x6b, (x, y) => (x - y) | 0);

const i64i64 = (opcode: number): Op2<'i64'> => binary('i64', opcode);
const i64compare = (opcode: number): Op2<'i64', 'i32'> => binary('i32', opcode);

export const i64 = {
  const: (value: bigint): I64 =>
    code('i64', (out) => {
      out.byte(0x42);
      out.s(BigInt.asIntN(64, value));
    }),
  add: i64i64(0x7c),
  sub: i64i64(0x7d),
  mul: i64i64(0x7e),
  divS: i64i64(0x7f),
  divU: i64i64(0x80),
  remS: i64i64(0x81),
  remU: i64i64(0x82),
  and: i64i64(0x83),
  or: i64i64(0x84),
  xor: i64i64(0x85),
  shl: i64i64(0x86),
  shrS: i64i64(0x87),
  shrU: i64i64(0x88),
  rotl: i64i64(0x89),
  clz: unary<'i64', 'i64'>('i64', 0x79),
  eqz: unary<'i64', 'i32'>('i32', 0x50),
  eq: i64compare(0x51),
  ne: i64compare(0x52),
  ltS: i64compare(0x53),
  ltU: i64compare(0x54),
  gtS: i64compare(0x55),
  gtU: i64compare(0x56),
  leS: i64compare(0x57),
  leU: i64compare(0x58),
  geS: i64compare(0x59),
  geU: i64compare(0x5a),
  extendI32S: unary<'i32', 'i64'>('i64', 0xac),
  extendI32U: unary<'i32', 'i64'>('i64', 0xad),
  reinterpretF64: unary<'f64', 'i64'>('i64', 0xbd),
  truncSatF32S: (a: F32): I64 => prefixed('i64', 0xfc, 4, [a]),
  truncSatF32U: (a: F32): I64 => prefixed('i64', 0xfc, 5, [a]),
  truncSatF64S: (a: F64): I64 => prefixed('i64', 0xfc, 6, [a]),
  truncSatF64U: (a: F64): I64 => prefixed('i64', 0xfc, 7, [a]),
  load: loader('i64', [0x29], 3),
};

const f32f32 = (opcode: number): Op2<'f32'> => binary('f32', opcode);
const f32compare = (opcode: number): Op2<'f32', 'i32'> => binary('i32', opcode);

export const f32 = {
  const: (value: number): F32 =>
    code('f32', (out) => {
      out.byte(0x43);
      out.f32(value);
    }),
  abs: unary<'f32', 'f32'>('f32', 0x8b),
  neg: unary<'f32', 'f32'>('f32', 0x8c),
  ceil: unary<'f32', 'f32'>('f32', 0x8d),
  floor: unary<'f32', 'f32'>('f32', 0x8e),
  trunc: unary<'f32', 'f32'>('f32', 0x8f),
  nearest: unary<'f32', 'f32'>('f32', 0x90),
  sqrt: unary<'f32', 'f32'>('f32', 0x91),
  add: f32f32(0x92),
  sub: f32f32(0x93),
  mul: f32f32(0x94),
  div: f32f32(0x95),
  min: f32f32(0x96),
  max: f32f32(0x97),
  copysign: f32f32(0x98),
  eq: f32compare(0x5b),
  ne: f32compare(0x5c),
  lt: f32compare(0x5d),
  gt: f32compare(0x5e),
  le: f32compare(0x5f),
  ge: f32compare(0x60),
  convertI32S: unary<'i32', 'f32'>('f32', 0xb2),
  convertI32U: unary<'i32', 'f32'>('f32', 0xb3),
  convertI64S: unary<'i64', 'f32'>('f32', 0xb4),
  convertI64U: unary<'i64', 'f32'>('f32', 0xb5),
  demoteF64: unary<'f64', 'f32'>('f32', 0xb6),
  reinterpretI32: unary<'i32', 'f32'>('f32', 0xbe),
  load: loader('f32', [0x2a], 2),
};

const f64f64 = (opcode: number): Op2<'f64'> => binary('f64', opcode);
const f64compare = (opcode: number): Op2<'f64', 'i32'> => binary('i32', opcode);

export const f64 = {
  const: (value: number): F64 =>
    code('f64', (out) => {
      out.byte(0x44);
      out.f64(value);
    }),
  abs: unary<'f64', 'f64'>('f64', 0x99),
  neg: unary<'f64', 'f64'>('f64', 0x9a),
  ceil: unary<'f64', 'f64'>('f64', 0x9b),
  floor: unary<'f64', 'f64'>('f64', 0x9c),
  trunc: unary<'f64', 'f64'>('f64', 0x9d),
  nearest: unary<'f64', 'f64'>('f64', 0x9e),
  sqrt: unary<'f64', 'f64'>('f64', 0x9f),
  add: f64f64(0xa0),
  sub: f64f64(0xa1),
  mul: f64f64(0xa2),
  div: f64f64(0xa3),
  min: f64f64(0xa4),
  max: f64f64(0xa5),
  copysign: f64f64(0xa6),
  eq: f64compare(0x61),
  ne: f64compare(0x62),
  lt: f64compare(0x63),
  gt: f64compare(0x64),
  le: f64compare(0x65),
  ge: f64compare(0x66),
  convertI32S: unary<'i32', 'f64'>('f64', 0xb7),
  convertI32U: unary<'i32', 'f64'>('f64', 0xb8),
  convertI64S: unary<'i64', 'f64'>('f64', 0xb9),
  convertI64U: unary<'i64', 'f64'>('f64', 0xba),
  promoteF32: unary<'f32', 'f64'>('f64', 0xbb),
  reinterpretI64: unary<'i64', 'f64'>('f64', 0xbf),
  load: loader('f64', [0x2b], 3),
};
