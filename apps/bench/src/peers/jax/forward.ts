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

export const fromHost = ({ data, shape }: HostTensor): Array =>
  data instanceof Int32Array
    ? np.array(data as Int32Array<ArrayBuffer>, { shape: [...shape], dtype: np.int32 })
    : np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });

/** References of its own, for a function that consumes them. */
export const refs = (parameters: Parameters): Parameters =>
  Object.fromEntries(Object.entries(parameters).map(([name, p]) => [name, p.ref]));

export async function loadForward(work: Work<ForwardCase>): Promise<Loaded> {
  const parameters: Parameters = Object.fromEntries(
    [...foldNorms(work.parameters)].map(([name, p]) => [name, fromHost(p)]),
  );
  const forward = jax.jit((given: Parameters, inputs: Array[]): Array =>
    work.case.forward(new JaxLayers(given), inputs),
  );
  const hosts = [...work.inputs.values()];
  const resident = work.case.family === 'kernels' ? hosts.map(fromHost) : undefined;
  return {
    async run() {
      const inputs = resident?.map((x) => x.ref) ?? hosts.map(fromHost);
      return (await forward(refs(parameters), inputs).data()) as Float32Array;
    },
  };
}
