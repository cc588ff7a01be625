/** onnxruntime-web with inputs and outputs that stay on the graphics processor. */
import type * as Ort from 'onnxruntime-web';
import { float16Bits } from '@hebb/core';
import type { HostTensor, Work } from '../../cases/work.ts';
import type { Loaded } from '../../harness/runner.ts';

export async function residentOnGpu(
  ort: typeof Ort,
  session: Ort.InferenceSession,
  { inputs }: Work,
): Promise<Loaded> {
  // Its types name the device only where the page's types do.
  const device = (await (ort.env.webgpu.device as Promise<unknown>)) as GPUDevice;
  const upload = ({ data, shape, half = false }: HostTensor): Ort.Tensor => {
    const stored = half ? Uint16Array.from(data, (x) => float16Bits(x)) : data;
    const buffer = device.createBuffer({
      size: Math.ceil(stored.byteLength / 16) * 16,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, stored as BufferSource);
    const dataType = half ? 'float16' : data instanceof Int32Array ? 'int32' : 'float32';
    return ort.Tensor.fromGpuBuffer(buffer, { dataType, dims: [...shape] });
  };
  const feed = Object.fromEntries([...inputs].map(([name, host]) => [name, upload(host)]));
  return {
    queued: {
      async start() {
        const { output } = await session.run(feed);
        output!.dispose();
      },
      settle: () => device.queue.onSubmittedWorkDone(),
    },
    async run() {
      const { output } = await session.run(feed);
      const data = (await output!.getData()) as ArrayLike<number>;
      output!.dispose();
      return Float32Array.from(data);
    },
  };
}
