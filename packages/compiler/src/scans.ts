/**
 * Loops as a whole: equal ones merged, dead parts dropped, sums over the steps taken out.
 *
 * The gradient of a scan runs the forward loop again with more outputs (residuals), and its backward loop
 * carries one sum for each constant. Merged and with those sums done outside as one long contraction, a
 * recurrent layer's training step does what a hand-written one does.
 */
import { Graph, attrsKey, primitives, sizeOf } from '@hebb/core';
import type { Attrs, Aval, GraphNode, Op } from '@hebb/core';

const records = new Map<string, Op>(primitives.map((op) => [op.name, op]));

const isScan = (node: GraphNode): boolean =>
  node.op.kind === 'primitive' && node.op.name === 'scan';
const bodyOf = (node: GraphNode): Graph => node.attrs['body'] as Graph;
const countOf = (node: GraphNode, name: 'constants' | 'carries' | 'length'): number =>
  node.attrs[name] as number;

export function optimizeScans(graph: Graph): Graph {
  if (!graph.nodes.some(isScan)) return graph;
  return pruneScans(extractSums(mergeScans(graph)));
}

// --- merging ---

/** Nodes of several bodies with the same inputs, equal ones made once. */
class Union {
  readonly values: Aval[] = [];
  readonly nodes: GraphNode[] = [];
  readonly inputs: readonly number[];
  readonly #known = new Map<string, readonly number[]>();

  constructor(inputs: readonly Aval[]) {
    this.inputs = inputs.map((aval) => this.values.push(aval) - 1);
  }

  /** The body's outputs as values of the union. */
  add(body: Graph): number[] {
    const ids: number[] = [];
    body.inputs.forEach((id, i) => (ids[id] = this.inputs[i]!));
    for (const node of body.nodes) {
      const inputs = node.inputs.map((id) => ids[id]!);
      const key = `${node.op.uid}(${inputs.join(',')})${attrsKey(node.attrs)}`;
      let outputs = this.#known.get(key);
      if (outputs === undefined) {
        outputs = node.outputs.map((id) => this.values.push(body.values[id]!) - 1);
        this.#known.set(key, outputs);
        this.nodes.push({ ...node, inputs, outputs });
      }
      node.outputs.forEach((id, i) => (ids[id] = outputs[i]!));
    }
    return body.outputs.map((id) => ids[id]!);
  }
}

/** Loops over the same inputs whose carries agree become one with the outputs of all. */
function mergeScans(graph: Graph): Graph {
  const groups = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    if (!isScan(node)) continue;
    const { body: _, ...rest } = node.attrs;
    const key = `${node.inputs.join(',')};${attrsKey(rest)}`;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  const replaced = new Map<GraphNode, GraphNode | undefined>();
  const renamed = new Map<number, number>();
  const values = [...graph.values];
  for (const group of groups.values()) {
    if (group.length < 2) continue;
    const [first] = group as [GraphNode];
    const carries = countOf(first, 'carries');
    const body = bodyOf(first);
    const union = new Union(body.inputs.map((id) => body.values[id]!));
    const outputs = group.map((node) => union.add(bodyOf(node)));
    const agree = outputs.every((list) =>
      list.slice(0, carries).every((id, k) => id === outputs[0]![k]),
    );
    if (!agree) continue;
    const stacked = [...new Set(outputs.flatMap((list) => list.slice(carries)))];
    const results = [...outputs[0]!.slice(0, carries), ...stacked];
    const length = countOf(first, 'length');
    const ids = results.map((id, k) => {
      const { shape, dtype } = union.values[id]!;
      return values.push({ dtype, shape: k < carries ? shape : [length, ...shape] }) - 1;
    });
    group.forEach((node, g) => {
      node.outputs.forEach((id, k) => {
        const at = k < carries ? k : carries + stacked.indexOf(outputs[g]![k]!);
        renamed.set(id, ids[at]!);
      });
      replaced.set(node, undefined);
    });
    const merged = new Graph({
      values: union.values,
      inputs: union.inputs,
      nodes: union.nodes,
      outputs: results,
    });
    replaced.set(first, { ...first, attrs: { ...first.attrs, body: merged }, outputs: ids });
  }
  if (replaced.size === 0) return graph;
  const name = (id: number): number => renamed.get(id) ?? id;
  const nodes = graph.nodes.flatMap((node) => {
    const now = replaced.has(node) ? replaced.get(node) : node;
    return now === undefined ? [] : [{ ...now, inputs: now.inputs.map(name) }];
  });
  return new Graph({ values, inputs: graph.inputs, nodes, outputs: graph.outputs.map(name) });
}

