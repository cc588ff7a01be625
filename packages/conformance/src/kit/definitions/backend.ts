/** The definitions as a backend, to compare others with. */
import { dtypes, fail, lower, primitives } from '@hebb/core';
import type { Aval, Backend, DeviceBuffer, Executable, Graph, HostArray } from '@hebb/core';
import { evaluateGraph } from './evaluate.ts';
import { fromHost, toHost } from './values.ts';

interface DefinitionBuffer extends DeviceBuffer {
  readonly data: HostArray;
}

const known = new Set(primitives.map((op) => op.uid));

/**
 * A backend that follows the definition of each primitive element by element, in exact or double
 * precision arithmetic rounded to the dtype after every op. It is independent of any plugin, so it judges
 * them all, and far too slow for anything else.
 */
export function definitions(): Backend {
  const live = new Set<DeviceBuffer>();
  const hold = (data: HostArray, { shape, dtype }: Aval): DefinitionBuffer => {
    const buffer = { shape, dtype, bytes: data.byteLength, data };
    live.add(buffer);
    return buffer;
  };
  const open = (buffer: DeviceBuffer): HostArray => {
    if (!live.has(buffer)) fail('definitions', 'a buffer is used after it was freed');
    return (buffer as DefinitionBuffer).data;
  };
  const free = (buffer: DeviceBuffer): void => {
    if (!live.delete(buffer)) fail('definitions', 'a buffer is freed twice');
  };
  return {
    name: 'definitions',
    capabilities: { dtypes: new Set(dtypes), sync: true, threads: 1 },
    upload: (data, aval) => hold(data.slice(), aval),
    download: (buffer) => Promise.resolve(open(buffer).slice()),
    downloadSync: (buffer) => open(buffer).slice(),
    free,
    compile: (graph: Graph, { donated = [] } = {}): Executable => {
      const lowered = lower(graph);
      const alien = lowered.nodes.find(({ op }) => !known.has(op.uid));
      if (alien !== undefined) fail(alien.op.name, 'the definitions lack this op');
      return {
        run: (inputs) => {
          const values = inputs.map((buffer) => fromHost(open(buffer), buffer));
          const results = evaluateGraph(lowered, values).map((value) => hold(toHost(value), value));
          for (const position of donated) free(inputs[position]!);
          return results;
        },
      };
    },
    memory: () => ({
      buffers: live.size,
      bytes: [...live].reduce((sum, buffer) => sum + buffer.bytes, 0),
    }),
  };
}
