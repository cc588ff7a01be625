/** The backend object: values in buffers of the device, executables around pipelines. */
import { compileGraph } from '@hebb/compiler';
import type { Program } from '@hebb/compiler';
import { dtypeInfo, fail, sizeOf } from '@hebb/core';
import type {
  Aval,
  Backend,
  BackendCapabilities,
  CompileOptions,
  DeviceBuffer,
  Executable,
  Graph,
  HostArray,
} from '@hebb/core';
import { WebGpuBuffer, describe, deviceBytes } from './buffer.ts';
import { mapRead } from './constants.ts';
import { openDevice } from './device.ts';
import type { Device, WebGpuOptions } from './device.ts';
import { WebGpuExecutable, prepare } from './executable.ts';
import type { Machine } from './executable.ts';
import {
  TooManyBuffers,
  noSuchType,
  programSteps,
  scratchWords,
  workingMemory,
} from './program.ts';
import type { Step } from './program.ts';
import { Tuner } from './tuning.ts';
import { bytesOf, fromWords, storedTypes, toWords } from './types.ts';

/**
 * WebGPU: each kernel of a program becomes one compute shader, each run one submission. Values are read
 * asynchronously.
 *
 * ```ts
 * await init(await webgpu());
 * ```
 *
 * @throws HebbError where there is no WebGPU or no adapter.
 */
export async function webgpu(options: WebGpuOptions = {}): Promise<Backend> {
  const device = await openDevice(options);
  const { autotune = !device.isSoftware } = options;
  return new WebGpuBackend(
    device,
    autotune === false ? undefined : new Tuner(device, autotune === true ? {} : autotune),
  );
}

class WebGpuBackend implements Backend {
  readonly name = 'webgpu';
  readonly capabilities: BackendCapabilities = { dtypes: storedTypes, sync: false, threads: 1 };
  readonly #device: Device;
  readonly #tuner: Tuner | undefined;
  readonly #arena: GPUBuffer[] = [];
  #joined: GPUBuffer | undefined;
  #partial: GPUBuffer | undefined;
  #buffers = 0;
  #bytes = 0;

  constructor(device: Device, tuner: Tuner | undefined) {
    this.#device = device;
    this.#tuner = tuner;
  }

  upload(data: HostArray, aval: Aval): DeviceBuffer {
    if (!storedTypes.has(aval.dtype)) {
      fail('upload', 'webgpu has no such type: cast to float32 before', describe(aval), noSuchType);
    }
    const wanted = dtypeInfo(aval.dtype).allocate(0);
    if (data.constructor !== wanted.constructor || data.length !== sizeOf(aval.shape)) {
      const got = `${data.constructor.name} of ${data.length}`;
      fail('upload', 'data does not fit', got, describe(aval));
    }
    const buffer = this.#allocate(aval);
    if (data.length > 0) {
      this.#device.gpu.queue.writeBuffer(
        buffer.memory,
        0,
        toWords(data, aval.dtype, this.#device.storage),
      );
    }
    return buffer;
  }

