/**
 * Typed expression trees over WebAssembly instructions: kernels are written with these functions, and the
 * assembler turns the trees into bytes. Here: what all of them share. Opcodes are those of the core
 * specification 2.0 with the relaxed SIMD and threads proposals.
 */
import type { ByteWriter } from './bytes.ts';
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
export declare const valueTypeCode: Readonly<Record<ValueType, number>>;
/** An expression that leaves one value of a type. Used twice, it is computed twice: see `let`. */
export interface Code<T extends ValueType = ValueType> {
  readonly type: T;
  emit(out: ByteWriter): void;
  /** The value when it is known while assembling; index arithmetic folds with it. */
  readonly constant?: number;
  /** When it is known to be another expression plus a constant: loads and stores fold the constant. */
  readonly sum?: {
    readonly base: Code<'i32'>;
    readonly plus: number;
  };
}
export type I32 = Code<'i32'>;
export type I64 = Code<'i64'>;
export type F32 = Code<'f32'>;
export type F64 = Code<'f64'>;
export type V128 = Code<'v128'>;
export type Op1<T extends ValueType, R extends ValueType = T> = (a: Code<T>) => Code<R>;
export type Op2<T extends ValueType, R extends ValueType = T> = (a: Code<T>, b: Code<T>) => Code<R>;
export declare function code<T extends ValueType>(
  type: T,
  emit: (out: ByteWriter) => void,
): Code<T>;
export declare function plain<T extends ValueType>(
  type: T,
  opcode: number,
  ...args: readonly Code[]
): Code<T>;
export declare function prefixed<T extends ValueType>(
  type: T,
  prefix: number,
  opcode: number,
  args: readonly Code[],
  immediates?: readonly number[],
): Code<T>;
export declare const unary: <T extends ValueType, R extends ValueType>(
  result: R,
  opcode: number,
) => Op1<T, R>;
export declare const binary: <T extends ValueType, R extends ValueType>(
  result: R,
  opcode: number,
) => Op2<T, R>;
/** Opcode (after its prefix, if it has one) and base-2 logarithm of the natural alignment. */
export interface MemoryOp {
  readonly opcode: readonly [number] | readonly [number, number];
  readonly align: number;
}
/** Emits a load or store: address, other arguments, instruction. */
export declare function emitMemory(
  out: ByteWriter,
  { opcode, align }: MemoryOp,
  at: I32,
  args: readonly Code[],
  offset: number,
  lane?: number,
): void;
/** A function that loads from an address plus a constant offset in bytes. */
export declare const loader: <T extends ValueType>(
  type: T,
  opcode: MemoryOp['opcode'],
  align: number,
) => (at: I32, offset?: number) => Code<T>;
/** a when the condition is not 0, else b; both are evaluated. */
export declare function select<T extends ValueType>(
  a: Code<T>,
  b: Code<T>,
  condition: I32,
): Code<T>;
/** a when the condition is not 0, else b; only one of them is evaluated. */
export declare function choose<T extends ValueType>(
  condition: I32,
  a: Code<T>,
  b: Code<T>,
): Code<T>;
/** Stores by name. */
export declare const stores: {
  readonly i32: {
    readonly opcode: readonly [54];
    readonly align: 2;
  };
  readonly i64: {
    readonly opcode: readonly [55];
    readonly align: 3;
  };
  readonly f32: {
    readonly opcode: readonly [56];
    readonly align: 2;
  };
  readonly f64: {
    readonly opcode: readonly [57];
    readonly align: 3;
  };
  readonly i32As8: {
    readonly opcode: readonly [58];
    readonly align: 0;
  };
  readonly i32As16: {
    readonly opcode: readonly [59];
    readonly align: 1;
  };
  readonly v128: {
    readonly opcode: readonly [253, 11];
    readonly align: 0;
  };
};
