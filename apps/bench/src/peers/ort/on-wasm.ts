/** onnxruntime-web on WebAssembly, in Node. */
import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-web';
import type { Runner } from '../../harness/runner.ts';
import { ortRunner } from './runner.ts';

export const ortOnWasm = (threads: number): Runner =>
  ortRunner({ ort, provider: 'wasm', threads, read: (path) => readFile(path) });
