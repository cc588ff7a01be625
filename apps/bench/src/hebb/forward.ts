/** Hebb: kernels and inference. */
import { compile, realize, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { ForwardCase } from '../cases/case.ts';
import type { HostTensor, Work } from '../cases/work.ts';
import type { Loaded } from '../harness/runner.ts';
import { HebbLayers } from './layers.ts';

export const fromHost = ({ data, shape }: HostTensor): Tensor =>
  tensor(data, { shape, dtype: data instanceof Int32Array ? 'int32' : 'float32' });

export async function loadForward(work: Work<ForwardCase>): Promise<Loaded> {
  const parameters = new Map([...work.parameters].map(([name, p]) => [name, fromHost(p)]));
  const layers = new HebbLayers((name) => parameters.get(name)!);
  const forward = compile((...inputs: Tensor[]) => work.case.forward(layers, inputs), {
    name: work.case.name,
  });
  const hosts = [...work.inputs.values()];
  const resident = work.case.family === 'kernels' ? hosts.map(fromHost) : undefined;
  if (resident !== undefined) await realize(...resident);
  return {
    async run() {
      const inputs = resident ?? hosts.map(fromHost);
      const output = await forward(...inputs);
      const data = await output.data();
      output.dispose();
      if (resident === undefined) for (const input of inputs) input.dispose();
      return data as Float32Array;
    },
  };
}
