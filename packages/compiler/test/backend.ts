/** The compiler as a backend: programs run by the interpreter. For the conformance kit; slow. */
import { dtypes, fail, sizeOf } from '@hebb/core';
import type { Aval, Backend, DeviceBuffer, Executable, Graph, HostArray, Op } from '@hebb/core';
import { compileGraph } from '../src/compile.ts';
import { bytesOf, interpret } from './interpret.ts';

interface HeldBuffer extends DeviceBuffer {
  data: HostArray | undefined;
}

export function interpreted(keep: readonly Op[] = []): Backend {
  const live = new Set<HeldBuffer>();
  const hold = (data: HostArray, { dtype, shape }: Aval): HeldBuffer => {
    const buffer: HeldBuffer = { dtype, shape, bytes: bytesOf({ dtype, shape }), data };
    live.add(buffer);
    return buffer;
  };
  const open = (buffer: DeviceBuffer): HostArray =>
    (buffer as HeldBuffer).data ?? fail('interpreted', 'the buffer has been freed');
  const free = (buffer: DeviceBuffer): void => {
    if (!live.delete(buffer as HeldBuffer)) fail('interpreted', 'the buffer has been freed');
    (buffer as HeldBuffer).data = undefined;
  };
  return {
    name: 'interpreted',
    capabilities: { dtypes: new Set(dtypes), sync: true, threads: 1 },
    upload: (data, aval) => {
      if (data.length !== sizeOf(aval.shape)) fail('upload', 'data does not fit');
      return hold(data.slice(), aval);
    },
    download: (buffer) => Promise.resolve(open(buffer).slice()),
    downloadSync: (buffer) => open(buffer).slice(),
    free,
    compile: (graph: Graph, { donated = [] } = {}): Executable => {
      const program = compileGraph(graph, { donated, keep: (op) => keep.includes(op) });
      const avals = graph.outputs.map((id) => graph.values[id]!);
      return {
        run: (inputs) => {
          const results = interpret(program, inputs.map(open), avals, keep);
          for (const position of donated) free(inputs[position]!);
          return results.map((data, i) => hold(data, avals[i]!));
        },
      };
    },
    memory: () => ({
      buffers: live.size,
      bytes: [...live].reduce((sum, { bytes }) => sum + bytes, 0),
    }),
  };
}
