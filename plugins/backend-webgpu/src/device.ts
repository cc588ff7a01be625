/** The device behind the backend: what it can, what went wrong with it, pipelines and memory used again. */
import { HebbError, fail } from '@hebb/core';
// eslint-disable-next-line @nx/enforce-module-boundaries -- the package's own file, chosen by the runtime: no relative path says that
import { packageGpu } from '#host';
import type { Storage } from './bindings.ts';
import { computeStage, usage } from './constants.ts';
import type { AutotuneOptions } from './tuning.ts';

export interface WebGpuOptions {
  /** Where adapters come from; default `navigator.gpu`, in Node the package `webgpu`. */
  readonly gpu?: GPU;
  /** An adapter of your own choice; `gpu` is not asked then. */
  readonly adapter?: GPUAdapter;
  readonly powerPreference?: GPUPowerPreference;
  /**
   * Bytes of the largest buffer to make; default what the device can bind. The working memory of a program is
   * spread over as many as it takes; a single value must fit into one.
   */
  readonly maxBufferBytes?: number;
  /** float16 in two bytes where the device can (`shader-f16`); default true. */
  readonly float16?: boolean;
  /**
   * Measures once which tiles of a product are fastest for each class of shapes. Default: true, but false on a
   * software adapter, which is no measure of anything.
   */
  readonly autotune?: boolean | AutotuneOptions;
  /** Reductions through subgroups where the device has them; default true. */
  readonly subgroups?: boolean;
}

/** Less than this is of no use: small tensors, and the numbers of a loop's steps. */
const leastBuffer = 4096;

/** Limits that are worth more than their defaults. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** @throws HebbError where there is no WebGPU, no adapter or no device. */
export async function openDevice(options: WebGpuOptions): Promise<Device> {
  const { maxBufferBytes = Infinity } = options;
  if (!(maxBufferBytes >= leastBuffer)) {
    const wanted = `${leastBuffer} at least`;
    fail('webgpu', 'maxBufferBytes is too small', String(maxBufferBytes), wanted);
  }
  const { adapter, names } = await findAdapter(options);
  const requiredLimits: Record<string, number> = {};
  for (const name of wantedLimits) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures: GPUFeatureName[] = [];
  if (options.float16 !== false) requiredFeatures.push('shader-f16');
  const subgroups = options.subgroups !== false && names.has('subgroup_id');
  if (subgroups) requiredFeatures.push('subgroups');
  try {
    const gpu = await adapter.requestDevice({
      requiredLimits,
      requiredFeatures: requiredFeatures.filter((name) => adapter.features.has(name)),
    });
    return new Device(adapter, gpu, options.maxBufferBytes);
  } catch (error) {
    throw new HebbError(`the adapter gives no device: ${String(error)}`, {
      op: 'webgpu',
      cause: error,
    });
  }
}

