/** An imported model: runs on the current backend, and is a module that can be trained. */
import {
  Tensor,
  capture,
  compile,
  convert,
  currentBackend,
  fail,
  fromBits,
  isDType,
  isFloat,
  placeholder,
  scope,
  withBackend,
} from '@hebb/core';
import type { Backend, Compiled, DType, Graph, HostArray, Op } from '@hebb/core';
import { Module, ModuleBuffer, Parameter } from '@hebb/nn';
import { decodeModel } from '../codec/messages.ts';
import { fromOnnxProto } from '../codec/onnx-proto.ts';
import type { ExternalResolver } from '../codec/external.ts';
import type { DecodeLimits } from '../codec/reader.ts';
import type { ModelProto } from '../codec/types.ts';
import type { OnnxValue } from '../codec/value.ts';
import { DependsOnInputs, NeedsConstant, constantAnswer, decidingInputs } from './answer.ts';
import type { Answer } from './answer.ts';
import { checkInput } from './bind.ts';
import { fromOnnxValue, toOnnxValue } from './convert.ts';
import { OnnxImportError } from './error.ts';
import { interpret } from './interpret.ts';
import type { AfterNode, Interpretation } from './interpret.ts';
import { LoopTooLong, runAsync, runSync } from './need.ts';
import type { ImageDecoder } from './operators/image.ts';
import { operatorDomains } from './operators/index.ts';
import { prepareModel } from './program.ts';
import type { Program } from './program.ts';
import { selectGraph } from './select.ts';
import type { Selection } from './select.ts';
import { formatType, valueType } from './types.ts';
import type { ValueType } from './types.ts';
import { ParameterValue, isHost, isTensorValue, toHost, toTensor } from './value.ts';
import type { HostTensor, Value } from './value.ts';

export interface ImportOptions extends DecodeLimits, Selection {
  /** Op records of your own whose `onnx` mapping names operators of the model. */
  readonly operators?: readonly Op[];
  /** Decodes pictures for the operator ImageDecoder; `decodeImage` of `@hebb/data/node` fits. */
  readonly decodeImage?: ImageDecoder;
  /** Most elements that one value inside the model may have; default 2²⁹. */
  readonly maxElements?: number;
  /** Reads tensors that lie in other files; see `importOnnxFile` of `@hebb/onnx/node`. */
  readonly resolve?: ExternalResolver;
}

export interface RunOptions {
  /**
   * Stop a run in stages, or the building of a graph, after this time with an error. A compiled graph that
   * runs already is not interrupted.
   */
  readonly timeoutMs?: number;
}

/** Steps of a loop that one graph may hold; longer loops run step by step. */
const maxUnrolled = 1024;

/** What `run` accepts for an input: a tensor, or one as the codec reads it from a file. */
export type RunInput = Tensor | OnnxValue;

/** What `forward` gives: one tensor where the model has one output, else a list. */
export type Outputs = Tensor | Tensor[];

/** Anything a model comes in: the bytes of a file, a decoded model, or an object of `onnx-proto`. */
export type ModelSource = Uint8Array | ModelProto | { toJSON(): unknown };

/**
 * Reads a model.
 *
 * @throws OnnxFormatError when the bytes are no ONNX file; OnnxImportError, naming the node, for operators
 *   that are not supported and graphs that are wrong.
 */
export function importOnnx<Output extends Outputs = Outputs>(
  source: ModelSource,
  options: ImportOptions = {},
): OnnxModel<Output> {
  return new OnnxModel<Output>(readModel(source, options), options);
}

export function readModel(source: ModelSource, options: ImportOptions = {}): ModelProto {
  if (source instanceof Uint8Array) return decodeModel(source, options);
  return 'opsetImport' in source && !('toJSON' in source)
    ? source
    : fromOnnxProto(source as Parameters<typeof fromOnnxProto>[0]);
}

type Fixed = Readonly<
  Record<string, { dtype: string; shape: readonly number[]; data: readonly (number | bigint)[] }>
>;

/** What was found out about one signature. */
interface Signature {
  /** Numbers the graph was built with, in the order they were asked for. */
  readonly answers: HostTensor[];
  /** Values depend on data: the graph is built and run piece by piece. */
  staged: boolean;
  /** Of the call that traces it. */
  deadline?: number;
}

/**
 * A model from an ONNX file. Float initialisers are its parameters, under their names in the file.
 * Shapes bind at each call: the first call with given shapes traces and compiles, later ones replay.
 * Where a shape or branch depends on the numbers themselves, the model runs in stages instead.
 * The type argument says what `forward` gives: `importOnnx<Tensor>(bytes)` is a layer of one output.
 */
