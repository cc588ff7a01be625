/** ONNX Runtime as an independent judge: onnxruntime-web, an optional peer, on one thread of its WASM build. */
import type * as Ort from 'onnxruntime-web';
import type { OnnxDtype } from '../codec/dtypes.ts';
import type { TensorData } from '../codec/tensor.ts';
import { OnnxFormatError } from '../codec/errors.ts';

/** A model loaded into the other runtime. */
export interface RuntimeSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(inputs: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>>;
  release(): Promise<void>;
}

export interface Runtime {
  /** `onnxruntime-web 1.30.0`. */
  readonly name: string;
  load(bytes: Uint8Array): Promise<RuntimeSession>;
}

/** The runtime's names of the types that it can pass in and out. */
const typeNames: Partial<Record<OnnxDtype, string>> = {
  float32: 'float32',
  float64: 'float64',
  float16: 'float16',
  int8: 'int8',
  uint8: 'uint8',
  int16: 'int16',
  uint16: 'uint16',
  int32: 'int32',
  uint32: 'uint32',
  int64: 'int64',
  uint64: 'uint64',
  bool: 'bool',
  string: 'string',
};

/**
 * Loads onnxruntime-web.
 * @throws Error when the package is not installed.
 */
export async function onnxRuntime(): Promise<Runtime> {
  let ort: typeof Ort;
  try {
    ort = await import('onnxruntime-web');
  } catch (cause) {
    throw new Error('the check needs ONNX Runtime: npm install --save-dev onnxruntime-web', {
      cause,
    });
  }
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  return {
    name: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    async load(bytes) {
      const session = await ort.InferenceSession.create(bytes, {
        executionProviders: ['wasm'],
        logSeverityLevel: 3,
      });
      return {
        inputNames: session.inputNames,
        outputNames: session.outputNames,
        async run(inputs) {
          const feeds = Object.entries(inputs).map(([name, tensor]) => {
            const type = typeNames[tensor.dtype];
            if (type === undefined) {
              throw new OnnxFormatError(`${name}: onnxruntime-web takes no ${tensor.dtype}`);
            }
            const data = tensor.dtype === 'string' ? [...tensor.data] : tensor.data;
            return [
              name,
              new ort.Tensor(type as 'float32', data as Float32Array, [...tensor.shape]),
            ] as const;
          });
          const results = await session.run(Object.fromEntries(feeds));
          return Object.fromEntries(
            Object.entries(results).map(([name, value]) => [name, fromRuntime(name, value)]),
          );
        },
        release: () => session.release(),
      };
    },
  };
}

interface RuntimeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

function fromRuntime(name: string, value: RuntimeTensor): TensorData {
  const dtype = (Object.keys(typeNames) as OnnxDtype[]).find((d) => typeNames[d] === value.type);
  if (dtype === undefined) {
    throw new OnnxFormatError(`output ${name}: onnxruntime-web gave ${value.type}`);
  }
  const { data } = value;
  const bits =
    dtype === 'float16' && ArrayBuffer.isView(data) && !(data instanceof Uint16Array)
      ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
      : data;
  return { name, dtype, shape: [...value.dims], data: bits } as TensorData;
}