const hostGpu = (): GPU | undefined => (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;

/** The adapter, and what its host's WGSL knows beyond the first version. */
async function findAdapter({ gpu, adapter: given, powerPreference }: WebGpuOptions) {
  const source = gpu ?? hostGpu() ?? (await packageGpu());
  const names: ReadonlySet<string> = source?.wgslLanguageFeatures ?? new Set();
  if (given !== undefined) return { adapter: given, names };
  if (source === undefined) {
    fail(
      'webgpu',
      'this host has no WebGPU: in Node install the package webgpu (npm install webgpu); a browser needs a newer ' +
        'version or a page served over https',
    );
  }
  const adapter = await source.requestAdapter(
    powerPreference === undefined ? {} : { powerPreference },
  );
  if (adapter === null) {
    fail(
      'webgpu',
      'there is no adapter: this machine has no graphics processor with a driver for WebGPU (Vulkan, Metal or ' +
        'Direct3D 12), or the browser blocks it; backend-wasm computes everywhere',
    );
  }
  return { adapter, names };
}

/** Bytes of a buffer are rounded up to this, so that freed ones fit more often. */
const granule = 256;
/** Freed memory is kept to be used again: so many bytes, or as many as are in use. */
const leastPooled = 2 ** 28;

/** Buffers for reading that are kept: of sizes that are powers of two, so many of each, none larger. */
const largestStaging = 2 ** 20;
const mostStaging = 4;
const stagingBytes = (bytes: number): number =>
  bytes > largestStaging ? bytes : Math.max(granule, 2 ** Math.ceil(Math.log2(bytes)));

export class Device {
  readonly adapter: GPUAdapter;
  readonly gpu: GPUDevice;
  readonly limits: GPUSupportedLimits;
  readonly storage: Storage;
  /** Freed memory by its size, that used last at the end. */
  readonly #pool = new Map<number, GPUBuffer[]>();
  #pooled = 0;
  #inUse = 0;
  readonly #staging = new Map<number, GPUBuffer[]>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUPipelineLayout>();
  readonly #groupLayouts = new Map<string, GPUBindGroupLayout>();
  #failure: HebbError | undefined;
  /** Checks of memory that have not come back. */
  readonly #checks = new Set<Promise<void>>();
  #disposed = false;

  constructor(adapter: GPUAdapter, gpu: GPUDevice, maxBufferBytes = Infinity) {
    this.adapter = adapter;
    this.gpu = gpu;
    this.limits = gpu.limits;
    const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize, maxBufferBytes);
    this.storage = {
      halves: gpu.features.has('shader-f16'),
      partBytes: Math.floor(most / granule) * granule,
      mostBindings: gpu.limits.maxStorageBuffersPerShaderStage,
      joins: false,
      subgroups: gpu.features.has('subgroups'),
      isSoftware: this.isSoftware,
    };
    void gpu.lost.then(({ reason, message }) => {
      if (this.#disposed) return;
      const why = message === '' ? reason : `${reason}: ${message}`;
      this.#failure ??= new HebbError(
        `the device is lost (${why}); make a new backend and go on from the last checkpoint`,
        { op: 'webgpu' },
      );
    });
    gpu.addEventListener('uncapturederror', (event) => {
      this.#failure ??= new HebbError(event.error.message, { op: 'webgpu', cause: event.error });
    });
  }

  get name(): string {
    const { vendor, architecture, description } = this.adapter.info;
    return [vendor, architecture, description].filter((part) => part !== '').join(' ');
  }

  /** No graphics processor, but a program that does as if: SwiftShader, llvmpipe, WARP. */
  get isSoftware(): boolean {
    return (
      this.adapter.info.isFallbackAdapter ||
      /swiftshader|llvmpipe|lavapipe|basic render/i.test(this.name)
    );
  }

  /** @throws HebbError once the device is lost or refused something. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Waits for what the device says late: out of memory, and faults of validation. */
  async settle(): Promise<void> {
    while (this.#checks.size > 0) await Promise.all(this.#checks);
    this.check();
  }

  /** A storage buffer of at least so many bytes; its content is what was there before. */
  allocate(bytes: number, what: string): GPUBuffer {
    this.check();
    const size = Math.max(granule, Math.ceil(bytes / granule) * granule);
    if (size > this.storage.partBytes) {
      const problem =
        `${what} is larger than a buffer of this device: it needs ${bytes} bytes, the limit is ` +
        String(this.storage.partBytes);
      fail('webgpu', problem);
    }
    const free = this.#pool.get(size)?.pop();
    this.#inUse += size;
    if (free !== undefined) {
      this.#pooled -= size;
      return free;
    }
    this.gpu.pushErrorScope('out-of-memory');
    const buffer = this.gpu.createBuffer({
      size,
      usage: usage.storage | usage.copySource | usage.copyTarget,
    });
    this.#watch(
      this.gpu.popErrorScope().then((error) => {
        if (error === null) return;
        this.#failure ??= new HebbError(
          `the device has no memory for ${what}, ${size} bytes; dispose of the backend, make a new one and go on ` +
            'from the last checkpoint with a smaller batch or model',
          { op: 'webgpu', cause: error },
        );
      }),
    );
    return buffer;
  }

  /** Later work may use the memory: the queue keeps the order. */
  release(buffer: GPUBuffer): void {
    const { size } = buffer;
    this.#inUse -= size;
    const list = this.#pool.get(size) ?? [];
    // The size used last goes last when there is too much.
    this.#pool.delete(size);
    this.#pool.set(size, list);
    list.push(buffer);
    this.#pooled += size;
    const most = Math.max(leastPooled, this.#inUse);
    for (const [bytes, buffers] of this.#pool) {
      while (this.#pooled > most && buffers.length > 0) {
        buffers.pop()!.destroy();
        this.#pooled -= bytes;
      }
      if (this.#pooled <= most) break;
      this.#pool.delete(bytes);
    }
  }

  /** A buffer that the host reads from, of at least so many bytes; it comes back by `keepStaging`, unmapped. */
  staging(bytes: number): GPUBuffer {
    const size = stagingBytes(bytes);
    const kept = this.#staging.get(size)?.pop();
    return kept ?? this.gpu.createBuffer({ size, usage: usage.mapRead | usage.copyTarget });
  }

  /** Small ones are used again: each step reads its loss, or its logits. */
  keepStaging(buffer: GPUBuffer): void {
    const { size } = buffer;
    const list = this.#staging.get(size) ?? [];
    if (size > largestStaging || list.length >= mostStaging) return buffer.destroy();
    this.#staging.set(size, list);
    list.push(buffer);
  }

  #watch(check: Promise<void>): void {
    const watched = check.catch(() => undefined).finally(() => this.#checks.delete(watched));
    this.#checks.add(watched);
  }

  /** Compiled once for each text. @throws HebbError with kernel and text when the shader is refused. */
  pipeline(code: string, writable: readonly boolean[], depth: number, name: string) {
    let made = this.#pipelines.get(code);
    if (made === undefined) {
      made = this.#compile(code, writable, depth, name);
      this.#pipelines.set(code, made);
      made.catch(() => this.#pipelines.delete(code));
    }
    return made;
  }

  async #compile(
    code: string,
    writable: readonly boolean[],
    depth: number,
    name: string,
  ): Promise<GPUComputePipeline> {
    // Scoped, so that a refused shader is this program's error and not the device's.
    this.gpu.pushErrorScope('validation');
    const module = this.gpu.createShaderModule({ code, label: name });
    const made = this.gpu.createComputePipelineAsync({
      layout: this.#layout(writable, depth),
      compute: { module, entryPoint: 'main' },
      label: name,
    });
    const refused = this.gpu.popErrorScope();
    try {
      return await made;
    } catch (error) {
      await refused;
      const { messages } = await module.getCompilationInfo();
      const said = messages.map(({ lineNum, message }) => `line ${lineNum}: ${message}`).join('\n');
      throw new HebbError(`the shader of ${name} is refused\n${said || String(error)}\n${code}`, {
        op: 'webgpu',
        cause: error,
      });
    }
  }

  groupLayout(writable: readonly boolean[]): GPUBindGroupLayout {
    const key = writable.map((w) => (w ? 'w' : 'r')).join('');
    let layout = this.#groupLayouts.get(key);
    if (layout === undefined) {
      layout = this.gpu.createBindGroupLayout({
        entries: writable.map((w, binding) => ({
          binding,
          visibility: computeStage,
          buffer: { type: w ? 'storage' : 'read-only-storage' },
        })),
      });
      this.#groupLayouts.set(key, layout);
    }
    return layout;
  }

  /** Numbers of steps, one dynamic offset for each enclosing loop. */
  stepLayout(depth: number): GPUBindGroupLayout {
    const key = `steps ${depth}`;
    let layout = this.#groupLayouts.get(key);
    if (layout === undefined) {
      layout = this.gpu.createBindGroupLayout({
        entries: Array.from({ length: depth }, (_, binding) => ({
          binding,
          visibility: computeStage,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: 16 },
        })),
      });
      this.#groupLayouts.set(key, layout);
    }
    return layout;
  }

  #layout(writable: readonly boolean[], depth: number): GPUPipelineLayout {
    const key = `${writable.map((w) => (w ? 'w' : 'r')).join('')} ${depth}`;
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      layout = this.gpu.createPipelineLayout({
        bindGroupLayouts: [
          this.groupLayout(writable),
          ...(depth === 0 ? [] : [this.stepLayout(depth)]),
        ],
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  #steps: { readonly buffer: GPUBuffer; readonly length: number } | undefined;

  /** Bytes from one step's number to the next. */
  get stepBytes(): number {
    return this.limits.minUniformBufferOffsetAlignment;
  }

  /** A buffer of the numbers 0 … length - 1, as shaders in loops read them. */
  stepNumbers(length: number): GPUBuffer {
    if (this.#steps !== undefined && this.#steps.length >= length) return this.#steps.buffer;
    const words = this.stepBytes / 4;
    const count = 2 ** Math.ceil(Math.log2(Math.max(64, length)));
    const data = new Int32Array(count * words);
    for (let i = 0; i < count; i++) data[i * words] = i;
    const buffer = this.gpu.createBuffer({
      size: data.byteLength,
      usage: usage.uniform | usage.copyTarget,
    });
    this.gpu.queue.writeBuffer(buffer, 0, data);
    // Work that is queued may still use the old one: its memory goes when that is done.
    this.#steps?.buffer.destroy();
    this.#steps = { buffer, length: count };
    return buffer;
  }

  dispose(): void {
    this.#disposed = true;
    this.gpu.destroy();
  }
}
