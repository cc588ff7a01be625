/** Export: a module or function, traced and written as an ONNX model. */
import { HebbError, capture, fail, isDType, placeholder, realize, treeLeaves } from '@hebb/core';
import type { CapturedFunction, DType, Tensor, Variable } from '@hebb/core';
import { Module, withMode } from '@hebb/nn';
import { encodeModel } from '../codec/messages.ts';
import { IR_VERSION } from '../codec/dtypes.ts';
import type { TensorData } from '../codec/tensor.ts';
import { OnnxModel } from '../import/model.ts';
import type { ModelProto } from '../codec/types.ts';
import { canonical, mergeReshapes } from './canonical.ts';
import { foldConstants } from './constants.ts';
import { Follower } from './dims.ts';
import { Entry, Lowering } from './lower.ts';
import { tidy } from './tidy.ts';
import { valueInfo } from './types.ts';
import { GraphWriter, initializersOf, nodesOf } from './writer.ts';

/** A size, or the name of an axis whose size is open. */
export type AxisSpec = number | string;
export type InputSpec =
  readonly AxisSpec[] | { readonly shape: readonly AxisSpec[]; readonly dtype?: DType };

export interface ExportOptions {
  /** Named inputs in the order of the arguments: `{ image: ['batch', 1, 28, 28] }`. float32 unless said. */
  readonly input: Readonly<Record<string, InputSpec>>;
  /**
   * Names of the outputs, in order. Left out: the keys of a returned object, else `output`, `output_1`...
   */
  readonly output?: string | readonly string[];
  /** Operator set, 13 to 28. Default 18, which every current runtime reads. */
  readonly opset?: number;
  readonly name?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * Sizes to trace the open axes at, for models that do not work at any size: two for each name, such as
   * `{ height: [224, 256] }`.
   */
  readonly sizes?: Readonly<Record<string, readonly [number, number]>>;
}

/** What can be exported: a module, or a function from tensors to tensors. */
export type Exportable = Module | ((...inputs: Tensor[]) => unknown);

const oldestOpset = 13;
const newestOpset = 28;

/**
 * The model as the bytes of an ONNX file, in evaluation mode.
 *
 * @throws OnnxExportError, naming op and layer, for what ONNX cannot express at this opset; HebbError when
 *   the model does not take these inputs.
 */
export async function toOnnx(model: Exportable, options: ExportOptions): Promise<Uint8Array> {
  return encodeModel(await toOnnxModel(model, options));
}

/** As `toOnnx`, as an object that can be changed before it is written. */
export async function toOnnxModel(model: Exportable, options: ExportOptions): Promise<ModelProto> {
  const { opset = 18, metadata = {} } = options;
  if (!Number.isInteger(opset) || opset < oldestOpset || opset > newestOpset) {
    fail('toOnnx', 'unknown opset', String(opset), `${oldestOpset} to ${newestOpset}`);
  }
  const inputs = parseInputs(options.input);
  const traces = traceAll(model, inputs, options.sizes ?? {});
  const [base] = traces.captured as [CapturedFunction, ...CapturedFunction[]];
  if (base.written.length > 0) {
    fail('toOnnx', 'the function writes variables: only its results can be exported');
  }

  const writer = new GraphWriter();
  const follower = new Follower(writer, opset);
  const { graphs, values } = foldConstants(traces.captured);
  const inputShapes = inputs.map((_, i) => graphs.map((g) => g.values[g.inputs[i]!]!.shape));
  const entries: Entry[] = inputs.map(({ name, dtype }, i) => {
    writer.names.reserve(name);
    inputs[i]!.shape.forEach((dim, axis) => {
      if (typeof dim === 'string')
        follower.name(
          inputShapes[i]!.map((s) => s[axis]!),
          dim,
        );
    });
    follower.register(name, inputShapes[i]!);
    return new Entry({ kind: 'written', name }, inputShapes[i]!, dtype);
  });
  const outputNames = nameOutputs(
    options.output ??
      (model instanceof OnnxModel ? model.outputs.map(({ name }) => name) : undefined),
    base.result,
  );
  for (const name of outputNames) {
    if (!writer.names.reserve(name)) fail('toOnnx', `two values are called ${name}`);
  }

  const state = stateNames(model);
  const sources: { tensor: Tensor; name: string }[] = [
    ...base.variables.map((variable) => ({
      tensor: variable.peek(),
      name: state.get(variable) ?? 'variable',
    })),
    ...[...base.captures, ...values].map((tensor) => ({ tensor, name: 'const' })),
  ];
  await realize(...sources.map(({ tensor }) => tensor));
  for (const { tensor, name: wanted } of sources) {
    const name = writer.names.fresh(wanted);
    const data = await tensor.bits();
    const { shape, dtype } = tensor;
    writer.initializers.set(name, { name, dtype, shape, data } as TensorData);
    entries.push(
      new Entry(
        { kind: 'written', name },
        graphs.map(() => shape),
        dtype,
      ),
    );
  }

  const lowering = new Lowering({ writer, follower, opset });
  const results = lowering.run(graphs, entries, '');
  const made = results.map((entry) => lowering.name(entry));
  const given = inputs.map(({ name }) => name);
  const drafted = mergeReshapes({ nodes: writer.nodes, initializers: writer.initializers });
  const tidied = tidy(
    drafted,
    made.map((name, i) => ({ from: name, to: outputNames[i]! })),
    given,
  );
  const { nodes, initializers } = canonical(tidied, given);
  return {
    irVersion: irVersion(opset),
    opsetImport: [{ domain: '', version: opset }],
    producerName: 'hebb',
    producerVersion: '0.1.0',
    graph: {
      name: options.name ?? nameOf(model),
      node: nodesOf(nodes),
      initializer: initializersOf(initializers),
      sparseInitializer: [],
      input: inputs.map(({ name, dtype }, i) => valueInfo(name, dtype, inputShapes[i]!, follower)),
      output: results.map((entry, i) =>
        valueInfo(outputNames[i]!, entry.dtype, entry.shapes, follower),
      ),
      valueInfo: [],
      quantizationAnnotation: [],
      metadataProps: [],
    },
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    trainingInfo: [],
    functions: [],
    configuration: [],
  };
}

