/** jax-js: kernels and inference, compiled with `jit`. */
import * as jax from '@jax-js/jax';
import { numpy as np } from '@jax-js/jax';
import type { ForwardCase } from '../../cases/case.ts';
import { foldNorms } from '../../cases/work.ts';
import type { HostTensor, Work } from '../../cases/work.ts';
import type { Loaded } from '../../harness/runner.ts';
import { JaxLayers } from './layers.ts';
import type { Array } from './layers.ts';

export type Parameters = Record<string, Array>;

export const fromHost = ({ data, shape, half }: HostTensor): Array => {
  if (data instanceof Int32Array) {
    return np.array(data as Int32Array<ArrayBuffer>, { shape: [...shape], dtype: np.int32 });
  }
  const floats = np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });
  return half ? floats.astype(np.float16) : floats;
};

/** References of its own, for a function that consumes them. */
export const refs = (parameters: Parameters): Parameters =>
  Object.fromEntries(Object.entries(parameters).map(([name, p]) => [name, p.ref]));

/** `far`: it computes on a device of its own. */
export async function loadForward(work: Work<ForwardCase>, far = false): Promise<Loaded> {
  const parameters: Parameters = Object.fromEntries(
    [...foldNorms(work.parameters)].map(([name, p]) => [name, fromHost(p)]),
  );
  const forward = jax.jit((given: Parameters, inputs: Array[]): Array =>
    work.case.forward(new JaxLayers(given), inputs),
  );
  const hosts = [...work.inputs.values()];
  const resident = work.case.family === 'kernels' ? hosts.map(fromHost) : undefined;
  const call = (): Array =>
    forward(refs(parameters), resident?.map((x) => x.ref) ?? hosts.map(fromHost));
  // It computes nothing that nobody waits for: all outputs are kept until then.
  let waiting: Array[] = [];
  return {
    ...(resident !== undefined &&
      far && {
        queued: {
          start: () => void waiting.push(call()),
          async settle() {
            await jax.blockUntilReady(waiting);
            for (const output of waiting) output.dispose();
            waiting = [];
          },
        },
      }),
    async run() {
      return (await call().astype(np.float32).data()) as Float32Array;
    },
  };
}
