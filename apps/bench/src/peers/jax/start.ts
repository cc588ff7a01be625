/** jax-js on one of its backends. */
import * as jax from '@jax-js/jax';

export async function start(device: 'wasm' | 'webgpu' = 'wasm'): Promise<void> {
  const found = await jax.init(device);
  if (!found.includes(device)) throw new Error(`jax-js has no ${device} backend here`);
  jax.defaultDevice(device);
}