// --- sums over the steps ---

/** Stacking a summand takes memory for every step: at most this many elements. */
const MANY = 1 << 24;

interface Rewriter {
  readonly values: Aval[];
  readonly nodes: GraphNode[];
  readonly path: string;
}

function apply(rewriter: Rewriter, name: string, inputs: readonly number[], attrs: Attrs): number {
  const op = records.get(name)!;
  const [aval] = op.infer(
    inputs.map((id) => rewriter.values[id]!),
    attrs,
  );
  const id = rewriter.values.push(aval!) - 1;
  rewriter.nodes.push({ op, attrs, inputs, outputs: [id], path: rewriter.path });
  return id;
}

function extractSums(graph: Graph): Graph {
  const values = [...graph.values];
  const nodes: GraphNode[] = [];
  const renamed = new Map<number, number>();
  const name = (id: number): number => renamed.get(id) ?? id;
  for (const node of graph.nodes) {
    const moved = { ...node, inputs: node.inputs.map(name) };
    // Where steps are computed again, so that they need not be kept, summands are not kept either.
    if (isScan(node) && node.attrs['recompute'] !== true)
      extractFrom(moved, { values, nodes, path: node.path }, renamed);
    else nodes.push(moved);
  }
  return new Graph({ values, inputs: graph.inputs, nodes, outputs: graph.outputs.map(name) });
}

/** How the sum of a value over all steps is made outside, from stacked values of the body. */
interface Summand {
  /** Values of the body that are needed stacked. */
  readonly needs: readonly number[];
  build(rewriter: Rewriter, stacked: readonly number[]): number;
}

