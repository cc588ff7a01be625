/** Vector instructions as functions, named as in the specification's text format. */
import { code, emitMemory, loader, prefixed } from './code.ts';
import type { Code, F32, F64, I32, I64, MemoryOp, Op1, Op2, V128, ValueType } from './code.ts';

const simd = <T extends ValueType>(type: T, opcode: number, ...args: readonly Code[]): Code<T> =>
  prefixed(type, 0xfd, opcode, args);
const two =
  (opcode: number): Op2<'v128'> =>
  (a, b) =>
    simd('v128', opcode, a, b);
const one =
  (opcode: number): Op1<'v128'> =>
  (a) =>
    simd('v128', opcode, a);
const test =
  (opcode: number) =>
  (a: V128): I32 =>
    simd('i32', opcode, a);
const three =
  (opcode: number) =>
  (a: V128, b: V128, c: V128): V128 =>
    simd('v128', opcode, a, b, c);
const shift =
  (opcode: number) =>
  (a: V128, by: I32): V128 =>
    simd('v128', opcode, a, by);
const splat =
  <T extends ValueType>(opcode: number) =>
  (a: Code<T>): V128 =>
    simd('v128', opcode, a);
const extract =
  <T extends ValueType>(type: T, opcode: number) =>
  (a: V128, lane: number): Code<T> =>
    prefixed(type, 0xfd, opcode, [a], [lane]);
const replace =
  <T extends ValueType>(opcode: number) =>
  (a: V128, lane: number, value: Code<T>): V128 =>
    prefixed('v128', 0xfd, opcode, [a, value], [lane]);
const load = (opcode: number, align: number) => loader('v128', [0xfd, opcode], align);
/** The vector with one lane read from memory. */
const loadLane =
  (opcode: number, align: number) =>
  (a: V128, lane: number, at: I32, offset = 0): V128 =>
    code('v128', (out) =>
      emitMemory(out, { opcode: [0xfd, opcode], align }, at, [a], offset, lane),
    );

function constant(bytes: Uint8Array): V128 {
  return code('v128', (out) => {
    out.byte(0xfd);
    out.u(12);
    out.bytes(bytes);
  });
}

export const v128 = {
  // Alignment 0: vectors start wherever their elements do.
  load: load(0, 0),
  load8x8S: load(1, 3),
  load8x8U: load(2, 3),
  load16x4S: load(3, 3),
  load16x4U: load(4, 3),
  load32x2S: load(5, 3),
  load32x2U: load(6, 3),
  load8Splat: load(7, 0),
  load16Splat: load(8, 1),
  load32Splat: load(9, 2),
  load64Splat: load(10, 3),
  load32Zero: load(92, 2),
  load64Zero: load(93, 3),
  load8Lane: loadLane(84, 0),
  load16Lane: loadLane(85, 1),
  load32Lane: loadLane(86, 2),
  load64Lane: loadLane(87, 3),
  constI32x4: (...lanes: readonly number[]): V128 =>
    constant(new Uint8Array(Int32Array.from(lanes).buffer)),
  shuffle: (a: V128, b: V128, lanes: readonly number[]): V128 =>
    prefixed('v128', 0xfd, 13, [a, b], lanes),
  not: one(77),
  and: two(78),
  /** a and not b. */
  andnot: two(79),
  or: two(80),
  xor: two(81),
  /** Bits of a where the mask is set, else of b. */
  bitselect: three(82),
  anyTrue: test(83),
};

/** Shuffles whole 32-bit lanes: 0 to 3 of a, 4 to 7 of b. */
export function shuffle32(a: V128, b: V128, lanes: readonly number[]): V128 {
  return v128.shuffle(
    a,
    b,
    lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)),
  );
}

