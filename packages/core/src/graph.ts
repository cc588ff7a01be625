/** Graphs: what backends compile, exporters write and people read. */
import { fail } from './error.ts';
import type { Attrs, AttrValue, Aval, Op } from './op.ts';
import { formatShape } from './shape.ts';
import type { Tensor } from './tensor.ts';

export interface GraphNode {
  readonly op: Op;
  readonly attrs: Attrs;
  /** Ids into `Graph.values`. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Path of the layer that made it; empty outside modules. */
  readonly path: string;
}

export interface GraphParts {
  readonly values: readonly Aval[];
  readonly inputs: readonly number[];
  readonly nodes: readonly GraphNode[];
  readonly outputs: readonly number[];
}

/** An immutable graph in topological order: values are numbered, nodes read and write them. */
export class Graph implements GraphParts {
  readonly values: readonly Aval[];
  readonly inputs: readonly number[];
  readonly nodes: readonly GraphNode[];
  readonly outputs: readonly number[];
  #key: string | undefined;

  constructor(parts: GraphParts) {
    this.values = parts.values;
    this.inputs = parts.inputs;
    this.nodes = parts.nodes;
    this.outputs = parts.outputs;
  }

  /**
   * Structure as text: equal for two graphs exactly when they compute the same in the same way, whatever
   * the numbering of their values and the paths of their layers.
   */
  get key(): string {
    this.#key ??= structureOf(this, true);
    return this.#key;
  }

  /** 64 bits of the structure as 16 hex digits, the same in every process. */
  get hash(): string {
    return hash64(structureOf(this, false));
  }

  /** One line a node: `%3: float32[8,10] = add(%1, %2) {attr: 1}  @ layer.path`. */
  toString(): string {
    const type = (id: number) => `${this.values[id]!.dtype}${formatShape(this.values[id]!.shape)}`;
    const lines = [`graph(${this.inputs.map((id) => `%${id}: ${type(id)}`).join(', ')})`];
    for (const node of this.nodes) {
      const left = node.outputs.map((id) => `%${id}: ${type(id)}`).join(', ');
      const attrs = Object.entries(node.attrs)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `${name}: ${formatAttr(value)}`)
        .join(', ');
      lines.push(
        `  ${left} = ${node.op.name}(${node.inputs.map((id) => `%${id}`).join(', ')})` +
          (attrs === '' ? '' : ` {${attrs}}`) +
          (node.path === '' ? '' : `  @ ${node.path}`),
      );
    }
    lines.push(`  return ${this.outputs.map((id) => `%${id}`).join(', ')}`);
    return lines.join('\n');
  }
}

function formatAttr(value: AttrValue): string {
  if (value instanceof Graph) return value.toString().replaceAll('\n', '\n    ');
  if (isList(value)) return `[${value.map(formatAttr).join(',')}]`;
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

function isList(value: AttrValue): value is readonly AttrValue[] {
  return Array.isArray(value);
}

/** Canonical text of attributes: names sorted, NaN, -0 and infinities distinct. */
export function attrsKey(attrs: Attrs, exact = true): string {
  const parts: string[] = [];
  for (const name of Object.keys(attrs).sort()) {
    const value = attrs[name];
    if (value !== undefined) parts.push(`${name}=${attrKey(value, exact)}`);
  }
  return parts.join(';');
}

function attrKey(value: AttrValue, exact: boolean): string {
  if (value instanceof Graph) return `{${exact ? value.key : structureOf(value, false)}}`;
  if (isList(value)) return `[${value.map((item) => attrKey(item, exact)).join(',')}]`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) {
    // Written as text it would equal any other: plain JavaScript callers reach this.
    fail(
      'attributes',
      'a setting is not a plain value or a list of them',
      Object.prototype.toString.call(value),
    );
  }
  return String(value);
}

function avalKey(aval: Aval): string {
  return `${aval.dtype}${aval.shape.join('x')}`;
}

