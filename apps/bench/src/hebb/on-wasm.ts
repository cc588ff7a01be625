/** Hebb on WebAssembly. */
import * as backend from '@hebb/backend-wasm';
import type { Backend } from '@hebb/core';
import type { Runner } from '../harness/runner.ts';
import { hebbRunner } from './runner.ts';

type Wasm = (options: { readonly threads: number }) => Backend | Promise<Backend>;

export function wasmRunner(threads: number): Runner {
  const { wasm } = backend as { readonly wasm?: Wasm };
  if (wasm === undefined) throw new Error('@hebb/backend-wasm exports no wasm() yet');
  return hebbRunner(() => wasm({ threads }));
}
