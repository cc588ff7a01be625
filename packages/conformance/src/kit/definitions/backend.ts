/** The definitions as a backend, to compare others with. */
import { dtypes, fail, lower } from '@hebb/core';
import type { Aval, Backend, DeviceBuffer, Executable, Graph, HostArray } from '@hebb/core';
import { evaluateGraph } from './evaluate.ts';
import { fromHost, toHost } from './values.ts';
import type { Value } from './values.ts';

interface DefinitionBuffer extends DeviceBuffer {
  value: Value | undefined;
}

/**
 * A backend that follows the definition of each primitive element by element, in exact or double
 * precision arithmetic rounded to the dtype after every op. It is independent of any plugin, so it judges
 * them all, and far too slow for anything else.
 */
export function definitions(): Backend {
  const live = new Set<DefinitionBuffer>();
  const hold = (value: Value): DefinitionBuffer => {
    const bytes = toHost(value).byteLength;
    const buffer: DefinitionBuffer = { shape: value.shape, dtype: value.dtype, bytes, value };
    live.add(buffer);
    return buffer;
  };
  const open = (buffer: DeviceBuffer): Value => {
    const own = buffer as DefinitionBuffer;
    if (!live.has(own)) fail('definitions', 'a buffer is used after it was freed');
    return own.value!;
  };
  const free = (buffer: DeviceBuffer): void => {
    const own = buffer as DefinitionBuffer;
    if (!live.delete(own)) fail('definitions', 'a buffer is freed twice');
    own.value = undefined;
  };
  return {
    name: 'definitions',
    capabilities: { dtypes: new Set(dtypes), sync: true, threads: 1 },
    upload: (data: HostArray, aval: Aval) => hold(fromHost(data, aval)),
    download: (buffer) => Promise.resolve(toHost(open(buffer))),
    downloadSync: (buffer) => toHost(open(buffer)),
    free,
    compile: (graph: Graph, { donated = [] } = {}): Executable => {
      const lowered = lower(graph);
      const alien = lowered.nodes.find(({ op }) => op.kind !== 'primitive');
      if (alien !== undefined) fail(alien.op.name, 'the definitions lack this op');
      return {
        run: (inputs) => {
          const results = evaluateGraph(lowered, inputs.map(open)).map(hold);
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
