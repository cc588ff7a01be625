/**
 * Two ways to run a model, side by side: every value that its nodes make is compared, and the first node
 * that makes something different from the same inputs is named.
 */
import { withBackend } from '@hebb/core';
import type { Backend } from '@hebb/core';
import { makeValueInfo } from '../codec/build.ts';
import { encodeModel } from '../codec/messages.ts';
import type { TensorData } from '../codec/tensor.ts';
import type { ModelProto, NodeProto, ValueInfoProto } from '../codec/types.ts';
import { isTensor } from '../codec/value.ts';
import type { OnnxValue } from '../codec/value.ts';
import { OnnxModel } from '../import/model.ts';
import type { ImportOptions } from '../import/model.ts';
import { hostNumbersOf } from '../import/numbers.ts';
import { compareTensors, modelTolerance } from './compare.ts';
import type { Tolerance } from './compare.ts';
import type { Runtime } from './runtime.ts';

/** A model that is ready to run. */
export interface OpenModel {
  run(inputs: Readonly<Record<string, TensorData>>): Promise<Readonly<Record<string, OnnxValue>>>;
  release(): Promise<void>;
}

/** Something that runs models: a backend of Hebb, or another runtime. */
export interface Computer {
  readonly name: string;
  open(model: ModelProto): Promise<OpenModel>;
}

export function backendComputer(backend: Backend, options: ImportOptions = {}): Computer {
  return {
    name: backend.name,
    open(proto) {
      const model = new OnnxModel(proto, options);
      return Promise.resolve({
        run: (inputs) => withBackend(backend, () => model.runValues(inputs)),
        release: () => Promise.resolve(),
      });
    },
  };
}

export function runtimeComputer(runtime: Runtime): Computer {
  return { name: runtime.name, open: (model) => runtime.load(encodeModel(model)) };
}

async function runOnce(
  computer: Computer,
  model: ModelProto,
  inputs: Readonly<Record<string, TensorData>>,
): Promise<Readonly<Record<string, OnnxValue>>> {
  const opened = await computer.open(model);
  try {
    return await opened.run(inputs);
  } finally {
    await opened.release();
  }
}

export interface ValueDifference {
  readonly value: string;
  readonly operator: string;
  /** The node's name, else that of its first output. */
  readonly node: string;
  readonly shape: readonly number[];
  readonly ok: boolean;
  readonly maxError: number;
  /** Elements that are NaN or infinite, in either. */
  readonly notFinite: { readonly a: number; readonly b: number };
  readonly reason?: string;
}

export interface DiffReport {
  readonly a: string;
  readonly b: string;
  readonly ok: boolean;
  /** Every tensor that a node makes, in the order of the graph. */
  readonly values: readonly ValueDifference[];
  /** The first node whose result differs although its inputs agree. */
  readonly first?: ValueDifference;
  /** The first node that makes NaN or infinity from finite numbers, whether or not the two agree. */
  readonly firstNotFinite?: ValueDifference;
  /**
   * The outputs when nothing else is asked for. Where only these differ, it is the fusion of nodes that does
   * it, which looking at every value prevents.
   */
  readonly outputs: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly maxError: number;
  }[];
  /** A model of the first differing node alone with its inputs and `a`'s outputs; see `writeReproduction`. */
  readonly reproduction?: Reproduction;
}

export interface Reproduction {
  readonly model: ModelProto;
  readonly inputs: readonly TensorData[];
  readonly outputs: readonly TensorData[];
}

export interface DiffOptions {
  /** The one that counts as right. */
  readonly a: Computer;
  readonly b: Computer;
  readonly inputs: Readonly<Record<string, TensorData>>;
  readonly tolerance?: Tolerance;
}

/** Errors as those of the two computers. */
export async function diffModel(
  model: ModelProto,
  { a, b, inputs, tolerance = modelTolerance }: DiffOptions,
): Promise<DiffReport> {
  const plainA = await runOnce(a, model, inputs);
  const plainB = await runOnce(b, model, inputs);
  const outputs = Object.entries(plainA).map(([name, wanted]) => {
    const compared = compare(plainB[name], wanted, tolerance);
    return { name, ok: compared.ok, maxError: compared.maxError };
  });
  const nodes = model.graph?.node ?? [];
  const names = nodes.flatMap((node) => node.output.filter((name) => name !== ''));
  // The first run tells the types, which other runtimes want to know.
  const fromA = await runOnce(a, probed(model, names.map(untyped)), inputs);
  const tensors = names.filter((name) => isTensor(fromA[name] ?? noTensor));
  const infos = tensors.map((name) => makeValueInfo(name, (fromA[name] as TensorData).dtype));
  const fromB = await runOnce(b, probed(model, infos), inputs);

  const known = new Map<string, ValueDifference>();
  const isOk = (name: string): boolean => known.get(name)?.ok ?? true;
  const isFinite = (name: string): boolean => {
    const counts = known.get(name)?.notFinite;
    return counts === undefined || counts.a + counts.b === 0;
  };
  let first: [ValueDifference, NodeProto] | undefined;
  let firstNotFinite: ValueDifference | undefined;
  for (const node of ordered(nodes, new Set(tensors))) {
    const reads = node.input.filter((name) => name !== '');
    for (const name of node.output) {
      const wanted = fromA[name];
      if (wanted === undefined || !isTensor(wanted)) continue;
      const actual = fromB[name];
      const found: ValueDifference = {
        value: name,
        operator: node.opType ?? '',
        node: node.name || (node.output.find((output) => output !== '') ?? ''),
        shape: wanted.shape,
        ...compare(actual, wanted, tolerance),
        notFinite: {
          a: notFinite(wanted),
          b: actual !== undefined && isTensor(actual) ? notFinite(actual) : 0,
        },
      };
      known.set(name, found);
      if (!found.ok && first === undefined && reads.every(isOk)) first = [found, node];
      if (firstNotFinite === undefined && !isFinite(name) && reads.every(isFinite)) {
        firstNotFinite = found;
      }
    }
  }
  const values = [...known.values()];
  const context = { model, inputs, values: fromA };
  return {
    a: a.name,
    b: b.name,
    ok: values.every(({ ok }) => ok) && outputs.every(({ ok }) => ok),
    values,
    ...(first === undefined ? {} : { first: first[0], ...reproduce(first[1], context) }),
    ...(firstNotFinite === undefined ? {} : { firstNotFinite }),
    outputs,
  };
}