function extractFrom(node: GraphNode, rewriter: Rewriter, renamed: Map<number, number>): void {
  const body = bodyOf(node);
  const constants = countOf(node, 'constants');
  const carries = countOf(node, 'carries');
  const length = countOf(node, 'length');
  const found: { carry: number; summand: Summand }[] = [];
  const producer = new Map<number, GraphNode>();
  const uses = new Map<number, number>();
  for (const inner of body.nodes) {
    for (const id of inner.outputs) producer.set(id, inner);
    for (const id of inner.inputs) uses.set(id, (uses.get(id) ?? 0) + 1);
  }
  for (const id of body.outputs) uses.set(id, (uses.get(id) ?? 0) + 1);
  for (let k = 0; k < carries; k++) {
    const input = body.inputs[constants + k]!;
    const output = body.outputs[k]!;
    const add = producer.get(output);
    if (add?.op.name !== 'add' || add.op.kind !== 'primitive' || uses.get(input) !== 1) continue;
    if (uses.get(output) !== 1 || !add.inputs.includes(input)) continue;
    const term = add.inputs[0] === input ? add.inputs[1]! : add.inputs[0]!;
    if (term === input) continue;
    const summand = summandOf(body, term, producer, length);
    if (summand !== undefined) found.push({ carry: k, summand });
  }
  if (found.length === 0 || length === 0) {
    rewriter.nodes.push(node);
    return;
  }
  const gone = new Set(found.map(({ carry }) => carry));
  const keptCarries = Array.from({ length: carries }, (_, k) => k).filter((k) => !gone.has(k));
  // Stacked already: sequences, and outputs of the body. The rest becomes an output.
  const outputs = [...keptCarries.map((k) => body.outputs[k]!), ...body.outputs.slice(carries)];
  const ids = [...keptCarries.map((k) => node.outputs[k]!), ...node.outputs.slice(carries)];
  const stacked = new Map<number, number>();
  body.inputs.forEach((id, i) => {
    if (i >= constants + carries) stacked.set(id, node.inputs[i]!);
  });
  outputs.forEach((id, i) => {
    if (i >= keptCarries.length) stacked.set(id, ids[i]!);
  });
  for (const { summand } of found) {
    for (const id of summand.needs) {
      if (stacked.has(id)) continue;
      const { shape, dtype } = body.values[id]!;
      const fresh = rewriter.values.push({ dtype, shape: [length, ...shape] }) - 1;
      outputs.push(id);
      ids.push(fresh);
      stacked.set(id, fresh);
    }
  }
  const keep = (_: number, i: number): boolean =>
    i < constants || i >= constants + carries || !gone.has(i - constants);
  const smaller = new Graph({ ...partsOf(body), inputs: body.inputs.filter(keep), outputs });
  rewriter.nodes.push({
    ...node,
    attrs: { ...node.attrs, body: dropDead(smaller), carries: keptCarries.length },
    inputs: node.inputs.filter(keep),
    outputs: ids,
  });
  for (const { carry, summand } of found) {
    const sum = summand.build(
      rewriter,
      summand.needs.map((id) => stacked.get(id)!),
    );
    const initial = node.inputs[constants + carry]!;
    renamed.set(node.outputs[carry]!, apply(rewriter, 'add', [initial, sum], {}));
  }
}

const partsOf = ({ values, inputs, nodes, outputs }: Graph) => ({ values, inputs, nodes, outputs });

function summandOf(
  body: Graph,
  term: number,
  producer: ReadonlyMap<number, GraphNode>,
  length: number,
): Summand | undefined {
  const node = producer.get(term);
  const isPrimitive = node?.op.kind === 'primitive';
  if (isPrimitive && node.op.name === 'matmul') return contraction(body, node, producer);
  if (isPrimitive && node.op.name === 'sum') {
    const [source] = node.inputs as [number];
    const axes = node.attrs['axes'] as readonly number[];
    if (!producer.has(source) && !body.inputs.includes(source)) return undefined;
    return {
      needs: [source],
      build: (rewriter, [x]) =>
        apply(rewriter, 'sum', [x!], { axes: [0, ...axes.map((axis) => axis + 1)] }),
    };
  }
  if (isPrimitive && node.op.name === 'reshape') {
    const inner = summandOf(body, node.inputs[0]!, producer, length);
    if (inner === undefined) return undefined;
    return {
      needs: inner.needs,
      build: (rewriter, stacked) =>
        apply(rewriter, 'reshape', [inner.build(rewriter, stacked)], node.attrs),
    };
  }
  const { shape } = body.values[term]!;
  if (node === undefined || sizeOf(shape) * length > MANY) return undefined;
  return { needs: [term], build: (rewriter, [x]) => apply(rewriter, 'sum', [x!], { axes: [0] }) };
}

/** Σ over steps of a · b as one product whose inner axis runs over the steps too. */
function contraction(
  body: Graph,
  node: GraphNode,
  producer: ReadonlyMap<number, GraphNode>,
): Summand | undefined {
  const [a, b] = node.inputs as [number, number];
  const [left, right] = [body.values[a]!, body.values[b]!];
  if (left.shape.length !== 2 || right.shape.length !== 2) return undefined;
  if (a === b || !stackable(body, a, producer) || !stackable(body, b, producer)) return undefined;
  return {
    needs: [a, b],
    build: (rewriter, [x, y]) =>
      apply(
        rewriter,
        'matmul',
        [
          longAxis(rewriter, x!, node.attrs['transposeA'] === true ? 0 : 1),
          longAxis(rewriter, y!, node.attrs['transposeB'] === true ? 1 : 0),
        ],
        node.attrs,
      ),
  };
}