/** `exact` tells apart records that share a name, by numbers that differ between processes. */
function structureOf(graph: Graph, exact: boolean): string {
  const numbering = new Map<number, number>();
  const parts: string[] = [];
  for (const id of graph.inputs) {
    numbering.set(id, numbering.size);
    parts.push(avalKey(graph.values[id]!));
  }
  parts.push('|');
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => numbering.get(id)).join(',');
    const outputs = node.outputs.map((id) => {
      numbering.set(id, numbering.size);
      return avalKey(graph.values[id]!);
    });
    parts.push(
      `${node.op.name}${exact ? `#${node.op.uid}` : ''}(${inputs})${attrsKey(node.attrs, exact)}:${outputs.join(',')}\n`,
    );
  }
  parts.push('|', graph.outputs.map((id) => numbering.get(id)).join(','));
  return parts.join(' ');
}

/** FNV-1a over UTF-16 units in two independent 32-bit lanes. */
function hash64(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 0x01000193);
    b = Math.imul(b ^ (c + i), 0x85ebca6b);
    b ^= b >>> 15;
  }
  const hex = (x: number) => (x >>> 0).toString(16).padStart(8, '0');
  return hex(a) + hex(b);
}

export interface TracedGraph {
  readonly graph: Graph;
  /** Tensors that the graph reads beyond the given inputs, in the order of its extra inputs. */
  readonly captures: readonly Tensor[];
}

/**
 * The graph that computes `outputs` from `inputs`. Realised tensors and placeholders that are reached
 * but not listed become extra inputs ("captures") after the given ones. `isCapture` widens that: what it
 * accepts is read from outside instead of being computed inside.
 */
export function traceGraph(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  isCapture?: (tensor: Tensor) => boolean,
): TracedGraph {
  const values: Aval[] = [];
  const nodes: GraphNode[] = [];
  const ids = new Map<object, number[]>();
  const captures: Tensor[] = [];
  const captureIds: number[] = [];

  const declare = (tensor: Tensor): number => {
    const id = values.push({ shape: tensor.shape, dtype: tensor.dtype }) - 1;
    let list = ids.get(tensor.node);
    if (list === undefined) ids.set(tensor.node, (list = []));
    list[tensor.output] = id;
    return id;
  };
  const find = (tensor: Tensor): number | undefined => ids.get(tensor.node)?.[tensor.output];

  const inputIds = inputs.map((tensor) => declare(tensor));

  // Iterative depth-first walk: graphs of a long loop are deeper than the JavaScript stack.
  const visit = (root: Tensor): void => {
    const stack: { tensor: Tensor; next: number }[] = [{ tensor: root, next: 0 }];
    while (stack.length > 0) {
      const frame = stack[stack.length - 1]!;
      const { tensor } = frame;
      const node = tensor.node;
      if (frame.next === 0) {
        if (find(tensor) !== undefined) {
          stack.pop();
          continue;
        }
        if (node.op === null || node.isRealized(tensor.output) || isCapture?.(tensor) === true) {
          captures.push(tensor);
          captureIds.push(declare(tensor));
          stack.pop();
          continue;
        }
      }
      if (frame.next < node.inputs.length) {
        stack.push({ tensor: node.inputs[frame.next]!, next: 0 });
        frame.next += 1;
        continue;
      }
      stack.pop();
      if (find(tensor) !== undefined || node.op === null) continue;
      const list = ids.get(node) ?? [];
      ids.set(node, list);
      const outputIds = node.avals.map((aval, i) => {
        // An output that came in from outside keeps its id for readers; the node gets a fresh one.
        const id = values.push(aval) - 1;
        list[i] ??= id;
        return id;
      });
      nodes.push({
        op: node.op,
        attrs: node.attrs,
        inputs: node.inputs.map((input) => find(input)!),
        outputs: outputIds,
        path: node.path,
      });
    }
  };
  for (const tensor of outputs) visit(tensor);
  return {
    graph: new Graph({
      values,
      inputs: [...inputIds, ...captureIds],
      nodes,
      outputs: outputs.map((tensor) => find(tensor)!),
    }),
    captures,
  };
}
