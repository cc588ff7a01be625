import type { ValueType } from './code.ts';
import { FunctionBuilder } from './function.ts';
import type { FunctionRef, Local } from './function.ts';
type ParamLocals<P extends readonly ValueType[]> = {
  [K in keyof P]: Local<P[K]>;
};
export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  /** Pages of 64 KiB. */
  readonly initial: number;
  readonly maximum?: number;
  readonly shared?: boolean;
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
export declare class ModuleBuilder {
  #private;
  constructor(memory: MemoryImport);
  /** The same import twice is one. */
  importFunction<const R extends ValueType | undefined>(
    module: string,
    name: string,
    params: readonly ValueType[],
    result: R,
  ): FunctionRef<R>;
  function<const P extends readonly ValueType[], const R extends ValueType | undefined = undefined>(
    options: FunctionOptions<P, R>,
    body: (f: FunctionBuilder, ...params: ParamLocals<P>) => void,
  ): FunctionRef<R>;
  /** The binary module. */
  encode(): Uint8Array<ArrayBuffer>;
}
export {};
