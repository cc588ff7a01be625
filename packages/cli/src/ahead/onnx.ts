/** ONNX models as programs to compile. */
import { cpu } from '@hebb/backend-cpu';
import {
  capture,
  isDType,
  placeholder,
  realize,
  sameShape,
  treeLeaves,
  withBackend,
} from '@hebb/core';
import type { CapturedFunction, DType, Tensor } from '@hebb/core';
import type { OnnxModel, ValueType } from '@hebb/onnx';
import { UsageError } from '../errors.ts';
import { shape as format } from '../format.ts';
import { build } from './build.ts';
import type { BuildOptions, Built } from './build.ts';
import { axisName, checkDistinct, resolveShapes } from './shapes.ts';
import type { Sizes } from './shapes.ts';
import type { ProgramToCompile, Sink, Source, StateToCompile } from './types.ts';

export interface OnnxSpec {
  readonly name?: string;
  /** Sizes of the open axes, once for each combination of shapes. Default: one, for models without any. */
  readonly shapes?: readonly Sizes[];
  /** Inputs that each call takes from an output of the one before, by name; zeros at the start. */
  readonly state?: Readonly<Record<string, string>>;
}

/**
 * Compiles a model ahead of time.
 *
 * @throws UsageError for axes without a size and names that the model lacks; OnnxImportError where a shape
 *   or branch depends on the numbers; HebbError for what the compiler lacks.
 */
export async function compileOnnx(
  model: OnnxModel,
  spec: OnnxSpec = {},
  options: BuildOptions = {},
): Promise<Built> {
  return build(await traceOnnx(model, spec), options);
}

export async function traceOnnx(
  model: OnnxModel,
  { name = model.name, shapes = [{}], state = {} }: OnnxSpec,
): Promise<ProgramToCompile> {
  const inputs = model.inputs.map(checkTensor);
  checkState(model, state);
  const signatures = shapes.map((sizes) => resolveShapes(inputs, sizes));
  checkDistinct(signatures);
  return withBackend(cpu(), async () => {
    const traces = signatures.map((dims) =>
      capture(
        (...given: Tensor[]) => model.forward(...given),
        inputs.map(({ dtype }, i) => placeholder({ dtype, shape: dims[i]! })),
      ),
    );
    const parameters = new Map([...model.namedState()].map(([key, x]) => [x as object, key]));
    const constants = new Map<Tensor, string>();
    for (const { variables, captures } of traces) {
      for (const x of variables) constants.set(x.peek(), parameters.get(x) ?? 'weight');
      for (const x of captures) constants.set(x, 'constant');
    }
    await realize(...constants.keys());
    const data = new Map<Tensor, Awaited<ReturnType<Tensor['bits']>>>();
    for (const tensor of constants.keys()) data.set(tensor, await tensor.bits());

    const free = inputs.filter((input) => !Object.hasOwn(state, input.name));
    const kept = model.outputs.filter((output) => !Object.values(state).includes(output.name));
    const sourceOf = (tensor: Tensor): Source => ({
      kind: 'constant',
      name: constants.get(tensor)!,
      data: data.get(tensor)!,
    });
    return {
      name,
      state: stateSlots(inputs, model, state, traces),
      functions: [
        {
          name: 'run',
          arguments: free.map((input) => ({
            name: input.name,
            dtype: input.dtype,
            axes: input.shape.map((dim, axis) =>
              typeof dim === 'number' ? dim : axisName(input.name, axis, dim),
            ),
          })),
          results: kept.map((output) => {
            const { dtype } = treeLeaves(traces[0]!.result)[model.outputs.indexOf(output)]!;
            return { name: output.name, dtype, axes: output.shape ?? [] };
          }),
          signatures: traces.map(({ graph, variables, captures }) => ({
            graph,
            sources: [
              ...inputs.map((input): Source => {
                const position = free.indexOf(input);
                return position < 0
                  ? { kind: 'state', name: input.name }
                  : { kind: 'argument', position };
              }),
              ...variables.map((x) => sourceOf(x.peek())),
              ...captures.map(sourceOf),
            ],
            sinks: model.outputs.map((output): Sink => {
              const into = Object.keys(state).find((input) => state[input] === output.name);
              return into === undefined
                ? { kind: 'result', position: kept.indexOf(output) }
                : { kind: 'state', name: into };
            }),
          })),
        },
      ],
    };
  });
}

interface TensorInput {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string | null)[];
}

function checkTensor({ name, kind, dtype, shape }: ValueType): TensorInput {
  if (kind !== 'tensor' || dtype === undefined || !isDType(dtype) || shape === undefined) {
    throw new UsageError(
      `input ${name} is ${kind === 'tensor' ? `${dtype ?? 'untyped'} ${format(shape)}` : `a ${kind}`}: ` +
        'only tensors of numbers with a known number of axes can be compiled',
    );
  }
  return { name, dtype, shape };
}

function checkState(model: OnnxModel, state: Readonly<Record<string, string>>): void {
  const check = (what: string, name: string, known: readonly ValueType[]): void => {
    if (known.some((value) => value.name === name)) return;
    const list = known.map((value) => value.name).join(', ');
    throw new UsageError(`the model has no ${what} ${JSON.stringify(name)}: it has ${list}`);
  };
  const taken = new Set<string>();
  for (const [input, output] of Object.entries(state)) {
    check('input', input, model.inputs);
    check('output', output, model.outputs);
    if (taken.has(output)) throw new UsageError(`--state uses output ${output} twice`);
    taken.add(output);
  }
  if (taken.size > 0 && taken.size === model.outputs.length) {
    throw new UsageError('--state leaves the model no output');
  }
}

/** State has one shape, whatever the signature. */
function stateSlots(
  inputs: readonly TensorInput[],
  model: OnnxModel,
  state: Readonly<Record<string, string>>,
  traces: readonly CapturedFunction[],
): StateToCompile[] {
  return Object.entries(state).map(([input, output]) => {
    const i = inputs.findIndex(({ name }) => name === input);
    const o = model.outputs.findIndex(({ name }) => name === output);
    const sizes = traces.map(({ graph }) => graph.values[graph.inputs[i]!]!.shape);
    const [shape] = sizes as [readonly number[]];
    const { dtype } = inputs[i]!;
    for (const [k, { result }] of traces.entries()) {
      const next = treeLeaves(result)[o]!;
      const given = `${next.dtype}${format(next.shape)}`;
      const wanted = `${dtype}${format(sizes[k])}`;
      if (given !== wanted) {
        throw new UsageError(
          `--state ${input}=${output}: the output is ${given}, the input ${wanted}`,
        );
      }
      if (!sameShape(sizes[k]!, shape)) {
        const all = sizes.map((dims) => format(dims)).join(' and ');
        throw new UsageError(
          `--state ${input}=${output}: its shape differs between signatures, ${all}`,
        );
      }
    }
    return { name: input, dtype, shape };
  });
}
