/** jax-js on its WebAssembly backend. */
import * as jax from '@jax-js/jax';

export async function start(): Promise<void> {
  const found = await jax.init('wasm');
  if (!found.includes('wasm')) throw new Error('jax-js has no WebAssembly backend here');
  jax.defaultDevice('wasm');
}
