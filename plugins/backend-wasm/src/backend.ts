/** The backend object: values in one WebAssembly memory, executables around generated modules. */
import { compileGraph } from '@hebb/compiler';
import { HebbError, dtypeInfo, dtypes, fail, formatShape, sameShape, sizeOf } from '@hebb/core';
import type {
  Aval,
  Backend,
  BackendCapabilities,
  CompileOptions,
  DType,
  DeviceBuffer,
  Executable,
  Graph,
  HostArray,
  Shape,
} from '@hebb/core';
import { compileOptions } from './ahead.ts';
import { CompiledCache } from './cache.ts';
import type { Compiled } from './cache.ts';
import { hostSimd, mathImports } from './host.ts';
import { Heap } from './memory.ts';
import { generate, tableLayout } from './program.ts';
import type { Simd } from './routines/target.ts';
import { ThreadChoice } from './threads/choice.ts';
import { ThreadPool } from './threads/pool.ts';
import { coreCount, threadSupport } from './threads/workers.ts';

export interface WasmOptions {
  /**
   * Vector instructions: `relaxed` fuses multiplications and additions where the host does, `plain` gives
   * the same bits on every host. Default: the best this host has.
   */
  readonly simd?: Simd;
  /** The most memory to use, in bytes; default and limit 4 GiB. */
  readonly maximumBytes?: number;
  /**
   * Threads to compute with, this one included; `auto` takes as many as there are cores. Default 1. Where
   * memory cannot be shared (pages that are not cross-origin isolated, edge workers) it stays at 1.
   * Results are the same for every number.
   */
  readonly threads?: number | 'auto';
}

/** A value on this backend: a block of the memory until it is freed. */
class WasmBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly bytes: number;
  readonly owner: object;
  /** -1 once it is freed. */
  at: number;

  constructor(owner: object, at: number, { dtype, shape }: Aval) {
    this.owner = owner;
    this.dtype = dtype;
    this.shape = shape;
    this.bytes = sizeOf(shape) * dtypeInfo(dtype).bytes;
    this.at = at;
  }
}

const describe = ({ dtype, shape }: Aval): string => `${dtype}${formatShape(shape)}`;
/** Of all backends of the process. */
const cache = new CompiledCache();
const pageBytes = 65536;
const mostPages = 65536;

/** Memory that runs use and leave: the table of addresses, the arena, scratch of threads. */
class Workspace {
  readonly #heap: Heap;
  #at = -1;
  #bytes = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** Address of at least so many bytes. */
  reserve(bytes: number): number {
    if (bytes > this.#bytes) {
      if (this.#at >= 0) this.#heap.free(this.#at);
      this.#at = -1;
      this.#bytes = 0;
      this.#at = this.#heap.allocate(bytes, 'working memory');
      this.#bytes = bytes;
    }
    return this.#at;
  }
}

/**
 * WebAssembly: each program becomes one module of vectorised kernels. Values can be read synchronously.
 * `await init(wasm())`, or `await init(wasm({ threads: 'auto' }))`: threads take a moment to start, so that
 * then a promise is returned. Throws HebbError where the host has no SIMD.
 */
export function wasm(options?: WasmOptions & { readonly threads?: 1 }): Backend;
export function wasm(options: WasmOptions): Backend | Promise<Backend>;
export function wasm({
  simd = hostSimd(),
  maximumBytes = mostPages * pageBytes,
  threads = 1,
}: WasmOptions = {}): Backend | Promise<Backend> {
  if (simd === undefined) fail('wasm', 'this host has no WebAssembly SIMD');
  if (simd === 'relaxed' && hostSimd() !== 'relaxed') {
    fail('wasm', 'this host has no relaxed SIMD', 'simd: relaxed', 'simd: plain');
  }
  const maximum = Math.min(mostPages, Math.floor(maximumBytes / pageBytes));
  if (!(maximum >= 2)) {
    fail('wasm', 'maximumBytes is too small', String(maximumBytes), `${2 * pageBytes} or more`);
  }
  const count = threads === 'auto' ? coreCount() : threads;
  if (!Number.isInteger(count) || count < 1) {
    fail('wasm', 'threads is a positive integer or auto', String(threads));
  }
  if (count === 1 || !threadSupport().threads) {
    const memory = new WebAssembly.Memory({ initial: 2, maximum });
    return new WasmBackend(new Heap(memory, maximum), simd);
  }
  const memory = new WebAssembly.Memory({ initial: 2, maximum, shared: true });
  return ThreadPool.start(count, memory).then(
    (pool) => new WasmBackend(new Heap(memory, maximum), simd, { pool, maximum }),
  );
}

interface Threads {
  readonly pool: ThreadPool;
  /** Pages of the shared memory at most. */
  readonly maximum: number;
}

class WasmBackend implements Backend {
  readonly name = 'wasm';
  readonly capabilities: BackendCapabilities;
  readonly #heap: Heap;
  readonly #simd: Simd;
  readonly #workspace: Workspace;
  readonly #threads: Threads | undefined;
  #buffers = 0;
  #bytes = 0;