/** The oldest file format that has the opset, so that older readers accept the file. */
function irVersion(opset: number): number {
  const table: readonly (readonly [opset: number, ir: number])[] = [
    [14, 7],
    [18, 8],
    [20, 9],
    [22, 10],
    [23, 11],
    [24, 12],
    [26, 13],
  ];
  return table.find(([newest]) => opset <= newest)?.[1] ?? IR_VERSION;
}

interface ParsedInput {
  readonly name: string;
  readonly shape: readonly AxisSpec[];
  readonly dtype: DType;
}

function parseInputs(input: ExportOptions['input']): ParsedInput[] {
  return Object.entries(input).map(([name, spec]) => {
    const { shape, dtype = 'float32' } = isAxes(spec) ? { shape: spec } : spec;
    if (!isDType(dtype)) fail('toOnnx', `input ${name} has an unknown dtype`, String(dtype));
    if (!Array.isArray(shape)) fail('toOnnx', `input ${name} has no shape`);
    for (const dim of shape as readonly AxisSpec[]) {
      if (typeof dim === 'string' ? dim === '' : !Number.isSafeInteger(dim) || dim < 0) {
        fail('toOnnx', `input ${name} has a wrong axis`, JSON.stringify(dim), 'a size or a name');
      }
    }
    return { name, shape, dtype };
  });
}

const isAxes = (spec: InputSpec): spec is readonly AxisSpec[] => Array.isArray(spec);

interface Traces {
  readonly captured: readonly CapturedFunction[];
}

/** Different primes, so that no two axes agree by accident. */
const primes = [3, 5, 7, 11, 13, 17, 19, 23];
/** Multiples to try: networks with pooling or strides need a certain size, or a divisible one. */
const scales = [1, 2, 4, 8, 16, 32, 64];

/**
 * One trace at base sizes, and for each open axis two more at other sizes of it: two tell a slope, the
 * third whether the relation is linear at all (a size rounded down by a stride is not).
 */
function traceAll(
  model: Exportable,
  inputs: readonly ParsedInput[],
  sizes: NonNullable<ExportOptions['sizes']>,
): Traces {
  const names = [
    ...new Set(inputs.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string'))),
  ];
  if (names.length > primes.length) fail('toOnnx', 'too many dynamic axes', names.join(', '));
  let first: unknown;
  for (const scale of names.length === 0 ? [1] : scales) {
    const choices = names.map((name, i): [string, readonly [number, number, number]] => {
      const [low, high] = sizes[name] ?? [];
      if (low !== undefined && high !== undefined) return [name, [low, high, 2 * high - low]];
      const prime = primes[i]!;
      return [name, [prime * scale, (prime + 1) * scale, (2 * prime + 3) * scale]];
    });
    const base = new Map(choices.map(([name, [size]]) => [name, size]));
    const others = choices.flatMap(([name, [, second, third]]) => [
      new Map([...base, [name, second]]),
      new Map([...base, [name, third]]),
    ]);
    try {
      return { captured: [base, ...others].map((at) => traceAt(model, inputs, at)) };
    } catch (error) {
      if (!(error instanceof HebbError)) throw error;
      first ??= error;
    }
  }
  throw first;
}

function traceAt(
  model: Exportable,
  inputs: readonly ParsedInput[],
  sizes: ReadonlyMap<string, number>,
): CapturedFunction {
  const args = inputs.map(({ shape, dtype }) =>
    placeholder({
      shape: shape.map((dim) => (typeof dim === 'string' ? sizes.get(dim)! : dim)),
      dtype,
    }),
  );
  if (!(model instanceof Module)) return capture(model, args);
  const forward = model.forward as (...inputs: Tensor[]) => unknown;
  return withMode(model, false, () => capture(forward, args));
}

function stateNames(model: Exportable): ReadonlyMap<Variable, string> {
  const names = new Map<Variable, string>();
  if (!(model instanceof Module)) return names;
  for (const [name, variable] of model.namedState()) {
    if (!names.has(variable)) names.set(variable, name);
  }
  return names;
}

function nameOf(model: Exportable): string {
  if (model instanceof OnnxModel) return model.name;
  return (model instanceof Module ? model.constructor.name : model.name) || 'model';
}

function nameOutputs(given: ExportOptions['output'], result: unknown): string[] {
  const count = treeLeaves(result).length;
  if (count === 0) fail('toOnnx', 'the model returns no tensor');
  const names =
    given === undefined
      ? defaultNames(result, count)
      : typeof given === 'string'
        ? [given]
        : [...given];
  if (names.length !== count) {
    fail('toOnnx', 'wrong number of output names', String(names.length), String(count));
  }
  return names;
}

function defaultNames(result: unknown, count: number): string[] {
  const plain =
    typeof result === 'object' &&
    result !== null &&
    Object.getPrototypeOf(result) === Object.prototype;
  if (plain) {
    // The order of `treeLeaves`.
    const keys = Object.keys(result).sort();
    if (keys.length === count) return keys;
  }
  return Array.from({ length: count }, (_, i) => (i === 0 ? 'output' : `output_${i}`));
}
