/** The backend object: buffers, their count, and executables around programs. */
import { HebbError, dtypes, fail, formatShape, sameShape, sizeOf } from '@hebb/core';
import type {
  Aval,
  Backend,
  CompileOptions,
  DType,
  DeviceBuffer,
  Executable,
  Graph,
  HostArray,
  Shape,
} from '@hebb/core';
import { planners } from './planners/index.ts';
import { Pool } from './pool.ts';
import { Program } from './program.ts';

export interface CpuOptions {
  /**
   * Bytes of freed memory kept for reuse; default 512 MiB. It is only ever as much as was in use at once
   * before. Set it lower where memory is tight, 0 to keep nothing.
   */
  readonly poolBytes?: number;
}

/** A value on this backend: a contiguous array until it is freed. */
class CpuBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly bytes: number;
  readonly owner: object;
  data: HostArray | null;

  constructor(owner: object, data: HostArray, { shape, dtype }: Aval) {
    this.owner = owner;
    this.dtype = dtype;
    this.shape = shape;
    this.bytes = data.byteLength;
    this.data = data;
  }
}

const describe = ({ dtype, shape }: Aval): string => `${dtype}${formatShape(shape)}`;

/**
 * The plain TypeScript backend: interprets every primitive, needs nothing but JavaScript, and can be read
 * synchronously. `await init(cpu())`.
 */
export function cpu({ poolBytes = 512 * 2 ** 20 }: CpuOptions = {}): Backend {
  if (!(poolBytes >= 0)) {
    fail('cpu', 'poolBytes is a number of bytes', String(poolBytes), '0 or more');
  }
  const pool = new Pool(poolBytes);
  const owner = {};
  let buffers = 0;
  let bytes = 0;

  const adopt = (data: HostArray, aval: Aval): CpuBuffer => {
    buffers += 1;
    bytes += data.byteLength;
    return new CpuBuffer(owner, data, aval);
  };
  const arrayOf = (op: string, buffer: DeviceBuffer): HostArray => {
    if (!(buffer instanceof CpuBuffer) || buffer.owner !== owner) {
      fail(op, 'the buffer belongs to another backend', describe(buffer));
    }
    return buffer.data ?? fail(op, 'the buffer has been freed', describe(buffer));
  };
  /** Freeing a second time does nothing. */
  const free = (buffer: DeviceBuffer): void => {
    if (!(buffer instanceof CpuBuffer) || buffer.owner !== owner) {
      fail('free', 'the buffer belongs to another backend', describe(buffer));
    }
    if (buffer.data === null) return;
    buffers -= 1;
    bytes -= buffer.bytes;
    pool.give(buffer.data);
    buffer.data = null;
  };
  const downloadSync = (buffer: DeviceBuffer): HostArray => arrayOf('download', buffer).slice();

  return {
    name: 'cpu',
    capabilities: { dtypes: new Set(dtypes), sync: true, threads: 1 },
    upload: (data, aval) => {
      const size = sizeOf(aval.shape);
      const copy = pool.take(aval.dtype, size);
      if (data.constructor !== copy.constructor || data.length !== size) {
        fail(
          'upload',
          'data does not fit',
          `${data.constructor.name} of ${data.length}`,
          describe(aval),
        );
      }
      // The classes are equal, as was just checked.
      (copy as Float32Array).set(data as Float32Array);
      return adopt(copy, aval);
    },
    download: (buffer) => {
      try {
        return Promise.resolve(downloadSync(buffer));
      } catch (error) {
        return Promise.reject(
          error instanceof Error ? error : new HebbError('failed', { op: 'download' }),
        );
      }
    },
    downloadSync,
    free,
    compile: (graph: Graph, { donated = [] }: CompileOptions = {}): Executable => {
      const program = new Program(graph, planners(pool), pool);
      const wanted = graph.inputs.map((id) => graph.values[id]!);
      const results = graph.outputs.map((id) => graph.values[id]!);
      return {
        run: (inputs) => {
          if (inputs.length !== wanted.length) {
            fail('run', 'wrong number of inputs', String(inputs.length), String(wanted.length));
          }
          const arrays = inputs.map((buffer, i) => {
            const aval = wanted[i]!;
            if (buffer.dtype !== aval.dtype || !sameShape(buffer.shape, aval.shape)) {
              fail('run', `input ${i} does not fit`, describe(buffer), describe(aval));
            }
            return arrayOf('run', buffer);
          });
          const outputs = program.run(arrays).map((data, i) => adopt(data, results[i]!));
          for (const i of donated) free(inputs[i]!);
          return outputs;
        },
      };
    },
    memory: () => ({ buffers, bytes }),
    dispose: () => pool.clear(),
  };
}