  constructor(heap: Heap, simd: Simd, threads?: Threads) {
    this.capabilities = {
      dtypes: new Set(dtypes),
      sync: true,
      threads: threads?.pool.threads ?? 1,
    };
    this.#heap = heap;
    this.#simd = simd;
    this.#threads = threads;
    this.#workspace = new Workspace(heap);
  }

  upload(data: HostArray, aval: Aval): DeviceBuffer {
    const wanted = dtypeInfo(aval.dtype).allocate(0);
    if (data.constructor !== wanted.constructor || data.length !== sizeOf(aval.shape)) {
      const got = `${data.constructor.name} of ${data.length}`;
      fail('upload', 'data does not fit', got, describe(aval));
    }
    const buffer = this.#allocate(aval);
    this.#heap.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), buffer.at);
    return buffer;
  }

  downloadSync(buffer: DeviceBuffer): HostArray {
    const { at, bytes, dtype, shape } = this.#live('download', buffer);
    const result = dtypeInfo(dtype).allocate(sizeOf(shape));
    this.#heap.read(at, new Uint8Array(result.buffer, result.byteOffset, bytes));
    return result;
  }

  download(buffer: DeviceBuffer): Promise<HostArray> {
    try {
      return Promise.resolve(this.downloadSync(buffer));
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Freeing a second time does nothing. */
  free(buffer: DeviceBuffer): void {
    const own = this.#own('free', buffer);
    if (own.at < 0) return;
    this.#heap.free(own.at);
    this.#release(own);
  }

  compile(graph: Graph, { donated = [] }: CompileOptions = {}): Executable | Promise<Executable> {
    const pages = this.#threads?.maximum ?? 0;
    const key = `${this.#simd} ${pages} ${donated.join(',')} ${graph.key}`;
    const executable = (compiled: Compiled): Executable =>
      new WasmExecutable(this.#machine, graph, compiled, donated);
    const known = cache.get(key);
    if (known !== undefined) return executable(known);
    const program = compileGraph(graph, { ...compileOptions(), donated });
    const { bytes, ...needs } = generate(program, {
      simd: this.#simd,
      ...(this.#threads === undefined ? {} : { sharedPages: pages }),
    });
    const finish = (module: WebAssembly.Module): Executable => {
      const compiled: Compiled = { program, needs, module };
      cache.set(key, compiled, bytes.length);
      return executable(compiled);
    };
    let module: WebAssembly.Module;
    try {
      module = new WebAssembly.Module(bytes);
    } catch (error) {
      // Browsers refuse to compile large modules synchronously on their main thread.
      if (!(error instanceof RangeError)) throw error;
      return WebAssembly.compile(bytes).then(finish);
    }
    return finish(module);
  }

  async dispose(): Promise<void> {
    await this.#threads?.pool.dispose();
  }

  memory(): { buffers: number; bytes: number } {
    return { buffers: this.#buffers, bytes: this.#bytes };
  }

  /** What executables need of the backend. */
  readonly #machine: Machine = {
    pool: () => this.#threads?.pool,
    heap: () => this.#heap,
    workspace: (bytes) => this.#workspace.reserve(bytes),
    live: (op, buffer) => this.#live(op, buffer),
    allocate: (aval) => this.#allocate(aval),
    free: (buffer) => this.free(buffer),
    move: (buffer, aval) => {
      const moved = new WasmBuffer(this, buffer.at, aval);
      this.#release(buffer);
      this.#count(moved);
      return moved;
    },
  };

  #allocate(aval: Aval): WasmBuffer {
    const bytes = sizeOf(aval.shape) * dtypeInfo(aval.dtype).bytes;
    const buffer = new WasmBuffer(this, this.#heap.allocate(bytes, describe(aval)), aval);
    this.#count(buffer);
    return buffer;
  }

  #count(buffer: WasmBuffer): void {
    this.#buffers += 1;
    this.#bytes += buffer.bytes;
  }

  #release(buffer: WasmBuffer): void {
    buffer.at = -1;
    this.#buffers -= 1;
    this.#bytes -= buffer.bytes;
  }

  #own(op: string, buffer: DeviceBuffer): WasmBuffer {
    if (!(buffer instanceof WasmBuffer) || buffer.owner !== this) {
      fail(op, 'the buffer belongs to another backend', describe(buffer));
    }
    return buffer;
  }

  #live(op: string, buffer: DeviceBuffer): WasmBuffer {
    const own = this.#own(op, buffer);
    return own.at < 0 ? fail(op, 'the buffer has been freed', describe(buffer)) : own;
  }
}

interface Machine {
  pool(): ThreadPool | undefined;
  heap(): Heap;
  workspace(bytes: number): number;
  live(op: string, buffer: DeviceBuffer): WasmBuffer;
  allocate(aval: Aval): WasmBuffer;
  free(buffer: WasmBuffer): void;
  /** Hands the memory of a value to a new one. */
  move(buffer: WasmBuffer, aval: Aval): WasmBuffer;
}

/** A module bound to the memory, and the table of addresses that it is run with. */
class WasmExecutable implements Executable {
  readonly #machine: Machine;
  /** Held as a whole: the cache finds it for as long as it is used. */
  readonly #compiled: Compiled;
  readonly #run: (args: number, thread: number, threads: number) => void;
  /** What the pool knows it by. */
  readonly #number: number;
  readonly #choice = new ThreadChoice();
  readonly #donated: readonly number[];
  readonly #wanted: readonly Aval[];
  readonly #results: readonly Aval[];