/** Changes from step to step, so that a stack of it is no waste. */
function stackable(body: Graph, id: number, producer: ReadonlyMap<number, GraphNode>): boolean {
  return producer.has(id) || body.inputs.includes(id);
}

/** [T, p, q] with the steps joined to axis 0 or 1 of the matrix. */
function longAxis(rewriter: Rewriter, id: number, axis: number): number {
  const [length, p, q] = rewriter.values[id]!.shape as [number, number, number];
  if (axis === 0) return apply(rewriter, 'reshape', [id], { shape: [length * p, q] });
  const moved = apply(rewriter, 'permute', [id], { axes: [1, 0, 2] });
  return apply(rewriter, 'reshape', [moved], { shape: [p, length * q] });
}

// --- dead parts ---

function dropDead(graph: Graph): Graph {
  const live = new Set(graph.outputs);
  const nodes: GraphNode[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (!node.outputs.some((id) => live.has(id))) continue;
    nodes.push(node);
    for (const id of node.inputs) live.add(id);
  }
  return new Graph({ ...partsOf(graph), nodes: nodes.reverse() });
}

/** Drops outputs and carries of loops that nothing needs, and inputs that their bodies no longer read. */
function pruneScans(graph: Graph): Graph {
  const live = new Set(graph.outputs);
  const nodes: GraphNode[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    let node = graph.nodes[i]!;
    if (!node.outputs.some((id) => live.has(id))) continue;
    if (isScan(node)) node = pruneScan(node, live);
    nodes.push(node);
    for (const id of node.inputs) live.add(id);
  }
  return new Graph({ ...partsOf(graph), nodes: nodes.reverse() });
}

function pruneScan(node: GraphNode, live: ReadonlySet<number>): GraphNode {
  const body = bodyOf(node);
  const constants = countOf(node, 'constants');
  const carries = countOf(node, 'carries');
  const wanted = new Set<number>();
  node.outputs.forEach((id, k) => {
    if (live.has(id)) wanted.add(k);
  });
  // A carry is needed when its last value is, or when a later step's needed output depends on it.
  let needed: Set<number>;
  for (;;) {
    needed = reads(body, wanted);
    const before = wanted.size;
    for (let k = 0; k < carries; k++) if (needed.has(body.inputs[constants + k]!)) wanted.add(k);
    if (wanted.size === before) break;
  }
  const keepInput = (_: number, i: number): boolean =>
    i >= constants && i < constants + carries
      ? wanted.has(i - constants)
      : needed.has(body.inputs[i]!);
  const inputs = node.inputs.filter(keepInput);
  if (inputs.length === node.inputs.length && wanted.size === node.outputs.length) return node;
  const smaller = dropDead(
    new Graph({
      ...partsOf(body),
      inputs: body.inputs.filter(keepInput),
      outputs: body.outputs.filter((_, k) => wanted.has(k)),
    }),
  );
  const keptConstants = node.inputs.slice(0, constants).filter((_, i) => keepInput(0, i)).length;
  const keptCarries = [...wanted].filter((k) => k < carries).length;
  return {
    ...node,
    attrs: { ...node.attrs, body: smaller, constants: keptConstants, carries: keptCarries },
    inputs,
    outputs: node.outputs.filter((_, k) => wanted.has(k)),
  };
}

/** Values of the body that the outputs at the given positions depend on. */
function reads(body: Graph, wanted: ReadonlySet<number>): Set<number> {
  const live = new Set(body.outputs.filter((_, k) => wanted.has(k)));
  for (let i = body.nodes.length - 1; i >= 0; i--) {
    const { outputs, inputs } = body.nodes[i]!;
    if (outputs.some((id) => live.has(id))) for (const id of inputs) live.add(id);
  }
  return live;
}
