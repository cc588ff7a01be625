/** onnxruntime-web on one of its providers. */
import type * as Ort from 'onnxruntime-web';
import type { HostTensor, Work } from '../../cases/work.ts';
import type { Files, Loaded, Runner } from '../../harness/runner.ts';

export interface OrtOptions {
  /** The library: it has a build for each provider. */
  readonly ort: typeof Ort;
  readonly provider: 'wasm' | 'webgpu';
  readonly threads: number;
  /** The model's file. */
  readonly read: (path: string) => Promise<Uint8Array>;
  /** Runs single operations with values that stay on the graphics processor. */
  readonly resident?: (
    ort: typeof Ort,
    session: Ort.InferenceSession,
    work: Work,
  ) => Promise<Loaded>;
}

export function ortRunner({ ort, provider, threads, read, resident }: OrtOptions): Runner {
  const fromHost = ({ data, shape, half }: HostTensor): Ort.Tensor => {
    if (half) throw new Error('16-bit inputs are for the graphics processor here');
    return data instanceof Int32Array
      ? new ort.Tensor('int32', data, [...shape])
      : new ort.Tensor('float32', data, [...shape]);
  };
  return {
    async load(work: Work, { onnx }: Files): Promise<Loaded> {
      if (work.case.family === 'train') throw new Error('does not train');
      if (onnx === undefined) throw new Error('needs the model as an ONNX file');
      ort.env.wasm.numThreads = threads;
      ort.env.logLevel = 'error';
      const stays = work.case.family === 'kernels' ? resident : undefined;
      const session = await ort.InferenceSession.create(await read(onnx), {
        executionProviders: [provider],
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
        ...(stays && { preferredOutputLocation: 'gpu-buffer' as const }),
      });
      if (stays !== undefined) return stays(ort, session, work);
      const feed = () =>
        Object.fromEntries([...work.inputs].map(([name, host]) => [name, fromHost(host)]));
      const kept = work.case.family === 'kernels' ? feed() : undefined;
      return {
        async run() {
          const { output } = await session.run(kept ?? feed());
          return (await output!.getData()) as Float32Array;
        },
      };
    },
  };
}
