/** Functions of tensors as programs on one backend, from host arrays to host arrays. */
import { placeholder, traceGraph } from '@hebb/core';
import type { Aval, Backend, DeviceBuffer, Executable, Graph, HostArray, Tensor } from '@hebb/core';

export interface HostProgram {
  readonly graph: Graph;
  readonly outputs: readonly Aval[];
  run(inputs: readonly HostArray[]): Promise<HostArray[]>;
  dispose(): void;
}

export function graphOf(
  inputs: readonly Aval[],
  fn: (inputs: Tensor[]) => readonly Tensor[],
): Graph {
  const holders = inputs.map(placeholder);
  const { graph, captures } = traceGraph(fn(holders), holders);
  if (captures.length > 0) throw new Error('a test function must use nothing but its inputs');
  return graph;
}

/** Compiles a function without touching the current backend. Every buffer is freed after each run. */
export async function programOf(
  backend: Backend,
  inputs: readonly Aval[],
  fn: (inputs: Tensor[]) => readonly Tensor[],
): Promise<HostProgram> {
  return programOfGraph(backend, graphOf(inputs, fn));
}

export async function programOfGraph(backend: Backend, graph: Graph): Promise<HostProgram> {
  const executable: Executable = await backend.compile(graph);
  const outputs = graph.outputs.map((id) => graph.values[id]!);
  return {
    graph,
    outputs,
    run: async (data) => {
      const held: DeviceBuffer[] = [];
      try {
        const buffers = graph.inputs.map((id, i) => backend.upload(data[i]!, graph.values[id]!));
        held.push(...buffers);
        const results = executable.run(buffers);
        held.push(...results);
        const read: HostArray[] = [];
        for (const buffer of results) read.push(await backend.download(buffer));
        return read;
      } finally {
        for (const buffer of held) backend.free(buffer);
      }
    },
    dispose: () => executable.dispose?.(),
  };
}

/** Compiles, runs once and lets go. */
export async function runOnce(
  backend: Backend,
  inputs: readonly { readonly aval: Aval; readonly data: HostArray }[],
  fn: (inputs: Tensor[]) => readonly Tensor[],
): Promise<{ values: HostArray[]; avals: readonly Aval[] }> {
  const program = await programOf(
    backend,
    inputs.map(({ aval }) => aval),
    fn,
  );
  try {
    return { values: await program.run(inputs.map(({ data }) => data)), avals: program.outputs };
  } finally {
    program.dispose();
  }
}