  async download(buffer: DeviceBuffer): Promise<HostArray> {
    const { memory, stored, dtype, shape } = this.#live('download', buffer);
    const { gpu } = this.#device;
    if (stored === 0) {
      await this.#device.settle();
      return dtypeInfo(dtype).allocate(0);
    }
    const staging = this.#device.staging(stored);
    const encoder = gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(memory, 0, staging, 0, stored);
    gpu.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(mapRead, 0, stored);
    } catch (error) {
      await this.#device.settle();
      throw error;
    }
    const result = fromWords(
      staging.getMappedRange(0, stored).slice(0),
      dtype,
      sizeOf(shape),
      this.#device.storage,
    );
    staging.unmap();
    this.#device.keepStaging(staging);
    await this.#device.settle();
    return result;
  }

  /** Freeing a second time does nothing. */
  free(buffer: DeviceBuffer): void {
    const own = this.#own('free', buffer);
    if (own.freed) return;
    this.#device.release(own.memory);
    this.#release(own);
  }

  async compile(graph: Graph, { donated = [] }: CompileOptions = {}): Promise<Executable> {
    const { program, steps } = this.#program(graph, donated);
    const chosen = (await this.#tuner?.tuned(steps)) ?? steps;
    const prepared = await prepare(this.#device, chosen);
    const results = graph.outputs.map((id) => graph.values[id]!);
    const memory = workingMemory(steps);
    return new WebGpuExecutable(this.#machine(), program, prepared, memory, results, donated);
  }

  /** With kernels as large as the device's bindings allow. */
  #program(graph: Graph, donated: readonly number[]): { program: Program; steps: readonly Step[] } {
    const { limits, storage } = this.#device;
    const most = storage.mostBindings;
    // What a kernel reads and writes is often one piece of the arena: more of it than bindings may do.
    for (let mostValues = 2 * most; ; mostValues = Math.floor(mostValues / 2)) {
      const program = compileGraph(graph, {
        donated,
        bytesOf: (dtype) => bytesOf(dtype, storage),
        alignment: limits.minStorageBufferOffsetAlignment,
        partBytes: storage.partBytes,
        // Words and halves cannot be reached through one binding.
        kindOf: (dtype) => (bytesOf(dtype, storage) === 2 ? 1 : 0),
        scratch: (kernel) => scratchWords(kernel, storage),
        // Drivers compile long shaders for seconds.
        mostOperations: 64,
        mostValues,
      });
      try {
        const joins = mostValues <= most;
        return { program, steps: programSteps(program, { ...storage, joins }) };
      } catch (error) {
        if (!(error instanceof TooManyBuffers) || mostValues < 2) throw error;
      }
    }
  }

  memory(): { buffers: number; bytes: number } {
    return { buffers: this.#buffers, bytes: this.#bytes };
  }

  dispose(): void {
    this.#device.dispose();
  }

  #machine(): Machine {
    return {
      device: this.#device,
      live: (op, buffer) => this.#live(op, buffer),
      allocate: (aval) => this.#allocate(aval),
      free: (buffer) => this.free(buffer),
      move: (buffer, aval) => {
        const moved = new WebGpuBuffer(this, buffer.memory, aval, this.#device.storage);
        this.#release(buffer);
        this.#count(moved);
        return moved;
      },
      arena: (part, bytes) => (this.#arena[part] = this.#grown(this.#arena[part], bytes)),
      joined: (bytes) => (this.#joined = this.#grown(this.#joined, bytes)),
      partial: (bytes) => (this.#partial = this.#grown(this.#partial, bytes)),
    };
  }

  #grown(old: GPUBuffer | undefined, bytes: number): GPUBuffer {
    if (old !== undefined && old.size >= bytes) return old;
    if (old !== undefined) this.#device.release(old);
    return this.#device.allocate(bytes, 'working memory');
  }

  #allocate(aval: Aval): WebGpuBuffer {
    const { storage } = this.#device;
    const memory = this.#device.allocate(deviceBytes(aval, storage), describe(aval));
    const buffer = new WebGpuBuffer(this, memory, aval, storage);
    this.#count(buffer);
    return buffer;
  }

  #count(buffer: WebGpuBuffer): void {
    this.#buffers += 1;
    this.#bytes += buffer.bytes;
  }

  #release(buffer: WebGpuBuffer): void {
    buffer.freed = true;
    this.#buffers -= 1;
    this.#bytes -= buffer.bytes;
  }

  #own(op: string, buffer: DeviceBuffer): WebGpuBuffer {
    if (!(buffer instanceof WebGpuBuffer) || buffer.owner !== this) {
      fail(op, 'the buffer belongs to another backend', describe(buffer));
    }
    return buffer;
  }

  #live(op: string, buffer: DeviceBuffer): WebGpuBuffer {
    const own = this.#own(op, buffer);
    return own.freed ? fail(op, 'the buffer has been freed', describe(buffer)) : own;
  }
}
