/** The interface that a backend implements. Anything that runs a graph is a backend. */
import type { DType, HostArray } from './dtype.ts';
import type { Graph } from './graph.ts';
import type { Aval, Op } from './op.ts';

/** A value that lives on a backend. Only the backend that made it knows what is inside. */
export interface DeviceBuffer extends Aval {
  readonly bytes: number;
}

export interface BackendCapabilities {
  /** Element types that this backend stores and computes with. */
  readonly dtypes: ReadonlySet<DType>;
  /** Values can be read without waiting (`Tensor.dataSync`). */
  readonly sync: boolean;
  /** Worker threads in use; 1 where there are none. */
  readonly threads: number;
}

export interface MemoryInfo {
  /** Live buffers, that is uploaded or computed and not freed. */
  readonly buffers: number;
  readonly bytes: number;
}

export interface CompileOptions {
  /**
   * Positions of graph inputs that the executable takes over: after a successful run it has freed or
   * reused them.
   */
  readonly donated?: readonly number[];
}

export interface Executable {
  /**
   * Computes the outputs. Every returned buffer is the caller's to free, exactly once, also when it
   * equals an input. May return before the work is done: `download` waits for it.
   */
  run(inputs: readonly DeviceBuffer[]): DeviceBuffer[];
  dispose?(): void;
}

export interface Backend {
  readonly name: string;
  readonly capabilities: BackendCapabilities;
  /** Copies host data in. */
  upload(data: HostArray, aval: Aval): DeviceBuffer;
  /** Copies a value out, in storage form (`HostArray`). */
  download(buffer: DeviceBuffer): Promise<HostArray>;
  /** Present when `capabilities.sync`. */
  downloadSync?(buffer: DeviceBuffer): HostArray;
  free(buffer: DeviceBuffer): void;
  /** Pure in effect: the same graph gives the same program. Throws HebbError naming an op it lacks. */
  compile(graph: Graph, options?: CompileOptions): Executable | Promise<Executable>;
  /** Ops that the backend runs whole: composites it does not expand, primitives it has its own kernel for. */
  claims?(op: Op): boolean;
  memory(): MemoryInfo;
  dispose?(): void | Promise<void>;
}
