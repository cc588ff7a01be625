/** Hebb: kernels and inference. */
import { compile, currentBackend, realize, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { ForwardCase } from '../cases/case.ts';
import type { HostTensor, Work } from '../cases/work.ts';
import type { Loaded } from '../harness/runner.ts';
import { HebbLayers } from './layers.ts';

export const dtypeOf = ({ data, half }: HostTensor): 'int32' | 'float16' | 'float32' =>
  data instanceof Int32Array ? 'int32' : half ? 'float16' : 'float32';

export const fromHost = (host: HostTensor): Tensor =>
  tensor(host.data, { shape: host.shape, dtype: dtypeOf(host) });

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
    ...(resident !== undefined &&
      !currentBackend().capabilities.sync && { queued: queuedCalls(() => forward(...resident)) }),
    async run() {
      const inputs = resident ?? hosts.map(fromHost);
      const output = await forward(...inputs);
      const data = await output.to('float32').data();
      output.dispose();
      if (resident === undefined) for (const input of inputs) input.dispose();
      return data as Float32Array;
    },
  };
}

/** Of outputs only the last is looked at, and of that one number. */
function queuedCalls(call: () => Promise<Tensor>): NonNullable<Loaded['queued']> {
  let last: Tensor | undefined;
  return {
    async start() {
      last?.dispose();
      last = await call();
    },
    settle: async () => last?.flatten().narrow(0, 0, 1).to('float32').data(),
  };
}
