/** A graph under change: nodes are replaced by others, initialisers come and go, names stay unique. */
import { convert } from '@hebb/core';
import type { DType } from '@hebb/core';
import { makeNode } from '../codec/build.ts';
import type { NodeOptions } from '../codec/build.ts';
import { tensorFromProto, tensorToProto } from '../codec/tensor.ts';
import type { TensorData } from '../codec/tensor.ts';
import type { GraphProto, NodeProto, TensorProto } from '../codec/types.ts';

export class GraphEdit {
  readonly graph: GraphProto;
  readonly #names = new Set<string>();
  readonly #initializers = new Map<string, TensorProto>();
  readonly #nodes: NodeProto[] = [];
  readonly #shared = new Map<string, string>();

  constructor(graph: GraphProto) {
    this.graph = graph;
    for (const tensor of graph.initializer) this.#initializers.set(tensor.name ?? '', tensor);
    collectNames(graph, this.#names);
  }

  /** A name that nothing has yet. */
  fresh(base: string): string {
    let name = base;
    for (let k = 1; this.#names.has(name); k++) name = `${base}_${k}`;
    this.#names.add(name);
    return name;
  }

  /** The numbers of an initialiser. */
  constant(name: string): TensorData | undefined {
    const proto = this.#initializers.get(name);
    // An initialiser that is also an input may be given another value by the caller.
    if (proto === undefined || this.graph.input.some((info) => info.name === name))
      return undefined;
    return tensorFromProto(proto);
  }

  /** Appends a node; returns the names of its outputs, made up where a number of them is given. */
  add(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[] | number = 1,
    options: NodeOptions = {},
  ): string[] {
    const base = inputs.find((name) => name !== '') ?? op;
    const names =
      typeof outputs === 'number'
        ? Array.from({ length: outputs }, () => this.fresh(`${base}_${op}`))
        : [...outputs];
    const name = options.name ?? this.fresh(`${names[0]}_${op}`);
    this.#nodes.push(makeNode(op, inputs, names, { ...options, name }));
    return names;
  }

  /** Appends a node as it was. */
  keep(node: NodeProto): void {
    this.#nodes.push(node);
  }

  initializer(base: string, tensor: TensorData): string {
    const name = this.fresh(base);
    this.#initializers.set(name, tensorToProto({ ...tensor, name }));
    return name;
  }

  /** A list or (with no shape: []) a number, stored once however often it is asked for. */
  numbers(
    values: readonly (number | bigint)[],
    dtype: DType,
    shape: readonly number[] = [values.length],
  ): string {
    const key = `${dtype}[${shape.join(',')}](${values.join(',')})`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const data = convert(values, dtype);
    const name = this.initializer('constant', { dtype, shape, data } as TensorData);
    this.#shared.set(key, name);
    return name;
  }

  /** The graph with the nodes that were added, and the initialisers that something still reads. */
  result(): GraphProto {
    const read = new Set<string>(this.graph.output.map(({ name }) => name ?? ''));
    for (const node of this.#nodes) collectReads(node, read);
    const initializer = [...this.#initializers.values()].filter(({ name }) => read.has(name ?? ''));
    return { ...this.graph, node: this.#nodes, initializer };
  }
}

function collectNames(graph: GraphProto, names: Set<string>): void {
  for (const { name } of [...graph.input, ...graph.output, ...graph.initializer]) {
    names.add(name ?? '');
  }
  for (const node of graph.node) {
    if (node.name !== undefined) names.add(node.name);
    for (const name of [...node.input, ...node.output]) names.add(name);
    for (const { g } of node.attribute) if (g !== undefined) collectNames(g, names);
  }
}

export function collectReads(node: NodeProto, read: Set<string>): void {
  for (const name of node.input) read.add(name);
  for (const { g } of node.attribute) {
    if (g === undefined) continue;
    for (const inner of g.node) collectReads(inner, read);
    for (const { name } of g.output) read.add(name ?? '');
  }
}
