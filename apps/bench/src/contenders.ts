/** Who takes part. */
import type { Family } from './cases/case.ts';

export type Library = 'hebb' | 'ort' | 'tfjs' | 'jax' | 'torch';

export interface Contender {
  readonly name: string;
  readonly library: Library;
  readonly threads: number;
  /** Passed on to the library's runner. */
  readonly variant?: 'wasm' | 'cpu' | 'webgpu' | 'cuda';
  /** It runs in a page of Chromium. */
  readonly page?: boolean;
  readonly families: readonly Family[];
  /** Files that have to be prepared for it. */
  readonly needs?: 'onnx' | 'program';
}

const all: readonly Family[] = ['kernels', 'infer', 'train'];

export const contenders: readonly Contender[] = [
  { name: 'hebb', library: 'hebb', variant: 'wasm', threads: 1, families: all },
  { name: 'hebb-2', library: 'hebb', variant: 'wasm', threads: 2, families: all },
  { name: 'hebb-cpu', library: 'hebb', variant: 'cpu', threads: 1, families: all },
  { name: 'ort', library: 'ort', threads: 1, families: ['kernels', 'infer'], needs: 'onnx' },
  { name: 'ort-2', library: 'ort', threads: 2, families: ['kernels', 'infer'], needs: 'onnx' },
  { name: 'tfjs', library: 'tfjs', variant: 'wasm', threads: 1, families: all },
  { name: 'tfjs-cpu', library: 'tfjs', variant: 'cpu', threads: 1, families: all },
  { name: 'jax-js', library: 'jax', threads: 1, families: all },
  { name: 'torch', library: 'torch', threads: 1, families: all, needs: 'program' },
  { name: 'torch-2', library: 'torch', threads: 2, families: all, needs: 'program' },
];

const onGpu = { variant: 'webgpu', threads: 1, families: all } as const;

/** Those on a graphics processor: `--backend webgpu`. */
export const gpuContenders: readonly Contender[] = [
  { ...onGpu, name: 'hebb-webgpu', library: 'hebb', page: true },
  { ...onGpu, name: 'hebb-dawn', library: 'hebb' },
  {
    ...onGpu,
    name: 'ort-webgpu',
    library: 'ort',
    page: true,
    families: ['kernels', 'infer'],
    needs: 'onnx',
  },
  { ...onGpu, name: 'tfjs-webgpu', library: 'tfjs', page: true },
  { ...onGpu, name: 'jax-webgpu', library: 'jax', page: true },
  { ...onGpu, name: 'torch-cuda', library: 'torch', variant: 'cuda', needs: 'program' },
];

export const allContenders: readonly Contender[] = [...contenders, ...gpuContenders];

/** Hebb compiled ahead of time: takes part where bytes and cold starts are measured. */
export const compiledName = 'hebb-compiled';

/** What it is, for the table's legend. */
export const describeContender = ({ library, variant, threads, page }: Contender): string => {
  if (variant === 'webgpu' || variant === 'cuda') {
    const libraries: Record<Library, string> = {
      hebb: 'Hebb',
      ort: 'onnxruntime-web',
      tfjs: 'TensorFlow.js',
      jax: 'jax-js',
      torch: 'PyTorch',
    };
    if (variant === 'cuda') return `${libraries[library]} on CUDA, float32 without tensor cores`;
    return `${libraries[library]}, WebGPU ${page ? 'in Chromium' : 'in Node (Dawn)'}`;
  }
  const names: Record<Library, string> = {
    hebb: variant === 'cpu' ? 'Hebb, plain TypeScript' : 'Hebb, WebAssembly',
    ort: 'onnxruntime-web, WebAssembly',
    tfjs: variant === 'cpu' ? 'TensorFlow.js, plain JavaScript' : 'TensorFlow.js, WebAssembly',
    jax: 'jax-js, WebAssembly',
    torch: 'PyTorch on the CPU, native',
  };
  return `${names[library]}, ${threads === 1 ? 'one thread' : `${threads} threads`}`;
};

/**
 * Whose outputs the others are compared with, the first that is there: not Hebb's, where somebody else
 * can do the case.
 */
const judges = [
  ...['torch', 'ort', 'jax-js', 'tfjs', 'tfjs-cpu', 'hebb-cpu'],
  ...['torch-cuda', 'ort-webgpu', 'jax-webgpu', 'tfjs-webgpu'],
];

export function judgeAmong(names: readonly string[]): string | undefined {
  return judges.find((judge) => names.includes(judge)) ?? names[0];
}

/** By name, among `from`: those on the processor when left out. */
export function selectContenders(
  names: readonly string[] | undefined,
  from: readonly Contender[] = contenders,
): readonly Contender[] {
  if (names === undefined) return from;
  return names
    .filter((name) => name !== compiledName)
    .map((name) => {
      const found = from.find((c) => c.name === name);
      if (found === undefined) {
        throw new Error(`no contender ${name}: ${from.map((c) => c.name).join(', ')}`);
      }
      return found;
    });
}
