/** TensorFlow.js on its WebAssembly backend. */
import { createRequire } from 'node:module';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

export async function startWasm(): Promise<void> {
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(main.replace(/[^/\\]*$/, ''));
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs has no WebAssembly backend here');
  tf.enableProdMode();
}
