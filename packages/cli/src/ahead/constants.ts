/**
 * What follows from the weights alone: found in all graphs, computed once. A constant is a weight, or the
 * output of a node whose inputs are constants; equal ones are one object, whichever graph they came from.
 */
import { cpu } from '@hebb/backend-cpu';
import { Graph, attrsKey, dtypeInfo, sizeOf } from '@hebb/core';
import type { Aval, GraphNode, HostArray } from '@hebb/core';
import { checksum } from '@hebb/runtime';
import type { Source, Traced } from './types.ts';

export interface Constant extends Aval {
  readonly id: number;
  /** Names of the weights that it comes from. */
  readonly name: string;
  /** Weights below it. */
  readonly roots: ReadonlySet<Constant>;
  /** Present for weights, and for what has been computed ahead. */
  data?: HostArray;
  readonly made?: Made;
  /** A weight, or a weight seen through strides alone. */
  readonly view: boolean;
  /** Whether it is worth memory of its own; else graphs compute it where they use it. */
  readonly kept: boolean;
}

interface Made {
  readonly node: GraphNode;
  readonly types: readonly Aval[];
  readonly inputs: readonly Constant[];
  readonly output: number;
}

/** Reading through strides costs nothing: what these give is no reason for a copy. */
const views = new Set(['reshape', 'permute', 'expand', 'slice', 'flip', 'alias', 'stopGradient']);

export const bytesOf = ({ dtype, shape }: Aval): number => dtypeInfo(dtype).bytes * sizeOf(shape);

export const rawBytes = (data: HostArray): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

export class ConstantPool {
  readonly #weights = new Map<string, Constant[]>();
  readonly #made = new Map<string, readonly Constant[]>();
  #count = 0;

  /** Weights of equal type and bytes are one. */
  weight(name: string, data: HostArray, { dtype, shape }: Aval): Constant {
    const bytes = rawBytes(data);
    const key = `${dtype}[${shape.join(',')}]${checksum(bytes)}`;
    const similar = this.#weights.get(key) ?? [];
    this.#weights.set(key, similar);
    const same = similar.find((other) => equalBytes(rawBytes(other.data!), bytes));
    if (same !== undefined) return same;
    const roots = new Set<Constant>();
    const id = this.#count++;
    const constant: Constant = { id, name, dtype, shape, roots, data, view: true, kept: true };
    roots.add(constant);
    similar.push(constant);
    return constant;
  }

