/**
 * A model's graphs made ready to run: nodes checked and put in order, each with its operator, subgraphs
 * and functions prepared in turn. What is wrong with a graph is found here, before anything runs.
 */
import { tensorFromProto } from '../codec/tensor.ts';
import type { ExternalResolver } from '../codec/external.ts';
import { sparseFromProto } from '../codec/value.ts';
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  ValueInfoProto,
} from '../codec/types.ts';
import { Attributes } from './attributes.ts';
import { OnnxImportError, invalid } from './error.ts';
import { sparseToDense } from './sparse.ts';
import { entryAt } from './table.ts';
import type { OperatorEntry, OperatorTable } from './table.ts';
import type { HostTensor } from './value.ts';

export interface Program {
  readonly name: string;
  /** Names that must be given: inputs without an initialiser of the same name. */
  readonly inputs: readonly string[];
  readonly inputInfo: readonly ValueInfoProto[];
  readonly outputs: readonly string[];
  readonly outputInfo: readonly ValueInfoProto[];
  readonly initializers: ReadonlyMap<string, HostTensor>;
  readonly nodes: readonly ProgramNode[];
}

export interface ProgramNode {
  readonly op: string;
  readonly domain: string;
  readonly opset: number;
  /** The node's own name, else that of its first output: what errors and layer paths show. */
  readonly label: string;
  /** Names; '' where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  readonly body:
    | { readonly kind: 'operator'; readonly entry: OperatorEntry }
    | { readonly kind: 'function'; readonly program: Program };
  readonly graphs: ReadonlyMap<string, Program>;
  /** Values of this graph that nothing after this node reads. */
  readonly lastUses: readonly string[];
}

/** Operator tables by domain; '' is ai.onnx. */
export type Domains = ReadonlyMap<string, OperatorTable>;

export interface PrepareOptions {
  readonly domains: Domains;
  readonly resolve?: ExternalResolver;
}

/** Nesting of subgraphs and functions; deeper ones are refused instead of exhausting the stack. */
const maxDepth = 64;

/** Nodes with those of all calls of functions: a few lines of functions that call each other double it. */
const maxNodes = 2 ** 18;

const normalDomain = (domain: string | undefined): string =>
  domain === undefined || domain === 'ai.onnx' ? '' : domain;

/** @throws OnnxImportError naming the node for unsupported operators, cycles and missing values. */
export function prepareModel(model: ModelProto, options: PrepareOptions): Program {
  if (model.graph === undefined) invalid('model', 'it has no graph');
  const opsets = opsetMap(model.opsetImport);
  // Models from before opsets existed mean version 1.
  if (!opsets.has('') && model.opsetImport.length === 0) opsets.set('', 1);
  const functions = new Map<string, FunctionProto>();
  for (const fn of model.functions) {
    functions.set(functionKey(fn.domain, fn.name, fn.overload), fn);
  }
  const preparer = new Preparer(options, functions);
  return preparer.graph(model.graph, opsets, new Set(), [], undefined);
}

function opsetMap(list: ModelProto['opsetImport']): Map<string, number> {
  return new Map(list.map(({ domain, version }) => [normalDomain(domain), version ?? 0]));
}

const functionKey = (domain?: string, name?: string, overload?: string): string =>
  `${normalDomain(domain)}:${name ?? ''}:${overload ?? ''}`;

type Opsets = ReadonlyMap<string, number>;

class Preparer {
  readonly #options: PrepareOptions;
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  #nodes = 0;

  constructor(options: PrepareOptions, functions: ReadonlyMap<string, FunctionProto>) {
    this.#options = options;
    this.#functions = functions;
  }

