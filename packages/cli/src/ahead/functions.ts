/** Functions over tensors and variables, inference and training steps alike, as programs to compile. */
import { cpu } from '@hebb/backend-cpu';
import {
  capture,
  currentBackend,
  fail,
  placeholder,
  realize,
  treeLeaves,
  withBackend,
} from '@hebb/core';
import type { CapturedFunction, DType, Tensor, Variable } from '@hebb/core';
import { build } from './build.ts';
import type { BuildOptions, Built } from './build.ts';
import { checkDistinct, resolveShapes } from './shapes.ts';
import type { Sizes } from './shapes.ts';
import type {
  FunctionToCompile,
  NamedValue,
  ProgramToCompile,
  Sink,
  Source,
  StateToCompile,
} from './types.ts';

/** A size, or the name of an axis that `shapes` gives sizes for. */
export type AxisSpec = number | string;
export type InputSpec =
  readonly AxisSpec[] | { readonly shape: readonly AxisSpec[]; readonly dtype?: DType };

export interface FunctionSpec {
  /** From tensors to tensors. Variables that it reads and writes act at each call. */
  readonly run: (...inputs: Tensor[]) => unknown;
  /** Named inputs in the order of the arguments: `{ image: ['batch', 1, 28, 28] }`. float32 unless said. */
  readonly input: Readonly<Record<string, InputSpec>>;
  /** Names of the results; left out: the keys of a returned object, else `output`, `output_1`... */
  readonly output?: string | readonly string[];
  /** Sizes of the named axes, once for each combination; those of the program when left out. */
  readonly shapes?: readonly Sizes[];
}

/** What has named variables: modules and optimizers. */
export interface StateHolder {
  namedState(): Iterable<readonly [string, Variable]>;
}

export interface FunctionsSpec {
  readonly name?: string;
  /** Functions that share weights and state. The first one is what the model's `run` runs. */
  readonly functions: Readonly<Record<string, FunctionSpec>>;
  readonly shapes?: readonly Sizes[];
  /**
   * Names of variables: `{ model, optimizer }` gives `model.0.weight`, `optimizer.step` and so on. These
   * stay between calls and can be read and replaced; so can those that a function writes. All other
   * variables are weights, fixed at the value they have now.
   */
  readonly state?: Readonly<Record<string, Variable | StateHolder>>;
}

interface TracedFunction {
  readonly name: string;
  readonly spec: FunctionSpec;
  readonly arguments: readonly NamedValue[];
  readonly traces: readonly CapturedFunction[];
}

/**
 * Compiles functions ahead of time: a training step, the prediction that goes with it, or any other. The
 * result runs where `@hebb/runtime` does, without this library.
 *
 * @throws HebbError for functions that do not take these shapes, and for what the compiler lacks.
 */
export async function compileFunctions(
  spec: FunctionsSpec,
  options: BuildOptions = {},
): Promise<Built> {
  return build(await traceFunctions(spec), options);
}

/** The program to compile that the functions are. */
export async function traceFunctions(spec: FunctionsSpec): Promise<ProgramToCompile> {
  const { name = 'model', functions } = spec;
  if (Object.keys(functions).length === 0) fail('compile', 'there is no function');
  const traced = Object.entries(functions).map(([key, fn]) => traceFunction(key, fn, spec.shapes));
  const all = traced.flatMap(({ traces }) => traces);
  const names = stateNames(spec.state ?? {}, all);
  const constants = new Map<Tensor, string>();
  for (const { variables, captures } of all) {
    for (const x of variables) if (!names.has(x)) constants.set(x.peek(), 'weight');
    for (const x of captures) constants.set(x, 'constant');
  }
  const values = [...constants.keys(), ...[...names.keys()].map((variable) => variable.peek())];
  const bits = await read(values);

  const state = [...names].map(([variable, name]): StateToCompile => ({
    name,
    dtype: variable.dtype,
    shape: variable.shape,
    data: bits.get(variable.peek())!,
  }));
  const constantOf = (x: Tensor): Source => ({
    kind: 'constant',
    name: constants.get(x)!,
    data: bits.get(x)!,
  });
  const compiled = traced.map((fn): FunctionToCompile => ({
    name: fn.name,
    arguments: fn.arguments,
    results: resultsOf(fn),
    signatures: fn.traces.map(({ graph, argumentCount, variables, captures, written, result }) => {
      const sources: Source[] = Array.from({ length: argumentCount }, (_, position) => ({
        kind: 'argument',
        position,
      }));
      for (const variable of variables) {
        const name = names.get(variable);
        sources.push(name === undefined ? constantOf(variable.peek()) : { kind: 'state', name });
      }
      sources.push(...captures.map(constantOf));
      const sinks: Sink[] = treeLeaves(result).map((_, position) => ({ kind: 'result', position }));
      sinks.push(...written.map((x): Sink => ({ kind: 'state', name: names.get(x)! })));
      return { graph, sources, sinks };
    }),
  }));
  return { name, functions: compiled, state };
}

