/** Function bodies: locals, structured control flow and stores over expression trees. */
import { ByteWriter } from './bytes.ts';
import { stores } from './code.ts';
import type { Code, I32, ValueType } from './code.ts';
import { laneStores } from './simd.ts';
/** A local variable: an expression that reads it, and a place to write. */
export interface Local<T extends ValueType = ValueType> extends Code<T> {
  readonly index: number;
}
export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}
/** A function that can be called from others of the module, before or after its body is written. */
export interface FunctionRef<R extends ValueType | undefined = ValueType | undefined> {
  readonly type: FunctionType;
  readonly result: R;
}
/** A place in the code that `br` leaves for. */
export interface Label {
  readonly depth: number;
}
export declare class FunctionBuilder {
  #private;
  constructor(params: number);
  local<T extends ValueType>(type: T, initial?: Code<T>): Local<T>;
  /** Computes a value once: later uses read a local. */
  let<T extends ValueType>(value: Code<T>): Code<T>;
  /** Locals made inside are free for others afterwards: none may be used outside. */
  scope<T>(body: () => T): T;
  set<T extends ValueType>(local: Local<T>, value: Code<T>): void;
  /** `local += by`. */
  advance(local: Local<'i32'>, by: number | I32): void;
  store(kind: keyof typeof stores, at: I32, value: Code, offset?: number): void;
  /** Stores one lane of a vector. */
  storeLane(
    bits: keyof typeof laneStores,
    at: I32,
    value: Code<'v128'>,
    lane: number,
    offset?: number,
  ): void;
  atomicStore(at: I32, value: I32, offset?: number): void;
  /** Bytes. */
  memoryFill(at: I32, value: I32, length: I32): void;
  /** Bytes; the ranges may overlap. */
  memoryCopy(to: I32, from: I32, length: I32): void;
  call(target: FunctionRef, ...args: readonly Code[]): void;
  /** Evaluates for the effect alone (an atomic). */
  drop(value: Code): void;
  if(condition: I32, then: () => void, otherwise?: () => void): void;
  /** Code that `br(label)` leaves. */
  block(body: (end: Label) => void): void;
  /** Code that `br(label)` starts again. */
  loop(body: (again: Label) => void): void;
  /** Jumps, always or where the condition holds. */
  br(label: Label, condition?: I32): void;
  /** Repeats while the condition holds; it is tested before each round. */
  while(condition: () => I32, body: () => void): void;
  /** `for (i = from; i < to; i += step)` with signed comparison; the end is tested after each round. */
  for(from: I32, to: I32, step: number, body: (i: Local<'i32'>) => void): void;
  /** The same from where the variable stands; `first` is its value when that is known. */
  forLocal(i: Local<'i32'>, to: I32, step: number, body: () => void, first?: I32): void;
  return(value?: Code): void;
  /** Leaves a value as the function's result. */
  result(value: Code): void;
  unreachable(): void;
  /** @internal The encoded body with its declarations. */
  encode(numberOf: (target: object) => number): ByteWriter;
}
export declare function localAt<T extends ValueType>(type: T, index: number): Local<T>;
/** A call as an expression, for functions with a result. */
export declare function call<R extends ValueType>(
  target: FunctionRef<R>,
  ...args: readonly Code[]
): Code<R>;
