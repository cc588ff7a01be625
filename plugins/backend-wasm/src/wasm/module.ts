/** Assembling modules: sections around functions, one imported memory. */
import { ByteWriter } from './bytes.ts';
import { valueTypeCode } from './code.ts';
import type { ValueType } from './code.ts';
import { FunctionBuilder, localAt } from './function.ts';
import type { FunctionRef, FunctionType, Local } from './function.ts';

type ParamLocals<P extends readonly ValueType[]> = { [K in keyof P]: Local<P[K]> };

export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  /** Pages of 64 KiB. */
  readonly initial: number;
  readonly maximum?: number;
  readonly shared?: boolean;
}

interface Defined {
  readonly ref: FunctionRef;
  readonly type: number;
  readonly builder: FunctionBuilder;
}

export interface FunctionOptions<
  P extends readonly ValueType[],
  R extends ValueType | undefined = undefined,
> {
  readonly params: P;
  readonly result?: R;
  /** Name under which the host sees it. */
  readonly export?: string;
}

/** A module with one imported memory and any number of functions, imported ones numbered first. */
export class ModuleBuilder {
  readonly #types: FunctionType[] = [];
  readonly #functions: Defined[] = [];
  readonly #exports: [string, FunctionRef][] = [];
  readonly #imports: { module: string; name: string; ref: FunctionRef; type: number }[] = [];
  readonly #memory: MemoryImport;
  readonly #data = new Map<number, Uint8Array>();

  constructor(memory: MemoryImport) {
    this.#memory = memory;
  }

  /** The same import twice is one. */
  importFunction<const R extends ValueType | undefined>(
    module: string,
    name: string,
    params: readonly ValueType[],
    result: R,
  ): FunctionRef<R> {
    const known = this.#imports.find((x) => x.module === module && x.name === name);
    if (known !== undefined) return known.ref as FunctionRef<R>;
    const type = { params, results: result === undefined ? [] : [result] };
    const ref = { type, result };
    this.#imports.push({ module, name, ref, type: this.#type(type) });
    return ref;
  }

  function<const P extends readonly ValueType[], const R extends ValueType | undefined = undefined>(
    options: FunctionOptions<P, R>,
    body: (f: FunctionBuilder, ...params: ParamLocals<P>) => void,
  ): FunctionRef<R> {
    const type: FunctionType = {
      params: options.params,
      results: options.result === undefined ? [] : [options.result],
    };
    const builder = new FunctionBuilder(options.params.length);
    const ref: FunctionRef<R> = { type, result: options.result as R };
    // Before the body, which may define functions of its own.
    this.#functions.push({ ref, type: this.#type(type), builder });
    if (options.export !== undefined) this.#exports.push([options.export, ref]);
    const params = options.params.map((param, i) => localAt(param, i)) as ParamLocals<P>;
    body(builder, ...params);
    return ref;
  }

  /** Bytes that instantiation puts into memory. The same place twice is one. */
  data(at: number, bytes: Uint8Array): void {
    this.#data.set(at, bytes);
  }

  #type(type: FunctionType): number {
    const found = this.#types.findIndex(
      (known) =>
        known.params.join() === type.params.join() && known.results.join() === type.results.join(),
    );
    return found >= 0 ? found : this.#types.push(type) - 1;
  }

  /** The binary module. */
  encode(): Uint8Array<ArrayBuffer> {
    const numbers = new Map<object, number>();
    for (const { ref } of [...this.#imports, ...this.#functions]) numbers.set(ref, numbers.size);
    const out = new ByteWriter();
    out.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    const section = (id: number, write: (inner: ByteWriter) => void): void => {
      const inner = new ByteWriter();
      write(inner);
      out.byte(id);
      out.sized(inner);
    };
    section(1, (s) => {
      s.u(this.#types.length);
      for (const { params, results } of this.#types) {
        s.byte(0x60);
        for (const list of [params, results]) {
          s.u(list.length);
          for (const type of list) s.byte(valueTypeCode[type]);
        }
      }
    });
    section(2, (s) => {
      s.u(this.#imports.length + 1);
      for (const { module, name, type } of this.#imports) {
        s.name(module);
        s.name(name);
        s.byte(0x00);
        s.u(type);
      }
      const { module, name, initial, maximum, shared = false } = this.#memory;
      s.name(module);
      s.name(name);
      s.byte(0x02);
      s.byte((maximum === undefined ? 0 : 1) | (shared ? 2 : 0));
      s.u(initial);
      if (maximum !== undefined) s.u(maximum);
    });
    section(3, (s) => {
      s.u(this.#functions.length);
      for (const { type } of this.#functions) s.u(type);
    });
    section(7, (s) => {
      s.u(this.#exports.length);
      for (const [name, ref] of this.#exports) {
        s.name(name);
        s.byte(0x00);
        s.u(numbers.get(ref)!);
      }
    });
    section(10, (s) => {
      s.u(this.#functions.length);
      for (const { builder } of this.#functions)
        s.sized(builder.encode((target) => numbers.get(target)!));
    });
    if (this.#data.size > 0) {
      section(11, (s) => {
        s.u(this.#data.size);
        for (const [at, bytes] of this.#data) {
          s.bytes([0x00, 0x41]);
          s.s(at);
          s.byte(0x0b);
          s.u(bytes.length);
          s.bytes(bytes);
        }
      });
    }
    return out.finish();
  }
}