export const f32x4 = {
  splat: splat<'f32'>(19),
  const: (...lanes: readonly number[]): V128 => {
    const all = lanes.length === 1 ? [lanes[0]!, lanes[0]!, lanes[0]!, lanes[0]!] : lanes;
    return constant(new Uint8Array(Float32Array.from(all).buffer));
  },
  extract: extract('f32', 31),
  replace: replace<'f32'>(32),
  eq: two(65),
  ne: two(66),
  lt: two(67),
  gt: two(68),
  le: two(69),
  ge: two(70),
  ceil: one(103),
  floor: one(104),
  trunc: one(105),
  nearest: one(106),
  abs: one(224),
  neg: one(225),
  sqrt: one(227),
  add: two(228),
  sub: two(229),
  mul: two(230),
  div: two(231),
  min: two(232),
  max: two(233),
  /** b < a ? b : a: one instruction on x86. */
  pmin: two(234),
  /** a < b ? b : a: one instruction on x86. */
  pmax: two(235),
  convertI32x4S: one(250),
  convertI32x4U: one(251),
  demoteF64x2Zero: one(94),
  /** a · b + c, fused where the host does so (relaxed SIMD). */
  relaxedMadd: three(0x105),
  /** c - a · b, fused where the host does so (relaxed SIMD). */
  relaxedNmadd: three(0x106),
};

export const f64x2 = {
  splat: splat<'f64'>(20),
  const: (...lanes: readonly number[]): V128 =>
    constant(new Uint8Array(Float64Array.of(lanes[0]!, lanes[1] ?? lanes[0]!).buffer)),
  extract: extract('f64', 33),
  replace: replace<'f64'>(34),
  eq: two(71),
  ne: two(72),
  lt: two(73),
  gt: two(74),
  le: two(75),
  ge: two(76),
  ceil: one(116),
  floor: one(117),
  trunc: one(122),
  nearest: one(148),
  abs: one(236),
  neg: one(237),
  sqrt: one(239),
  add: two(240),
  sub: two(241),
  mul: two(242),
  div: two(243),
  min: two(244),
  max: two(245),
  pmin: two(246),
  pmax: two(247),
  promoteLowF32x4: one(95),
  convertLowI32x4S: one(254),
  convertLowI32x4U: one(255),
  relaxedMadd: three(0x107),
  relaxedNmadd: three(0x108),
};

export const i32x4 = {
  splat: splat<'i32'>(17),
  const: (value: number): V128 => v128.constI32x4(value, value, value, value),
  extract: extract('i32', 27),
  replace: replace<'i32'>(28),
  eq: two(55),
  ne: two(56),
  ltS: two(57),
  ltU: two(58),
  gtS: two(59),
  gtU: two(60),
  leS: two(61),
  leU: two(62),
  geS: two(63),
  geU: two(64),
  extendLowI16x8S: one(167),
  extendHighI16x8S: one(168),
  extendLowI16x8U: one(169),
  extendHighI16x8U: one(170),
  shl: shift(171),
  shrS: shift(172),
  shrU: shift(173),
  abs: one(160),
  neg: one(161),
  allTrue: test(163),
  bitmask: test(164),
  add: two(174),
  sub: two(177),
  mul: two(181),
  minS: two(182),
  minU: two(183),
  maxS: two(184),
  maxU: two(185),
  dotI16x8S: two(186),
  truncSatF32x4S: one(248),
  truncSatF32x4U: one(249),
};

export const i64x2 = {
  splat: splat<'i64'>(18),
  extract: extract('i64', 29),
  add: two(206),
  sub: two(209),
  extmulLowI32x4U: two(222),
  extmulHighI32x4U: two(223),
};

export const i16x8 = {
  splat: splat<'i32'>(16),
  extractU: extract('i32', 25),
  extractS: extract('i32', 24),
  /** Two vectors of 32-bit lanes to one of 16-bit lanes, saturated. */
  narrowI32x4S: two(133),
  narrowI32x4U: two(134),
  extendLowI8x16S: one(135),
  extendHighI8x16S: one(136),
  extendLowI8x16U: one(137),
  extendHighI8x16U: one(138),
  add: two(142),
  sub: two(145),
};

export const i8x16 = {
  splat: splat<'i32'>(15),
  extractU: extract('i32', 22),
  extractS: extract('i32', 21),
  swizzle: two(14),
  /** Two vectors of 16-bit lanes to one of bytes, saturated. */
  narrowI16x8S: two(101),
  narrowI16x8U: two(102),
};

/** Stores of one lane. */
export const laneStores = {
  8: { opcode: [0xfd, 88], align: 0 },
  16: { opcode: [0xfd, 89], align: 1 },
  32: { opcode: [0xfd, 90], align: 2 },
  64: { opcode: [0xfd, 91], align: 3 },
} as const satisfies Readonly<Record<number, MemoryOp>>;

export type { F32, F64, I32, I64, V128 };
