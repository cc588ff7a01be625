import type { FunctionBuilder, I32 } from '../wasm/index.ts';
/** `body` for each flat position from begin to end - 1 over axes of these sizes. */
export declare function forRows(
  f: FunctionBuilder,
  sizes: readonly number[],
  begin: I32,
  end: I32,
  body: (coordinates: readonly I32[]) => void,
): void;