  graph(
    graph: GraphProto,
    opsets: Opsets,
    outer: ReadonlySet<string>,
    trail: readonly string[],
    attributes: ReadonlyMap<string, AttributeProto> | undefined,
  ): Program {
    const initializers = new Map<string, HostTensor>();
    const options = this.#options.resolve === undefined ? {} : { resolve: this.#options.resolve };
    for (const proto of graph.initializer) {
      if (proto.name === undefined || proto.name === '') {
        invalid('initializer', 'an initialiser has no name');
      }
      initializers.set(proto.name, tensorFromProto(proto, options));
    }
    for (const proto of graph.sparseInitializer) {
      const dense = sparseToDense(sparseFromProto(proto, options));
      initializers.set(proto.values?.name ?? '', dense);
    }
    const inputNames = graph.input.map((info) => info.name ?? '');
    return this.#program({
      name: graph.name ?? '',
      inputs: inputNames.filter((name) => !initializers.has(name)),
      inputInfo: graph.input,
      outputs: graph.output.map((info) => info.name ?? ''),
      outputInfo: graph.output,
      initializers,
      protos: graph.node,
      known: [...inputNames, ...initializers.keys()],
      opsets,
      outer,
      trail,
      attributes,
    });
  }

  function(fn: FunctionProto, call: NodeProto, opsets: Opsets, trail: readonly string[]): Program {
    // A call's attributes, with the function's defaults for those left out.
    const attributes = new Map<string, AttributeProto>();
    for (const attribute of [...fn.attributeProto, ...call.attribute]) {
      attributes.set(attribute.name ?? '', attribute);
    }
    const own = opsetMap(fn.opsetImport);
    return this.#program({
      name: fn.name ?? '',
      inputs: fn.input,
      inputInfo: [],
      outputs: fn.output,
      outputInfo: [],
      initializers: new Map(),
      protos: fn.node,
      known: fn.input,
      opsets: own.size === 0 ? opsets : own,
      outer: new Set(),
      trail,
      attributes,
    });
  }

  #program(parts: {
    name: string;
    inputs: readonly string[];
    inputInfo: readonly ValueInfoProto[];
    outputs: readonly string[];
    outputInfo: readonly ValueInfoProto[];
    initializers: ReadonlyMap<string, HostTensor>;
    protos: readonly NodeProto[];
    known: readonly string[];
    opsets: Opsets;
    outer: ReadonlySet<string>;
    trail: readonly string[];
    attributes: ReadonlyMap<string, AttributeProto> | undefined;
  }): Program {
    const { name, inputs, inputInfo, outputs, outputInfo, initializers, outer, trail } = parts;
    if (trail.length > maxDepth) {
      invalid(name, `subgraphs and functions are nested deeper than ${maxDepth}`);
    }
    const available = new Set(parts.known);
    const ordered = inOrder(parts.protos, available, outer, name);
    for (const output of outputs) {
      // An output of a subgraph may be a value from around it.
      if (output !== '' && !available.has(output) && !outer.has(output)) {
        invalid(name === '' ? 'graph' : name, `output ${output} is made by no node`);
      }
    }
    const visible = new Set([...outer, ...available]);
    const nodes = ordered.map((proto) =>
      this.#node(proto, parts.opsets, visible, trail, parts.attributes),
    );
    return {
      name,
      inputs,
      inputInfo,
      outputs,
      outputInfo,
      initializers,
      nodes: withLastUses(nodes, new Set(outputs), new Set(initializers.keys())),
    };
  }

  #node(
    proto: NodeProto,
    opsets: Opsets,
    visible: ReadonlySet<string>,
    trail: readonly string[],
    callAttributes: ReadonlyMap<string, AttributeProto> | undefined,
  ): ProgramNode {
    const op = proto.opType ?? '';
    const domain = normalDomain(proto.domain);
    const label = proto.name || proto.output.find((output) => output !== '') || op;
    const refuse = (message: string, kind: 'invalid' | 'unsupported' = 'invalid'): never => {
      throw new OnnxImportError(kind, message, { op: op || 'node', path: label });
    };
    if (op === '') refuse('the node has no operator');
    this.#nodes += 1;
    if (this.#nodes > maxNodes) refuse(`with all functions there are more than ${maxNodes} nodes`);

    const protoAttributes = resolveReferences(proto.attribute, callAttributes);
    const attributes = new Attributes(op, protoAttributes);
    const key = functionKey(domain, op, proto.overload);
    const fn = this.#functions.get(key);
    const graphs = new Map<string, Program>();
    for (const attribute of protoAttributes) {
      if (attribute.g === undefined || attribute.name === undefined) continue;
      graphs.set(
        attribute.name,
        this.graph(attribute.g, opsets, visible, [...trail, attribute.name], callAttributes),
      );
    }
    const opset = opsets.get(domain) ?? 0;
    const head = { op, domain, opset, label, inputs: proto.input, outputs: proto.output };
    const rest = { attributes, graphs, lastUses: [] };
    if (fn !== undefined) {
      if (trail.includes(key)) refuse(`function ${op} calls itself`);
      const program = this.function(fn, { ...proto, attribute: protoAttributes }, opsets, [
        ...trail,
        key,
      ]);
      return { ...head, ...rest, body: { kind: 'function', program } };
    }
    const table = this.#options.domains.get(domain);
    const entries = table !== undefined && Object.hasOwn(table, op) ? table[op]! : [];
    const where = `domain ${domain === '' ? 'ai.onnx' : domain}, opset ${opset === 0 ? 'none' : opset}`;
    if (entries.length === 0) {
      refuse(`operator ${op} (${where}) is not supported`, 'unsupported');
    }
    const entry =
      entryAt(entries, opset === 0 ? Infinity : opset) ??
      refuse(`operator ${op} does not exist (${where})`);
    return { ...head, ...rest, body: { kind: 'operator', entry } };
  }
}

