/** Function bodies: locals, structured control flow and stores over expression trees. */
import { ByteWriter } from './bytes.ts';
import { code, emitMemory, stores, valueTypeCode } from './code.ts';
import type { Code, I32, ValueType } from './code.ts';
import { i32 } from './scalar.ts';
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

export class FunctionBuilder {
  readonly #body = new ByteWriter();
  readonly #locals: ValueType[] = [];
  readonly #params: number;
  /** Locals that a finished scope has given back. */
  readonly #free: { [type in ValueType]: number[] } = {
    i32: [],
    i64: [],
    f32: [],
    f64: [],
    v128: [],
  };
  #scope: Local[] = [];
  #depth = 0;

  constructor(params: number) {
    this.#params = params;
  }

  local<T extends ValueType>(type: T, initial?: Code<T>): Local<T> {
    const index = this.#free[type].pop() ?? this.#params + this.#locals.push(type) - 1;
    const local = localAt(type, index);
    this.#scope.push(local);
    if (initial !== undefined) this.set(local, initial);
    return local;
  }

  /** Computes a value once: later uses read a local. */
  let<T extends ValueType>(value: Code<T>): Code<T> {
    return value.constant !== undefined ? value : this.local(value.type, value);
  }

  /** Locals made inside are free for others afterwards: none may be used outside. */
  scope<T>(body: () => T): T {
    const outer = this.#scope;
    this.#scope = [];
    const result = body();
    for (const local of this.#scope) this.#free[local.type].push(local.index);
    this.#scope = outer;
    return result;
  }

  set<T extends ValueType>(local: Local<T>, value: Code<T>): void {
    value.emit(this.#body);
    this.#body.byte(0x21);
    this.#body.u(local.index);
  }

  /** `local += by`. */
  advance(local: Local<'i32'>, by: number | I32): void {
    if (by === 0) return;
    this.set(local, i32.add(local, typeof by === 'number' ? i32.const(by) : by));
  }

  store(kind: keyof typeof stores, at: I32, value: Code, offset = 0): void {
    emitMemory(this.#body, stores[kind], at, [value], offset);
  }

  /** Stores one lane of a vector. */
  storeLane(
    bits: keyof typeof laneStores,
    at: I32,
    value: Code<'v128'>,
    lane: number,
    offset = 0,
  ): void {
    emitMemory(this.#body, laneStores[bits], at, [value], offset, lane);
  }

  atomicStore(at: I32, value: I32, offset = 0): void {
    emitMemory(this.#body, { opcode: [0xfe, 0x17], align: 2 }, at, [value], offset);
  }

  /** Bytes. */
  memoryFill(at: I32, value: I32, length: I32): void {
    for (const arg of [at, value, length]) arg.emit(this.#body);
    this.#body.bytes([0xfc, 11, 0]);
  }

  /** Bytes; the ranges may overlap. */
  memoryCopy(to: I32, from: I32, length: I32): void {
    for (const arg of [to, from, length]) arg.emit(this.#body);
    this.#body.bytes([0xfc, 10, 0, 0]);
  }

  call(target: FunctionRef, ...args: readonly Code[]): void {
    for (const arg of args) arg.emit(this.#body);
    this.#body.byte(0x10);
    this.#body.reference(target);
    for (const _ of target.type.results) this.#body.byte(0x1a);
  }

  /** Evaluates for the effect alone (an atomic). */
  drop(value: Code): void {
    value.emit(this.#body);
    this.#body.byte(0x1a);
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    // Conditions known while assembling leave no code.
    if (condition.constant !== undefined) {
      if (condition.constant !== 0) then();
      else otherwise?.();
      return;
    }
    condition.emit(this.#body);
    this.#open(0x04, () => {
      this.scope(then);
      if (otherwise !== undefined) {
        this.#body.byte(0x05);
        this.scope(otherwise);
      }
    });
  }

  /** Code that `br(label)` leaves. */
  block(body: (end: Label) => void): void {
    this.#open(0x02, () => this.scope(() => body({ depth: this.#depth })));
  }

  /** Code that `br(label)` starts again. */
  loop(body: (again: Label) => void): void {
    this.#open(0x03, () => this.scope(() => body({ depth: this.#depth })));
  }

  /** Jumps, always or where the condition holds. */
  br(label: Label, condition?: I32): void {
    condition?.emit(this.#body);
    this.#body.byte(condition === undefined ? 0x0c : 0x0d);
    this.#body.u(this.#depth - label.depth);
  }

  #open(opcode: number, body: () => void): void {
    this.#body.bytes([opcode, 0x40]);
    this.#depth += 1;
    body();
    this.#depth -= 1;
    this.#body.byte(0x0b);
  }

  /** Repeats while the condition holds; it is tested before each round. */
  while(condition: () => I32, body: () => void): void {
    this.block((end) => {
      this.loop((again) => {
        this.br(end, i32.eqz(condition()));
        body();
        this.br(again);
      });
    });
  }

  /** `for (i = from; i < to; i += step)` with signed comparison; the end is tested after each round. */
  for(from: I32, to: I32, step: number, body: (i: Local<'i32'>) => void): void {
    this.scope(() => {
      const i = this.local('i32', from);
      const guarded = from.constant === undefined ? i : from;
      this.forLocal(i, to, step, () => body(i), guarded);
    });
  }

  /** The same from where the variable stands; `first` is its value when that is known. */
  forLocal(i: Local<'i32'>, to: I32, step: number, body: () => void, first: I32 = i): void {
    this.if(i32.ltS(first, to), () => {
      this.loop((again) => {
        body();
        this.advance(i, step);
        this.br(again, i32.ltS(i, to));
      });
    });
  }

  return(value?: Code): void {
    value?.emit(this.#body);
    this.#body.byte(0x0f);
  }

  /** Leaves a value as the function's result. */
  result(value: Code): void {
    value.emit(this.#body);
  }

  unreachable(): void {
    this.#body.byte(0x00);
  }

  /** @internal The encoded body with its declarations. */
  encode(numberOf: (target: object) => number): ByteWriter {
    this.#body.resolve(numberOf);
    const out = new ByteWriter();
    const runs: [number, ValueType][] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last !== undefined && last[1] === type) last[0] += 1;
      else runs.push([1, type]);
    }
    out.u(runs.length);
    for (const [count, type] of runs) {
      out.u(count);
      out.byte(valueTypeCode[type]);
    }
    out.bytes(this.#body.view());
    out.byte(0x0b);
    return out;
  }
}

export function localAt<T extends ValueType>(type: T, index: number): Local<T> {
  return {
    type,
    index,
    emit: (out) => {
      out.byte(0x20);
      out.u(index);
    },
  };
}

/** A call as an expression, for functions with a result. */
export function call<R extends ValueType>(
  target: FunctionRef<R>,
  ...args: readonly Code[]
): Code<R> {
  return code(target.result, (out) => {
    for (const arg of args) arg.emit(out);
    out.byte(0x10);
    out.reference(target);
  });
}