const noTensor: OnnxValue = { kind: 'optional', elemType: 0 };
const untyped = (name: string): ValueInfoProto => ({ name, metadataProps: [] });

/** The model with every one of these values as an output, after its own. */
function probed(model: ModelProto, infos: readonly ValueInfoProto[]): ModelProto {
  const graph = model.graph!;
  const own = new Set(graph.output.map(({ name }) => name));
  const more = infos.filter(({ name }) => !own.has(name));
  return { ...model, graph: { ...graph, output: [...graph.output, ...more] } };
}

/** Nodes after those they read from, whatever their order in the file. */
function ordered(nodes: readonly NodeProto[], made: ReadonlySet<string>): readonly NodeProto[] {
  const done = new Set<string>();
  const result: NodeProto[] = [];
  let rest = [...nodes];
  while (rest.length > 0) {
    const later: NodeProto[] = [];
    for (const node of rest) {
      const ready = node.input.every((name) => !made.has(name) || done.has(name));
      if (!ready) {
        later.push(node);
        continue;
      }
      result.push(node);
      node.output.forEach((name) => done.add(name));
    }
    if (later.length === rest.length) return [...result, ...later];
    rest = later;
  }
  return result;
}

function compare(
  actual: OnnxValue | undefined,
  wanted: OnnxValue,
  tolerance: Tolerance,
): { ok: boolean; maxError: number; reason?: string } {
  if (!isTensor(wanted)) return { ok: true, maxError: 0 };
  if (actual === undefined || !isTensor(actual)) {
    return { ok: false, maxError: Infinity, reason: 'is not given' };
  }
  return compareTensors(actual, wanted, tolerance);
}

function notFinite(tensor: TensorData): number {
  if (!/^b?float/.test(tensor.dtype)) return 0;
  let count = 0;
  const numbers = hostNumbersOf(tensor);
  for (let i = 0; i < numbers.length; i++) if (!Number.isFinite(Number(numbers[i]))) count += 1;
  return count;
}

interface Context {
  readonly model: ModelProto;
  readonly inputs: Readonly<Record<string, TensorData>>;
  readonly values: Readonly<Record<string, OnnxValue>>;
}

/** The node with what it reads: constants stay constants, computed values become inputs. */
function reproduce(
  node: NodeProto,
  { model, inputs, values }: Context,
): { reproduction?: Reproduction } {
  const graph = model.graph!;
  const reads = new Set(readsOf(node));
  const constants = graph.initializer.filter(({ name }) => reads.has(name ?? ''));
  const fixed = new Set(constants.map(({ name }) => name));
  const given: TensorData[] = [];
  for (const name of reads) {
    if (fixed.has(name)) continue;
    const value = inputs[name] ?? values[name];
    // A value of the node's own subgraph is no input; neither is what is no tensor.
    if (value === undefined) continue;
    if (!isTensor(value)) return {};
    given.push({ ...value, name });
  }
  const outputs = node.output.flatMap((name) => {
    const value = values[name];
    return name !== '' && value !== undefined && isTensor(value) ? [{ ...value, name }] : [];
  });
  const info = (tensor: TensorData) => makeValueInfo(tensor.name ?? '', tensor.dtype, tensor.shape);
  return {
    reproduction: {
      model: {
        ...model,
        trainingInfo: [],
        graph: {
          ...graph,
          name: node.name || (node.opType ?? 'node'),
          node: [node],
          initializer: constants,
          sparseInitializer: graph.sparseInitializer.filter(({ values: part }) =>
            reads.has(part?.name ?? ''),
          ),
          input: given.map(info),
          output: outputs.map(info),
          valueInfo: [],
          quantizationAnnotation: [],
        },
      },
      inputs: given,
      outputs,
    },
  };
}

function readsOf(node: NodeProto): string[] {
  const reads = node.input.filter((name) => name !== '');
  for (const { g } of node.attribute) {
    if (g === undefined) continue;
    reads.push(...g.node.flatMap(readsOf), ...g.output.map(({ name }) => name ?? ''));
  }
  return reads;
}
