/** onnxruntime-web on its WebAssembly provider. */
import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-web';
import type { HostTensor, Work } from '../../cases/work.ts';
import type { Files, Loaded, Runner } from '../../harness/runner.ts';

const fromHost = ({ data, shape }: HostTensor): ort.Tensor =>
  data instanceof Int32Array
    ? new ort.Tensor('int32', data, [...shape])
    : new ort.Tensor('float32', data, [...shape]);

export function ortRunner(threads: number): Runner {
  return {
    async load(work: Work, { onnx }: Files): Promise<Loaded> {
      if (work.case.family === 'train') throw new Error('does not train');
      if (onnx === undefined) throw new Error('needs the model as an ONNX file');
      ort.env.wasm.numThreads = threads;
      ort.env.logLevel = 'error';
      const session = await ort.InferenceSession.create(await readFile(onnx), {
        executionProviders: ['wasm'],
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
      });
      const feed = () =>
        Object.fromEntries([...work.inputs].map(([name, host]) => [name, fromHost(host)]));
      const resident = work.case.family === 'kernels' ? feed() : undefined;
      return {
        async run() {
          const { output } = await session.run(resident ?? feed());
          return (await output!.getData()) as Float32Array;
        },
      };
    },
  };
}