  /** The outputs of a node on constants. */
  apply(node: GraphNode, types: readonly Aval[], inputs: readonly Constant[]): readonly Constant[] {
    const key = `${node.op.uid}(${inputs.map(({ id }) => id).join(',')})${attrsKey(node.attrs)}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const roots = new Set(inputs.flatMap((input) => [...input.roots]));
    const view = views.has(node.op.name) && inputs.every((input) => input.view);
    const outputs = types.map(({ dtype, shape }, output): Constant => {
      // No more elements than it is made of: a bias spread over an image is cheaper to spread again.
      const small = sizeOf(shape) <= sum([...roots].map((root) => sizeOf(root.shape)));
      return {
        id: this.#count++,
        name: [...roots].map(({ name }) => name).join('+'),
        dtype,
        shape,
        roots,
        made: { node, types, inputs, output },
        view,
        kept: small && !view,
      };
    });
    this.#made.set(key, outputs);
    return outputs;
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** What a graph reads once its constant parts are taken out. */
export type Kept = Exclude<Source, { kind: 'constant' }> | { kind: 'constant'; constant: Constant };

export interface Reduced {
  readonly graph: Graph;
  readonly sources: readonly Kept[];
}

/** The (lowered) graph without the nodes that follow from weights alone. */
export function takeOut(pool: ConstantPool, { graph, sources }: Omit<Traced, 'sinks'>): Reduced {
  const constants: (Constant | undefined)[] = [];
  graph.inputs.forEach((id, i) => {
    const source = sources[i]!;
    if (source.kind === 'constant') {
      constants[id] = pool.weight(source.name, source.data, graph.values[id]!);
    }
  });
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => constants[id]);
    if (inputs.some((input) => input === undefined)) continue;
    const types = node.outputs.map((id) => graph.values[id]!);
    const outputs = pool.apply(node, types, inputs as Constant[]);
    node.outputs.forEach((id, i) => (constants[id] = outputs[i]));
  }
  const used = new Set<number>();
  const live = new Set(graph.outputs);
  const isKept = (id: number): boolean => constants[id]?.kept === true;
  const nodes = graph.nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((id) => live.has(id) && !isKept(id))) return false;
      for (const id of node.inputs) live.add(id);
      return true;
    })
    .reverse();
  for (const id of live) if (isKept(id)) used.add(id);
  const kept: (readonly [number, Kept])[] = [];
  graph.inputs.forEach((id, i) => {
    const source = sources[i]!;
    if (source.kind !== 'constant') kept.push([id, source]);
  });
  for (const id of [...used].sort((a, b) => a - b)) {
    kept.push([id, { kind: 'constant', constant: constants[id]! }]);
  }
  return {
    graph: new Graph({
      values: graph.values,
      inputs: kept.map(([id]) => id),
      nodes,
      outputs: graph.outputs,
    }),
    sources: kept.map(([, source]) => source),
  };
}

/**
 * Computes those that take no more bytes than the weights they come from (on backend-cpu, the oracle), and
 * returns the others (weights cast or dequantised to wider types): they are smaller where they come from,
 * so they are computed when the model is loaded.
 */
export function computeAhead(constants: readonly Constant[]): Constant[] {
  const open = constants.filter(({ data }) => data === undefined);
  const ahead = open.filter(
    (constant) => bytesOf(constant) <= sum([...constant.roots].map(bytesOf)),
  );
  if (ahead.length > 0) {
    const { graph, sources } = graphOf(ahead);
    const backend = cpu();
    const inputs = sources.map((source) => backend.upload(source.data!, source));
    const executable = backend.compile(graph);
    if (executable instanceof Promise) throw new Error('backend-cpu compiles at once');
    const outputs = executable.run(inputs);
    ahead.forEach((constant, i) => (constant.data = backend.downloadSync!(outputs[i]!)));
  }
  return open.filter(({ data }) => data === undefined);
}

/** The graph that computes constants from those whose numbers are known. */
export function graphOf(wanted: readonly Constant[]): {
  readonly graph: Graph;
  readonly sources: readonly Constant[];
} {
  const values: Aval[] = [];
  const nodes: GraphNode[] = [];
  const sources: Constant[] = [];
  const inputs: number[] = [];
  const ids = new Map<Constant, number>();
  /** Outputs of one node are made together. */
  const emitted = new Map<GraphNode, Map<string, readonly number[]>>();
  const emit = (constant: Constant): number => {
    const known = ids.get(constant);
    if (known !== undefined) return known;
    const { made, data, dtype, shape } = constant;
    if (made === undefined || data !== undefined) {
      const id = values.push({ dtype, shape }) - 1;
      ids.set(constant, id);
      inputs.push(id);
      sources.push(constant);
      return id;
    }
    const args = made.inputs.map(emit);
    const same = emitted.get(made.node) ?? new Map<string, readonly number[]>();
    emitted.set(made.node, same);
    const key = args.join();
    let outputs = same.get(key);
    if (outputs === undefined) {
      outputs = made.types.map((type) => values.push(type) - 1);
      same.set(key, outputs);
      nodes.push({ ...made.node, inputs: args, outputs });
    }
    const id = outputs[made.output]!;
    ids.set(constant, id);
    return id;
  };
  const outputs = wanted.map(emit);
  return { graph: new Graph({ values, inputs, nodes, outputs }), sources };
}