  constructor(machine: Machine, graph: Graph, compiled: Compiled, donated: readonly number[]) {
    const { program, needs, module } = compiled;
    const { exports } = new WebAssembly.Instance(module, {
      env: { memory: machine.heap().memory },
      math: { ...mathImports },
    });
    this.#machine = machine;
    this.#compiled = compiled;
    this.#run = exports['run'] as (args: number, thread: number, threads: number) => void;
    this.#number = needs.parallel ? (machine.pool()?.load(module) ?? 0) : -1;
    this.#donated = donated;
    this.#wanted = program.inputs.map((id) => program.buffers[id]!);
    // Not those of the buffers: outputs that are one value in several shapes share a buffer.
    this.#results = graph.outputs.map((id) => graph.values[id]!);
  }

  dispose(): void {
    if (this.#number >= 0) this.#machine.pool()?.forget(this.#number);
  }

  run(given: readonly DeviceBuffer[]): DeviceBuffer[] {
    const inputs = this.#check(given);
    const { program, needs } = this.#compiled;
    const { tableBytes, arenaBytes, scratchBytes, parallel } = needs;
    const pool = this.#machine.pool();
    const able = parallel ? (pool?.ready(this.#number) ?? 1) : 1;
    const threads = able > 1 && this.#choice.parallel(performance.now()) ? able : 1;
    const table = this.#machine.workspace(
      aligned(tableBytes) + aligned(arenaBytes) + scratchBytes * threads,
    );
    const arena = table + aligned(tableBytes);
    const outputs = this.#outputs(inputs);
    try {
      const { words } = this.#machine.heap();
      const layout = tableLayout(program);
      let at = table >>> 2;
      for (const { at: address } of inputs) words[at++] = address;
      for (const { address } of outputs) words[at++] = address;
      words[(table >>> 2) + layout.arena] = arena;
      words[(table >>> 2) + layout.scratch] = arena + aligned(arenaBytes);
      if (pool === undefined || threads === 1) this.#run(table, 0, 1);
      else pool.run(this.#number, table, () => this.#run(table, 0, threads));
    } catch (error) {
      for (const { fresh } of outputs) if (fresh !== undefined) this.#machine.free(fresh);
      throw new HebbError('the program failed', { op: 'run', cause: error });
    }
    const results = this.#finish(inputs, outputs);
    for (const i of this.#donated) if (inputs[i]!.at >= 0) this.#machine.free(inputs[i]!);
    return results;
  }

  #check(given: readonly DeviceBuffer[]): WasmBuffer[] {
    if (given.length !== this.#wanted.length) {
      fail('run', 'wrong number of inputs', String(given.length), String(this.#wanted.length));
    }
    return given.map((buffer, i) => {
      const aval = this.#wanted[i]!;
      if (buffer.dtype !== aval.dtype || !sameShape(buffer.shape, aval.shape)) {
        fail('run', `input ${i} does not fit`, describe(buffer), describe(aval));
      }
      return this.#machine.live('run', buffer);
    });
  }

  /** Where each output will be: over a donated input, or in memory of its own. */
  #outputs(inputs: readonly WasmBuffer[]): Placed[] {
    const placed: Placed[] = [];
    try {
      const { program } = this.#compiled;
      program.outputs.forEach((id, o) => {
        const { place } = program.buffers[id]!;
        const aval = this.#results[o]!;
        if (place.kind === 'output' && place.position === o) {
          const { alias } = place;
          // A value that is also read as another input must survive until that one has been read.
          const shared =
            alias !== undefined &&
            inputs.some((x, i) => i !== alias && x.at === inputs[alias]!.at && x.at >= 0);
          if (alias !== undefined && !shared) {
            placed.push({ address: inputs[alias]!.at, over: inputs[alias]! });
            return;
          }
        }
        const fresh = this.#machine.allocate(aval);
        placed.push({ address: fresh.at, fresh });
      });
    } catch (error) {
      for (const { fresh } of placed) if (fresh !== undefined) this.#machine.free(fresh);
      throw error;
    }
    return placed;
  }

  #finish(inputs: readonly WasmBuffer[], outputs: readonly Placed[]): WasmBuffer[] {
    const { program } = this.#compiled;
    return outputs.map(({ over, fresh }, o) => {
      if (over !== undefined) return this.#machine.move(over, this.#results[o]!);
      const { place } = program.buffers[program.outputs[o]!]!;
      const source =
        place.kind === 'input'
          ? inputs[place.position]!.at
          : place.kind === 'output' && place.position !== o
            ? outputs[place.position]!.address
            : -1;
      if (source >= 0) {
        this.#machine.heap().bytes.copyWithin(fresh!.at, source, source + fresh!.bytes);
      }
      return fresh!;
    });
  }
}

interface Placed {
  readonly address: number;
  /** The input whose memory it takes over. */
  readonly over?: WasmBuffer;
  readonly fresh?: WasmBuffer;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;