export class OnnxModel<Output extends Outputs = Outputs> extends Module {
  readonly inputs: readonly ValueType[];
  readonly outputs: readonly ValueType[];
  readonly opset: number;
  readonly producer: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly name: string;
  /** @internal The model as it was read. */
  readonly proto: ModelProto;
  /** @internal */
  readonly program: Program;
  readonly #state = new Map<HostTensor, ParameterValue>();
  readonly #fixed = new Set<string>();
  readonly #signatures = new WeakMap<Backend, Map<string, Signature>>();
  readonly #compiled: Compiled<[Record<string, Tensor>, Fixed, string], Record<string, unknown>>;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #context: Pick<Interpretation, 'initializer' | 'maxElements'>;

  constructor(source: ModelProto, options: ImportOptions = {}) {
    super();
    const proto = selectGraph(source, options);
    this.#context = {
      initializer: (host) => this.#state.get(host) ?? host,
      ...(options.maxElements === undefined ? {} : { maxElements: options.maxElements }),
    };
    this.training = false;
    this.proto = proto;
    this.program = prepareModel(proto, {
      domains: operatorDomains(options),
      ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
    });
    const given = new Set(this.program.inputs);
    this.inputs = this.program.inputInfo
      .filter((info) => given.has(info.name ?? ''))
      .map(valueType);
    this.outputs = this.program.outputInfo.map(valueType);
    this.opset =
      proto.opsetImport.find(
        ({ domain }) => domain === undefined || domain === '' || domain === 'ai.onnx',
      )?.version ?? 0;
    this.producer = [proto.producerName, proto.producerVersion].filter(Boolean).join(' ');
    this.metadata = Object.fromEntries(
      proto.metadataProps.map(({ key, value }) => [key ?? '', value ?? '']),
    );
    this.name = proto.graph?.name ?? 'model';
    this.#adoptParameters();
    this.#compiled = compile(
      (inputs: Record<string, Tensor>, fixed: Fixed, key: string) =>
        this.#trace(inputs, fixed, this.#signature(currentBackend(), key)),
      { name: this.name === '' ? 'onnx model' : this.name },
    );
  }

  /** Float initialisers become parameters; running statistics become buffers; the rest are constants. */
  #adoptParameters(): void {
    const buffers = new Set<string>();
    for (const { body, inputs } of this.program.nodes) {
      if (body.kind !== 'operator') continue;
      for (const i of body.entry.buffers ?? []) buffers.add(inputs[i] ?? '');
    }
    for (const [name, host] of this.program.initializers) {
      // A float without axes is a constant of the computation: a bound, an epsilon, a scale.
      if (!isDType(host.dtype) || !isFloat(host.dtype) || host.shape.length === 0) continue;
      const tensor = toTensor('initializer', host);
      const variable = buffers.has(name) ? new ModuleBuffer(tensor) : new Parameter(tensor);
      this.#state.set(host, new ParameterValue(name, variable, host));
    }
  }

  override *members(): Iterable<readonly [string, Parameter | ModuleBuffer | Module]> {
    yield* super.members();
    for (const { name, variable } of this.#state.values()) {
      if (variable instanceof Parameter || variable instanceof ModuleBuffer) yield [name, variable];
    }
  }

  /**
   * The outputs for these inputs, by name. Inputs are checked against the declared types.
   * @throws HebbError when an input is missing, unknown, or of the wrong type or shape; for an output that
   *   is no tensor of numbers (text, sequences: see `runValues`).
   */
  async run(
    inputs: Readonly<Record<string, RunInput>>,
    options: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    const values = await this.#evaluate(this.#bind(inputs), options);
    return Object.fromEntries(
      this.outputs.map(({ name }, i) => {
        const value = values[i]!;
        if (value instanceof Tensor) return [name, value];
        if (value instanceof ParameterValue) return [name, value.variable.value];
        if (isHost(value) && isDType(value.dtype)) return [name, toTensor(name, value)];
        return fail('run', `output ${name} is no tensor of numbers: use runValues`);
      }),
    );
  }

  /** As `run`, with every kind of value, and the numbers read: text, sequences, optionals, maps, int4. */
  async runValues(
    inputs: Readonly<Record<string, RunInput>>,
    options: RunOptions = {},
  ): Promise<Record<string, OnnxValue>> {
    const values = await this.#evaluate(this.#bind(inputs), options);
    const result: Record<string, OnnxValue> = {};
    for (let i = 0; i < this.outputs.length; i++) {
      result[this.outputs[i]!.name] = await toOnnxValue(values[i]!);
    }
    return result;
  }

  /**
   * The model as part of a larger computation: tensors in the order of the inputs give the output, or the
   * outputs. Differentiable. In training mode (`model.train()`) Dropout drops and BatchNormalization
   * normalises by the batch and keeps running statistics. Throws OnnxImportError where a shape or branch depends on the numbers.
   */
  forward(...inputs: readonly Tensor[]): Output {
    if (inputs.length !== this.inputs.length) {
      fail(
        'OnnxModel',
        'wrong number of inputs',
        String(inputs.length),
        String(this.inputs.length),
      );
    }
    const bound = this.#bind(
      Object.fromEntries(this.inputs.map(({ name }, i) => [name, inputs[i]!])),
    );
    const steps = interpret(this.program, bound, {
      ...this.#context,
      training: this.training,
    });
    const outputs = runSync(
      steps,
      constantAnswer((tensor) => this.#refuse(tensor)),
    );
    const tensors = outputs.map((value, i) => {
      if (!isTensorValue(value)) fail('OnnxModel', `output ${i} is a ${value.kind}`);
      if (value instanceof Tensor) return value;
      if (value instanceof ParameterValue) return value.variable.value;
      return toTensor('OnnxModel', value as HostTensor);
    });
    // Which of the two it is the caller has said by the type argument.
    return (tensors.length === 1 ? tensors[0]! : tensors) as Output;
  }

  /**
   * The computation at these input shapes as a graph: inputs in their order, then parameters and constants.
   * Throws OnnxImportError where a shape or branch depends on the numbers.
   */
  graph(shapes: Readonly<Record<string, readonly number[]>>): Graph {
    const inputs: Record<string, Tensor> = {};
    for (const { name, dtype = 'float32', shape = [] } of this.inputs) {
      if (!isDType(dtype)) fail('OnnxModel', `input ${name} is ${dtype}`);
      inputs[name] = placeholder({
        dtype,
        shape: shapes[name] ?? shape.map((dim) => Number(dim) || 1),
      });
    }
    const forward = (given: Record<string, Tensor>): unknown => {
      const steps = interpret(this.program, new Map(Object.entries(given)), {
        ...this.#context,
      });
      const outputs = runSync(
        steps,
        constantAnswer((tensor) => this.#refuse(tensor)),
      );
      return outputs.map((value) =>
        value instanceof ParameterValue ? value.variable.value : value,
      );
    };
    return capture(forward, [inputs]).graph;
  }

  /**
   * Goes through the graph with these values, for tools that look at every value on the way.
   * @internal
   */
  interpret(
    inputs: ReadonlyMap<string, Value>,
    answer: Answer,
    options: Pick<Interpretation, 'trace' | 'maxUnrolled'>,
  ): readonly Value[] {
    return runSync(interpret(this.program, inputs, { ...this.#context, ...options }), answer);
  }

  /**
   * Goes through the graph node by node, and waits for `after` behind each of the main graph. What is made is
   * freed in the end.
   * @internal
   */
  async walk(inputs: Readonly<Record<string, RunInput>>, after: AfterNode): Promise<void> {
    await this.#staged(this.#bind(inputs), undefined, after);
  }

  #refuse(tensor: Tensor): never {
    throw new OnnxImportError(
      'unsupported',
      `a shape or branch depends on the value of ${tensor.dtype}[${tensor.shape.join(',')}], which is ` +
        'not known while the graph is built: use run()',
      { op: 'OnnxModel' },
    );
  }

  // --- binding ---

  #bind(inputs: Readonly<Record<string, RunInput>>): Map<string, Value> {
    const bound = new Map<string, Value>();
    const known = new Map(
      [...this.program.inputInfo].map((info) => [info.name ?? '', valueType(info)]),
    );
    const sizes = new Map<string, { size: number; input: string }>();
    for (const [name, given] of Object.entries(inputs)) {
      const type = known.get(name);
      if (type === undefined) {
        fail('run', `the model has no input ${name}`, name, [...known.keys()].join(', '));
      }
      const value = given instanceof Tensor ? given : fromOnnxValue(given);
      checkInput(type, value, sizes);
      bound.set(name, value);
    }
    const missing = this.inputs.filter(({ name, kind }) => !bound.has(name) && kind !== 'optional');
    if (missing.length > 0) {
      fail(
        'run',
        `input ${missing.map((type) => `${type.name} (${formatType(type)})`).join(', ')} is missing`,
      );
    }
    return bound;
  }

  // --- running ---

  async #evaluate(bound: Map<string, Value>, { timeoutMs }: RunOptions): Promise<readonly Value[]> {
    const deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
    const backend = currentBackend('run');
    const simple = [...bound.values()].every(
      (value) => value instanceof Tensor || (isHost(value) && isDType(value.dtype)),
    );
    if (!simple) return this.#staged(bound, deadline);
    for (;;) {
      const tensors: Record<string, Tensor> = {};
      const fixed: Record<string, Fixed[string]> = {};
      const uploads: Tensor[] = [];
      for (const [name, value] of bound) {
        if (this.#fixed.has(name)) fixed[name] = await asFixed(value);
        else if (value instanceof Tensor) tensors[name] = value;
        else {
          const { data, shape, dtype } = value as HostTensor;
          // Of this call alone, so that it can be freed with it.
          tensors[name] = fromBits(data as HostArray, shape, dtype as DType);
          uploads.push(tensors[name]);
        }
      }
      const key = signatureKey(tensors, fixed);
      const signature = this.#signature(backend, key);
      if (deadline === undefined) delete signature.deadline;
      else signature.deadline = deadline;
      if (signature.staged) return this.#staged(bound, deadline);
      try {
        const result = await this.#compiled(tensors, fixed, key);
        return this.outputs.map((_, i) => result[String(i)] as Value);
      } catch (error) {
        if (error instanceof NeedsConstant) {
          const { tensor } = error;
          signature.answers[error.place] = toHost(await tensor.bits(), tensor.shape, tensor.dtype);
        } else if (error instanceof DependsOnInputs) {
          if (error.inputs === undefined) signature.staged = true;
          else for (const name of error.inputs) this.#fixed.add(name);
        } else if (error instanceof LoopTooLong) signature.staged = true;
        else throw error;
      } finally {
        for (const tensor of uploads) tensor.dispose();
      }
    }
  }

  #signature(backend: Backend, key: string): Signature {
    let all = this.#signatures.get(backend);
    if (all === undefined) this.#signatures.set(backend, (all = new Map()));
    let signature = all.get(key);
    if (signature === undefined) all.set(key, (signature = { answers: [], staged: false }));
    return signature;
  }

  #trace(
    inputs: Readonly<Record<string, Tensor>>,
    fixed: Fixed,
    signature: Signature,
  ): Record<string, unknown> {
    const bound = new Map<string, Value>(Object.entries(inputs));
    const names = new Map(
      Object.entries(inputs).map(([name, tensor]) => [tensor.node as object, name]),
    );
    for (const [name, { dtype, shape, data }] of Object.entries(fixed)) {
      if (!isDType(dtype)) continue;
      bound.set(name, toHost(convert(data, dtype), shape, dtype));
    }
    let place = 0;
    const known = constantAnswer((tensor) => {
      throw new DependsOnInputs(decidingInputs(tensor, names, inputs));
    });
    const answer: Answer = (need) => {
      const at = place++;
      const found = signature.answers[at];
      if (found !== undefined) return found;
      try {
        return known(need);
      } catch (error) {
        throw error instanceof NeedsConstant ? new NeedsConstant(at, error.tensor) : error;
      }
    };
    const steps = interpret(this.program, bound, {
      ...this.#context,
      maxUnrolled,
      ...(signature.deadline === undefined ? {} : { deadline: signature.deadline }),
    });
    const outputs = runSync(steps, answer);
    return Object.fromEntries(
      outputs.map((value, i) => [
        String(i),
        value instanceof ParameterValue ? value.variable.value : value,
      ]),
    );
  }

  /** Piece by piece: what is computed so far is read wherever numbers are needed to go on. */
  #staged(
    bound: ReadonlyMap<string, Value>,
    deadline: number | undefined,
    after?: AfterNode,
  ): Promise<readonly Value[]> {
    const backend = currentBackend('run');
    const work = async (): Promise<readonly Value[]> =>
      withBackend(backend, () =>
        scope(async () => {
          const steps = interpret(this.program, bound, {
            ...this.#context,
            ...(deadline === undefined ? {} : { deadline }),
            ...(after === undefined ? {} : { after }),
          });
          return [
            ...(await runAsync(steps, async (need) => {
              if ('pending' in need) return need.pending;
              const { tensor } = need;
              return toHost(await tensor.bits(), tensor.shape, tensor.dtype);
            })),
          ];
        }),
      );
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

async function asFixed(value: Value): Promise<Fixed[string]> {
  if (value instanceof Tensor) {
    return { dtype: value.dtype, shape: [...value.shape], data: [...(await value.data())] };
  }
  const host = value as HostTensor;
  return {
    dtype: host.dtype,
    shape: [...host.shape],
    data: Array.from(host.data as ArrayLike<number | bigint>),
  };
}

function signatureKey(tensors: Readonly<Record<string, Tensor>>, fixed: Fixed): string {
  const parts = Object.entries(tensors).map(
    ([name, x]) => `${name}:${x.dtype}[${x.shape.join(',')}]`,
  );
  for (const [name, { dtype, shape, data }] of Object.entries(fixed)) {
    parts.push(`${name}=${dtype}[${shape.join(',')}](${data.join(',')})`);
  }
  return parts.sort().join(';');
}
