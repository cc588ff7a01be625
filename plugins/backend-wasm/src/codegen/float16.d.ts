import type { FunctionBuilder, V128 } from '../wasm/index.ts';
/** Bits of float16 in the low halves of the lanes. */
export declare function decodeFloat16(f: FunctionBuilder, bits: V128): V128;
export declare function encodeFloat16(f: FunctionBuilder, value: V128): V128;
export declare function decodeBfloat16(_f: FunctionBuilder, bits: V128): V128;
export declare function encodeBfloat16(f: FunctionBuilder, value: V128): V128;
