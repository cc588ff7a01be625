/**
 * Typed expression trees over WebAssembly instructions: kernels are written with these functions, and the
 * assembler turns the trees into bytes. Here: what all of them share. Opcodes are those of the core
 * specification 2.0 with the relaxed SIMD and threads proposals.
 */
import type { ByteWriter } from './bytes.ts';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

export const valueTypeCode: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** An expression that leaves one value of a type. Used twice, it is computed twice: see `let`. */
export interface Code<T extends ValueType = ValueType> {
  readonly type: T;
  emit(out: ByteWriter): void;
  /** The value when it is known while assembling; index arithmetic folds with it. */
  readonly constant?: number;
  /** When it is known to be another expression plus a constant: loads and stores fold the constant. */
  readonly sum?: { readonly base: Code<'i32'>; readonly plus: number };
}

export type I32 = Code<'i32'>;
export type I64 = Code<'i64'>;
export type F32 = Code<'f32'>;
export type F64 = Code<'f64'>;
export type V128 = Code<'v128'>;

export type Op1<T extends ValueType, R extends ValueType = T> = (a: Code<T>) => Code<R>;
export type Op2<T extends ValueType, R extends ValueType = T> = (a: Code<T>, b: Code<T>) => Code<R>;

export function code<T extends ValueType>(type: T, emit: (out: ByteWriter) => void): Code<T> {
  return { type, emit };
}

export function plain<T extends ValueType>(
  type: T,
  opcode: number,
  ...args: readonly Code[]
): Code<T> {
  return code(type, (out) => {
    for (const arg of args) arg.emit(out);
    out.byte(opcode);
  });
}

export function prefixed<T extends ValueType>(
  type: T,
  prefix: number,
  opcode: number,
  args: readonly Code[],
  immediates: readonly number[] = [],
): Code<T> {
  return code(type, (out) => {
    for (const arg of args) arg.emit(out);
    out.byte(prefix);
    out.u(opcode);
    for (const value of immediates) out.byte(value);
  });
}

export const unary =
  <T extends ValueType, R extends ValueType>(result: R, opcode: number): Op1<T, R> =>
  (a) =>
    plain(result, opcode, a);

export const binary =
  <T extends ValueType, R extends ValueType>(result: R, opcode: number): Op2<T, R> =>
  (a, b) =>
    plain(result, opcode, a, b);

/** Opcode (after its prefix, if it has one) and base-2 logarithm of the natural alignment. */
export interface MemoryOp {
  readonly opcode: readonly [number] | readonly [number, number];
  readonly align: number;
}

/**
 * Address and offset as they are emitted: a constant added to the address moves into the offset. Addresses
 * are below 2^31 and never wrap, so the sum is the same.
 */
function addressed(at: I32, offset: number): { address: I32; before: number; offset: number } {
  const total = (at.sum?.plus ?? 0) + offset;
  if (at.sum !== undefined && total >= 0) return { address: at.sum.base, before: 0, offset: total };
  // Offsets are not negative: such a constant is added to the address.
  return { address: at, before: Math.min(0, offset), offset: Math.max(0, offset) };
}

/** Emits a load or store: address, other arguments, instruction. */
export function emitMemory(
  out: ByteWriter,
  { opcode, align }: MemoryOp,
  at: I32,
  args: readonly Code[],
  offset: number,
  lane?: number,
): void {
  const { address, before, offset: folded } = addressed(at, offset);
  address.emit(out);
  if (before !== 0) {
    out.byte(0x41);
    out.s(before);
    out.byte(0x6a);
  }
  for (const arg of args) arg.emit(out);
  out.byte(opcode[0]);
  if (opcode.length > 1) out.u(opcode[1]!);
  out.u(align);
  out.u(folded);
  if (lane !== undefined) out.byte(lane);
}

/** A function that loads from an address plus a constant offset in bytes. */
export const loader =
  <T extends ValueType>(type: T, opcode: MemoryOp['opcode'], align: number) =>
  (at: I32, offset = 0): Code<T> =>
    code(type, (out) => emitMemory(out, { opcode, align }, at, [], offset));

/** a when the condition is not 0, else b; both are evaluated. */
export function select<T extends ValueType>(a: Code<T>, b: Code<T>, condition: I32): Code<T> {
  if (condition.constant !== undefined) return condition.constant !== 0 ? a : b;
  return code(a.type, (out) => {
    a.emit(out);
    b.emit(out);
    condition.emit(out);
    // The typed form: v128 needs it.
    out.byte(0x1c);
    out.u(1);
    out.byte(valueTypeCode[a.type]);
  });
}

/** a when the condition is not 0, else b; only one of them is evaluated. */
export function choose<T extends ValueType>(condition: I32, a: Code<T>, b: Code<T>): Code<T> {
  if (condition.constant !== undefined) return condition.constant !== 0 ? a : b;
  return code(a.type, (out) => {
    condition.emit(out);
    out.byte(0x04);
    out.byte(valueTypeCode[a.type]);
    a.emit(out);
    out.byte(0x05);
    b.emit(out);
    out.byte(0x0b);
  });
}

/** Stores by name. */
export const stores = {
  i32: { opcode: [0x36], align: 2 },
  i64: { opcode: [0x37], align: 3 },
  f32: { opcode: [0x38], align: 2 },
  f64: { opcode: [0x39], align: 3 },
  i32As8: { opcode: [0x3a], align: 0 },
  i32As16: { opcode: [0x3b], align: 1 },
  v128: { opcode: [0xfd, 11], align: 0 },
} as const satisfies Readonly<Record<string, MemoryOp>>;
