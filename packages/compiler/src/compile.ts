/** From a graph to a program. */
import { sameShape, sizeOf } from '@hebb/core';
import type { Graph, Op } from '@hebb/core';
import { Buffers } from './buffers.ts';
import type { Cluster } from './cluster.ts';
import type { Value } from './dag.ts';
import type { EmitContext } from './emit.ts';
import { Grouping } from './group.ts';
import type { GroupOptions } from './placing.ts';
import type { Kernel, Program, RoutineKernel, ScanKernel } from './ir.ts';
import { planMemory, storageOf } from './memory.ts';
import type { StorageOptions } from './memory.ts';
import { loopKernel, routineKernel } from './routines.ts';
import { schedule } from './schedule.ts';
import { memoryOf, simplifyGraph } from './simplify.ts';
import type { Simplified } from './simplify.ts';

export interface CompileGraphOptions extends StorageOptions {
  /** Composites that the backend runs whole. */
  readonly keep?: (op: Op) => boolean;
  /** Positions of inputs whose memory outputs may take over. */
  readonly donated?: readonly number[];
  /** Which output may take over which input, both by position; instead of `donated`. */
  readonly mayAlias?: (output: number, input: number) => boolean;
  /** Ops that take code on their result; default: matmul and the convolutions. */
  readonly epilogue?: (op: string) => boolean;
  /** Ops and inputs of them that are read through any strides; default: both sides of matmul. */
  readonly strided?: (op: string, input: number) => boolean;
  /**
   * What starting a kernel and waiting for it costs, in units of an addition; default 2000. Less makes more
   * and smaller kernels.
   */
  readonly kernelCost?: number;
  /**
   * Bodies beyond this many operations, or that read and write more values, are split: registers and code
   * are finite. Defaults 240 and 40.
   */
  readonly mostOperations?: number;
  readonly mostValues?: number;
  /** Elements of uint8 that the backend's routine wants as working memory; default none. */
  readonly scratch?: (kernel: RoutineKernel) => number;
}

const contractions = new Set(['matmul', 'conv', 'convTranspose', 'convKernelGrad']);

/**
 * Compiles a graph: simplified, grouped into kernels, placed in memory. Pure: equal graphs and options give
 * equal programs, numbers included. Throws HebbError for a graph it cannot write as kernels.
 */
export function compileGraph(graph: Graph, options: CompileGraphOptions = {}): Program {
  const { donated = [] } = options;
  const mayAlias = options.mayAlias ?? ((_: number, input: number) => donated.includes(input));
  return compileWith(graph, options, false, mayAlias);
}

function compileWith(
  graph: Graph,
  options: CompileGraphOptions,
  separate: boolean,
  mayAlias: (output: number, input: number) => boolean,
): Program {
  const simplified = simplifyGraph(graph, options.keep ?? (() => false), separate);
  const group: GroupOptions & { scratch: (kernel: RoutineKernel) => number } = {
    epilogue: options.epilogue ?? ((op) => contractions.has(op)),
    strided: options.strided ?? ((op) => op === 'matmul'),
    kernelCost: options.kernelCost ?? 2000,
    mostOperations: options.mostOperations ?? 240,
    mostValues: options.mostValues ?? 40,
    scratch: options.scratch ?? (() => 0),
  };
  const grouping = new Grouping(simplified, group);
  const buffers = new Buffers();
  const inputs = simplified.inputs.map((x) => buffers.of(x));
  const context: EmitContext = { grouping, bufferOf: (x) => buffers.of(x) };
  const made = new Map<Cluster, Kernel>();
  // Detaching code from a routine appends a cluster, so the list grows while it is walked.
  for (let i = 0; i < grouping.clusters.length; i++) {
    const cluster = grouping.clusters[i]!;
    let kernel: Kernel | undefined;
    if (cluster.routine?.op === 'scan') kernel = scanKernel(cluster, context, buffers, options);
    else if (cluster.routine === undefined) kernel = loopKernel(cluster, context, buffers);
    else {
      kernel = routineKernel(cluster, context, buffers, group);
      if (kernel === undefined) {
        grouping.detach(cluster);
        kernel = loopKernel(cluster, context, buffers);
      }
    }
    if (kernel === undefined)
      throw new Error('a cluster without reshaped loops is always writable');
    made.set(cluster, kernel);
  }
  const outputs = simplified.outputs.map((x) => buffers.of(x));
  const pairs = findPairs(simplified, mayAlias);
  preferInPlace(simplified, grouping, pairs);
  const position = new Map(grouping.clusters.map((cluster, i) => [cluster, i]));
  const jobs = grouping.clusters.map((cluster) => ({
    kernel: made.get(cluster)!,
    after: new Set([...cluster.dependencies].map((other) => position.get(other)!)),
    rank: rankOf(cluster),
  }));
  const order = schedule(jobs, buffers.list, new Set([...inputs, ...outputs]));
  const kernels = order.map((i) => jobs[i]!.kernel);
  const storage = storageOf(options);
  const memory = planMemory({
    buffers: buffers.list,
    kernels,
    inputs,
    outputs,
    pairs,
    mayAlias,
    storage,
  });
  return { buffers: memory.buffers, inputs, outputs, kernels, arenaBytes: memory.arenaBytes };
}