function traceFunction(
  name: string,
  spec: FunctionSpec,
  shapes: readonly Sizes[] = [{}],
): TracedFunction {
  const inputs = Object.entries(spec.input).map(([input, given]) => {
    const { shape, dtype = 'float32' } = isAxes(given) ? { shape: given } : given;
    return { name: input, dtype, shape };
  });
  const wanted = new Set(
    inputs.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string')),
  );
  const signatures = (spec.shapes ?? shapes).map((sizes) =>
    // Names of other functions' axes may stand there too.
    resolveShapes(
      inputs,
      spec.shapes === undefined
        ? Object.fromEntries(Object.entries(sizes).filter(([axis]) => wanted.has(axis)))
        : sizes,
    ),
  );
  const distinct =
    spec.shapes === undefined
      ? signatures.filter((x, i) => signatures.findIndex((y) => String(x) === String(y)) === i)
      : signatures;
  checkDistinct(distinct);
  const traces = distinct.map((dims) => {
    const holders = inputs.map(({ dtype }, i) => placeholder({ dtype, shape: dims[i]! }));
    return capture(spec.run, holders);
  });
  const named = inputs.map((input) => ({
    name: input.name,
    dtype: input.dtype,
    axes: input.shape,
  }));
  return { name, spec, arguments: named, traces };
}

const isAxes = (spec: InputSpec): spec is readonly AxisSpec[] => Array.isArray(spec);

/** Which variables are state, with their names. */
function stateNames(
  given: NonNullable<FunctionsSpec['state']>,
  traces: readonly CapturedFunction[],
): Map<Variable, string> {
  const used = new Set(traces.flatMap(({ variables, written }) => [...variables, ...written]));
  const names = new Map<Variable, string>();
  const add = (variable: Variable, name: string): void => {
    if (used.has(variable) && !names.has(variable)) names.set(variable, name);
  };
  for (const [name, holder] of Object.entries(given)) {
    if (!('namedState' in holder)) add(holder, name);
    else for (const [key, variable] of holder.namedState()) add(variable, `${name}.${key}`);
  }
  let unnamed = 0;
  for (const { written } of traces) {
    for (const variable of written) {
      if (!names.has(variable)) add(variable, `state.${unnamed++}`);
    }
  }
  const list = [...names.values()];
  const twice = list.find((name, i) => list.indexOf(name) !== i);
  if (twice !== undefined) fail('compile', 'two variables have one name', twice);
  return names;
}

async function read(
  tensors: readonly Tensor[],
): Promise<Map<Tensor, Awaited<ReturnType<Tensor['bits']>>>> {
  const all = async () => {
    await realize(...tensors);
    return Promise.all(tensors.map((tensor) => tensor.bits()));
  };
  const data = await (hasBackend() ? all() : withBackend(cpu(), all));
  return new Map(tensors.map((tensor, i) => [tensor, data[i]!]));
}

function hasBackend(): boolean {
  try {
    currentBackend();
    return true;
  } catch {
    return false;
  }
}

function resultsOf({ name, spec, traces }: TracedFunction): NamedValue[] {
  const [{ result }] = traces as [CapturedFunction, ...CapturedFunction[]];
  const leaves = treeLeaves(result);
  const names = outputNames(name, spec.output, result, leaves.length);
  return leaves.map(({ dtype }, i) => ({ name: names[i]!, dtype }));
}

function outputNames(
  fn: string,
  given: FunctionSpec['output'],
  result: unknown,
  count: number,
): readonly string[] {
  const named = typeof given === 'string' ? [given] : given;
  if (named !== undefined) {
    if (named.length !== count) {
      fail('compile', `${fn} gives another number of results`, String(count), named.join(', '));
    }
    return named;
  }
  const isRecord =
    typeof result === 'object' &&
    result !== null &&
    Object.getPrototypeOf(result) === Object.prototype;
  // The order of `treeLeaves`.
  const keys = isRecord ? Object.keys(result).sort() : [];
  if (keys.length === count) return keys;
  return Array.from({ length: count }, (_, i) => (i === 0 ? 'output' : `output_${i}`));
}