/** Attributes with references to the enclosing function's attributes replaced; unset ones are left out. */
function resolveReferences(
  attributes: readonly AttributeProto[],
  call: ReadonlyMap<string, AttributeProto> | undefined,
): readonly AttributeProto[] {
  if (attributes.every((attribute) => !attribute.refAttrName)) return attributes;
  const result: AttributeProto[] = [];
  for (const attribute of attributes) {
    if (!attribute.refAttrName) {
      result.push(attribute);
      continue;
    }
    const given = call?.get(attribute.refAttrName);
    if (given === undefined) continue;
    const { name: _, ...value } = given;
    result.push(attribute.name === undefined ? value : { ...value, name: attribute.name });
  }
  return result;
}

/** Names that a node reads: its inputs, and what its subgraphs take from around them. */
function readsOf(proto: NodeProto): string[] {
  const reads = proto.input.filter((input) => input !== '');
  for (const { g } of proto.attribute) if (g !== undefined) reads.push(...freeNames(g));
  return reads;
}

function freeNames(graph: GraphProto): string[] {
  const own = new Set<string>();
  for (const { name } of [...graph.input, ...graph.initializer]) own.add(name ?? '');
  for (const node of graph.node) for (const output of node.output) own.add(output);
  const reads = graph.node.flatMap(readsOf);
  reads.push(...graph.output.map((info) => info.name ?? ''));
  return reads.filter((name) => name !== '' && !own.has(name));
}

/**
 * The nodes in an order in which each value exists before it is read (Kahn 1962; the file's own order
 * where that works). `available` grows by what the nodes make. Throws for a cycle or a missing value.
 */
function inOrder(
  protos: readonly NodeProto[],
  available: Set<string>,
  outer: ReadonlySet<string>,
  graphName: string,
): readonly NodeProto[] {
  const makers = new Map<string, number>();
  protos.forEach((proto, i) => {
    for (const output of proto.output) {
      if (output === '') continue;
      if (makers.has(output) || available.has(output)) {
        throw new OnnxImportError('invalid', `value ${output} is made twice`, {
          op: proto.opType ?? 'node',
          path: proto.name || output,
        });
      }
      makers.set(output, i);
    }
  });
  const waiting = new Array<number>(protos.length).fill(0);
  const readers = new Map<number, number[]>();
  protos.forEach((proto, i) => {
    for (const read of new Set(readsOf(proto))) {
      if (available.has(read)) continue;
      const maker = makers.get(read);
      if (maker === undefined) {
        if (outer.has(read)) continue;
        throw new OnnxImportError('invalid', `input ${read} is made by no node and is no input`, {
          op: proto.opType ?? 'node',
          path: proto.name || proto.output[0] || graphName,
        });
      }
      waiting[i]! += 1;
      const list = readers.get(maker);
      if (list === undefined) readers.set(maker, [i]);
      else list.push(i);
    }
  });
  const order: number[] = [];
  const ready: number[] = [];
  for (let i = protos.length - 1; i >= 0; i--) if (waiting[i] === 0) ready.push(i);
  while (ready.length > 0) {
    const i = ready.pop()!;
    order.push(i);
    for (const reader of readers.get(i) ?? []) {
      waiting[reader]! -= 1;
      if (waiting[reader] === 0) ready.push(reader);
    }
  }
  if (order.length < protos.length) {
    const stuck = protos[waiting.findIndex((count) => count > 0)]!;
    throw new OnnxImportError('invalid', 'the graph has a cycle through this node', {
      op: stuck.opType ?? 'node',
      path: stuck.name || stuck.output[0] || graphName,
    });
  }
  for (const name of makers.keys()) available.add(name);
  const inFileOrder = order.every((node, k) => k === 0 || node > order[k - 1]!);
  return inFileOrder ? protos : order.map((i) => protos[i]!);
}

function withLastUses(
  nodes: readonly ProgramNode[],
  kept: ReadonlySet<string>,
  initializers: ReadonlySet<string>,
): readonly ProgramNode[] {
  const seen = new Set<string>();
  const result: ProgramNode[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    const lastUses: string[] = [];
    for (const name of new Set([...node.inputs, ...node.outputs, ...outerReads(node)])) {
      if (name === '' || kept.has(name) || seen.has(name) || initializers.has(name)) continue;
      seen.add(name);
      lastUses.push(name);
    }
    result.push({ ...node, lastUses });
  }
  return result.reverse();
}

/** What the node's subgraphs read from around them. */
function outerReads(node: ProgramNode): string[] {
  const reads: string[] = [];
  for (const program of node.graphs.values()) {
    for (const inner of program.nodes) reads.push(...inner.inputs, ...outerReads(inner));
    reads.push(...program.outputs);
  }
  return reads;
}