/** An output and an input, by position, whose memory may be the same. */
type Pair = readonly [output: number, input: number];

/** How far, and over how many values, an output is followed to the inputs it is made from. */
const FAR = 12;
const MANY = 96;

/**
 * Outputs and donated inputs of one type, those first whose output is made from the input in the fewest
 * steps: a parameter and its update.
 */
function findPairs(
  { inputs, outputs }: Simplified,
  mayAlias: (output: number, input: number) => boolean,
): Pair[] {
  const position = new Map(inputs.map((input, i) => [input, i]));
  const pairs: { pair: Pair; distance: number }[] = [];
  outputs.forEach((output, o) => {
    const seen = new Set<Value>([output]);
    let edge: Value[] = [output];
    for (let distance = 0; distance < FAR && edge.length > 0 && seen.size < MANY; distance++) {
      const next: Value[] = [];
      for (const x of edge) {
        const i = position.get(x);
        if (i !== undefined && mayAlias(o, i) && sameType(x, output)) {
          pairs.push({ pair: [o, i], distance });
        }
        for (const y of x.node.inputs) {
          if (seen.has(y)) continue;
          seen.add(y);
          next.push(y);
        }
      }
      edge = next;
    }
  });
  return pairs.sort((a, b) => a.distance - b.distance).map(({ pair }) => pair);
}

const sameType = (a: Value, b: Value): boolean =>
  a.dtype === b.dtype && sameShape(a.shape, b.shape);

/** Lets everything else that reads a donated input run before the kernel that can write over it. */
function preferInPlace(
  { inputs, outputs }: Simplified,
  grouping: Grouping,
  pairs: readonly Pair[],
): void {
  const done = new Set<number>();
  const given = new Set<number>();
  for (const [o, i] of pairs) {
    const [home] = grouping.state(memoryOf(outputs[o]!)).homes;
    const state = grouping.state(inputs[i]!);
    if (home === undefined || done.has(i) || given.has(o) || !state.demands.has(home)) continue;
    done.add(i);
    given.add(o);
    for (const reader of [...state.demands.keys(), ...state.readers]) {
      if (reader !== home && !reader.reaches(home)) home.dependencies.add(reader);
    }
  }
}

/** The place of its last value in the graph. */
function rankOf({ outputs, routine }: Cluster): number {
  return Math.max(routine?.id ?? -1, ...outputs.map(({ value }) => value.node.id));
}

function scanKernel(
  cluster: Cluster,
  { bufferOf }: EmitContext,
  buffers: Buffers,
  options: CompileGraphOptions,
): ScanKernel {
  const node = cluster.routine!;
  const { attrs, inputs, outputs, path } = node;
  const constants = attrs['constants'] as number;
  const carries = attrs['carries'] as number;
  const length = attrs['length'] as number;
  const body = compileWith(
    attrs['body'] as Graph,
    options,
    true,
    (output, input) => output < carries && input === constants + output,
  );
  const ids = inputs.map(bufferOf);
  const flops = body.kernels.reduce((sum, { cost }) => sum + cost.flops, 0);
  const bytes = body.kernels.reduce((sum, { cost }) => sum + cost.bytes, 0);
  return {
    kind: 'scan',
    name: `scan(${body.kernels.length} kernels)`,
    paths: path === '' ? [] : [path],
    length,
    reverse: attrs['reverse'] === true,
    constants: ids.slice(0, constants),
    initial: ids.slice(constants, constants + carries),
    sequences: ids.slice(constants + carries),
    outputs: outputs.map(bufferOf),
    spares: outputs.slice(0, carries).map(({ dtype, shape }, k) => {
      const { place } = body.buffers[body.outputs[k]!]!;
      const inPlace = place.kind === 'output' && place.alias !== undefined;
      return inPlace || sizeOf(shape) === 0 ? -1 : buffers.temporary(dtype, shape);
    }),
    arena:
      body.arenaBytes === 0
        ? -1
        : buffers.temporary('uint8', [
            Math.ceil(body.arenaBytes / storageOf(options).bytesOf('uint8')),
          ]),
    body,
    cost: { flops: flops * length, bytes: bytes * length },
  };
}
