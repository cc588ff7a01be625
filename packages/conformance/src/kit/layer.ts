/** `testLayer`: what any layer or model must do, whatever library it comes from. */
import {
  capture,
  compile,
  currentBackend,
  dtypeInfo,
  formatShape,
  fromBits,
  isFloat,
  manualSeed,
  primitives,
  realize,
  sameShape,
  treeLeaves,
  withBackend,
} from '@hebb/core';
import type { Backend, HostArray, SampleInput, Shape, Tensor, Variable } from '@hebb/core';
import { check, difference, toleranceOf } from './compare.ts';
import { definitions } from './definitions/backend.ts';
import { draw, normalFrom, seededRandom } from './draw.ts';
import type { Drawn } from './draw.ts';
import { checkGradient } from './gradient.ts';
import type { GradientOptions } from './gradient.ts';
import { globalRunner, skipping } from './runner.ts';
import type { TestRunner } from './runner.ts';
import { replay, widenAval } from './widen.ts';

type Named = Iterable<readonly [string, Variable]>;
type State = Readonly<Record<string, Tensor>>;

/** What a layer needs to be tested; `Module` of `@hebb/nn` has it all. */
export interface TestableLayer {
  forward(...inputs: never[]): unknown;
  namedParameters(): Named;
  namedBuffers?(): Named;
  readonly training?: boolean;
  train?(training?: boolean): unknown;
  eval?(): unknown;
  stateDict?(): State | Promise<State>;
  loadStateDict?(state: State): unknown;
}

export interface LayerTestOptions {
  /** What to draw for each argument of `forward`: one input, or several in a list under `inputs`. */
  readonly input?: SampleInput;
  readonly inputs?: readonly SampleInput[];
  /** Calls `forward` where its arguments are not simply the inputs. */
  readonly call?: (layer: TestableLayer, inputs: readonly Tensor[]) => unknown;
  /** Shape of the result, or of each tensor in it. */
  readonly output?: Shape | readonly Shape[];
  /** Names of the parameters and their shapes, as in the state dict. */
  readonly parameters?: Readonly<Record<string, Shape>>;
  /** Where the layer runs; it needs float64. Default: the definitions of the primitives. */
  readonly backend?: () => Backend | Promise<Backend>;
  readonly gradient?: GradientOptions;
  /** Tests to leave out, by the start of their name, with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
  readonly seed?: number;
  /** Default: the globals `describe` and `it`. */
  readonly runner?: TestRunner;
}

/**
 * Declares the tests of a layer: the shape of its result, the names of its state, gradients of every
 * parameter and input against finite differences in float64 (training and evaluation), that evaluation
 * changes nothing, that compiled and eager calls agree, that state dicts go round, and that a seed fixes
 * the initial values.
 *
 * ```ts
 * testLayer('Linear', () => new Linear(4, 3), { input: [2, 4], output: [2, 3], backend: cpu });
 * ```
 */
export function testLayer(
  name: string,
  makeLayer: () => TestableLayer,
  options: LayerTestOptions,
): void {
  const { seed = 1 } = options;
  const runner = skipping(options.runner ?? globalRunner(), options.skip);
  let backend: Promise<Backend> | undefined;
  const on = async (body: () => Promise<void>): Promise<void> => {
    backend ??= Promise.resolve((options.backend ?? definitions)());
    await withBackend(await backend, body);
  };
  const test = (title: string, body: (bench: LayerBench) => Promise<void>): void => {
    runner.test(title, () => on(() => body(new LayerBench(makeLayer, options, seed))), 60_000);
  };
  const sample = makeLayer();

  runner.describe(`layer ${name}`, () => {
    test('gives the shape it says', async (bench) => checkOutput(bench, options.output));
    test('names its state', async (bench) => checkNames(bench, options.parameters));
    const modes = sample.train === undefined ? [undefined] : [true, false];
    for (const training of modes) {
      const mode = training === undefined ? '' : training ? ', training' : ', evaluation';
      test(`gradient of every parameter and input${mode}`, async (bench) => {
        await checkLayerGradient(bench, training, { seed, ...options.gradient });
      });
    }
    test('compiled and eager calls agree', checkCompiled);
    if (sample.train !== undefined && sample.eval !== undefined) {
      test('evaluation is repeatable and changes nothing', checkEvaluation);
    }
    if (sample.stateDict !== undefined && sample.loadStateDict !== undefined) {
      test('state goes out and into another layer', checkState);
    }
    test('a seed fixes the initial values', checkSeed);
  });
}

const drawAll = (inputs: readonly SampleInput[], seed: number): readonly Drawn[] =>
  draw(primitives[0]!, { in: inputs }, { seed, type: 'float32' }).inputs;
const tensorsOf = (drawn: readonly Drawn[]): Tensor[] =>
  drawn.map(({ aval, data }) => fromBits(data.slice(), aval.shape, aval.dtype));

/** The inputs that `testLayer` tries a layer on, for tests of your own; floats are float32. */
export function drawInputs(inputs: readonly SampleInput[], { seed = 1 } = {}): Tensor[] {
  return tensorsOf(drawAll(inputs, seed));
}

class LayerBench {
  readonly #make: () => TestableLayer;
  readonly #call: (layer: TestableLayer, inputs: readonly Tensor[]) => unknown;
  readonly drawn: readonly Drawn[];

  constructor(make: () => TestableLayer, options: LayerTestOptions, seed: number) {
    this.#make = make;
    this.#call =
      options.call ??
      ((layer, inputs) => (layer.forward as (...args: readonly Tensor[]) => unknown)(...inputs));
    this.drawn = drawAll(options.inputs ?? [options.input ?? null], seed);
  }

  layer(seed = 7): TestableLayer {
    manualSeed(seed);
    return this.#make();
  }

  inputs(): Tensor[] {
    return tensorsOf(this.drawn);
  }

  run(layer: TestableLayer, inputs: readonly Tensor[]): Tensor[] {
    return treeLeaves(this.#call(layer, inputs));
  }
}

async function values(tensors: readonly Tensor[]): Promise<HostArray[]> {
  await realize(...tensors);
  const read: HostArray[] = [];
  for (const tensor of tensors) read.push(await tensor.bits());
  return read;
}

function assertEqual(
  what: string,
  got: readonly HostArray[],
  expected: readonly HostArray[],
  tensors: readonly Tensor[],
  exact = false,
): void {
  check(got.length === expected.length, `${what}: ${got.length} results, not ${expected.length}`);
  tensors.forEach((tensor, i) => {
    const tolerance = exact ? { relative: 0, absolute: 0 } : toleranceOf(tensor.dtype);
    const problem = difference(got[i]!, expected[i]!, tensor, { tolerance });
    check(problem === undefined, `${what}, result ${i}: ${problem}`);
  });
}

async function checkOutput(bench: LayerBench, output: LayerTestOptions['output']): Promise<void> {
  const results = bench.run(bench.layer(), bench.inputs());
  check(results.length > 0, 'forward gives no tensor');
  const read = await values(results);
  results.forEach((result, i) => {
    const zero = dtypeInfo(result.dtype).allocate(0);
    check(
      read[i]!.length === result.size && read[i]!.constructor === zero.constructor,
      `result ${i} is not a ${String(result)}`,
    );
    const bad = Array.from<number | bigint, number>(read[i]!, Number).some(Number.isNaN);
    check(!(isFloat(result.dtype) && bad), `result ${i} has a NaN`);
  });
  if (output === undefined) return;
  const wanted = isShapes(output) ? output : [output];
  check(results.length === wanted.length, `${results.length} results, not ${wanted.length}`);
  results.forEach(({ shape }, i) => {
    check(
      sameShape(shape, wanted[i]!),
      `result ${i} has shape ${formatShape(shape)}, not ${formatShape(wanted[i]!)}`,
    );
  });
}

function isShapes(output: Shape | readonly Shape[]): output is readonly Shape[] {
  return output.some((item) => Array.isArray(item));
}

/** PyTorch's form: snake case and positions, joined by dots. */
const stateName = /^[a-z_][a-z0-9_]*(\.([a-z_][a-z0-9_]*|\d+))*$|^\d+(\.([a-z_][a-z0-9_]*|\d+))*$/;

async function checkNames(
  bench: LayerBench,
  expected: LayerTestOptions['parameters'],
): Promise<void> {
  const layer = bench.layer();
  const parameters = [...layer.namedParameters()];
  const all = [...parameters, ...(layer.namedBuffers?.() ?? [])];
  const names = all.map(([name]) => name);
  check(new Set(names).size === names.length, `a name comes up twice: ${names.join(', ')}`);
  for (const name of names) {
    check(stateName.test(name), `"${name}" is no name as in PyTorch's state dicts`);
  }
  for (const [name, { dtype }] of parameters) {
    check(isFloat(dtype), `parameter ${name} is ${dtype}`);
  }
  if (layer.stateDict !== undefined) {
    const state = Object.keys(await layer.stateDict());
    const missing = parameters.filter(([name]) => !state.includes(name)).map(([name]) => name);
    check(missing.length === 0, `the state dict lacks ${missing.join(', ')}`);
  }
  const inputs = bench.inputs();
  const used = new Set(capture(() => bench.run(layer, inputs), []).variables);
  const idle = parameters.filter(([, variable]) => !used.has(variable)).map(([name]) => name);
  check(idle.length === 0, `forward does not read ${idle.join(', ')}`);
  if (expected === undefined) return;
  const shapes = Object.fromEntries(parameters.map(([name, { shape }]) => [name, [...shape]]));
  const text = (x: object): string => JSON.stringify(Object.entries(x).sort());
  check(
    text(shapes) === text(expected),
    `parameters are ${JSON.stringify(shapes)}, not ${JSON.stringify(expected)}`,
  );
}

async function checkLayerGradient(
  bench: LayerBench,
  training: boolean | undefined,
  options: GradientOptions,
): Promise<void> {
  const layer = bench.layer();
  if (training !== undefined) layer.train?.(training);
  const names = new Map([...layer.namedParameters()].map(([name, variable]) => [variable, name]));
  const inputs = bench.inputs();
  const found = capture((...args: Tensor[]) => bench.run(layer, args), inputs);
  const results = treeLeaves(found.result).length;
  const state = await values(found.variables.map((variable) => variable.peek()));
  const captured = await values(found.captures);
  const random = seededRandom(options.seed ?? 0);
  // Parameters start at values such as 0 or 1, where mistakes hide: move them a little.
  const shaken = (data: HostArray): Float32Array =>
    Float32Array.from(data as Float32Array, (x) => x + 0.1 * normalFrom(random));
  const given = [
    ...bench.drawn.map(({ data }, i) => ({ data, name: `input ${i}` })),
    ...found.variables.map((variable, i) => {
      const name = names.get(variable);
      const data = state[i]!;
      return name === undefined || !(data instanceof Float32Array)
        ? { data, name: `variable ${i}` }
        : { data: shaken(data), name: `parameter ${name}` };
    }),
    ...captured.map((data, i) => ({ data, name: `constant ${i}` })),
  ];
  await checkGradient(
    currentBackend(),
    {
      what: `layer${training === undefined ? '' : training ? ', training' : ', evaluation'}`,
      inputs: given.map(({ data, name }, i) => ({
        aval: widenAval(found.graph.values[found.graph.inputs[i]!]!),
        data: data instanceof Float32Array ? Float64Array.from(data) : data,
        name,
      })),
      call: (tensors) => replay(found.graph, tensors).slice(0, results),
    },
    options,
  );
}

/** What the layer draws (dropout) depends on the default generator: seeded alike before each call. */
async function checkCompiled(bench: LayerBench): Promise<void> {
  for (const training of [true, false]) {
    const [eagerLayer, compiledLayer] = [bench.layer(), bench.layer()];
    eagerLayer.train?.(training);
    compiledLayer.train?.(training);
    const step = compile((...args: Tensor[]) => bench.run(compiledLayer, args));
    for (let call = 0; call < 2; call++) {
      manualSeed(100 + call);
      const eager = bench.run(eagerLayer, bench.inputs());
      const expected = await values(eager);
      manualSeed(100 + call);
      const compiled = await step(...bench.inputs());
      const mode = training ? 'training' : 'evaluation';
      assertEqual(`compiled call ${call}, ${mode}`, await values(compiled), expected, eager);
    }
    await compareState(compiledLayer, eagerLayer, 'after compiled and eager calls');
    step.dispose();
  }
}

const stateOf = (layer: TestableLayer): (readonly [string, Variable])[] => [
  ...layer.namedParameters(),
  ...(layer.namedBuffers?.() ?? []),
];

async function compareState(
  layer: TestableLayer,
  expected: TestableLayer,
  when: string,
  exact = false,
): Promise<void> {
  const wanted = new Map(stateOf(expected));
  for (const [name, variable] of stateOf(layer)) {
    const other = wanted.get(name);
    check(other !== undefined, `${name} is not in both layers`);
    const [a, b] = [variable.peek(), other.peek()];
    assertEqual(`${name} ${when}`, await values([a]), await values([b]), [a], exact);
  }
}

async function checkEvaluation(bench: LayerBench): Promise<void> {
  const layer = bench.layer();
  layer.train!();
  check(layer.training !== false, 'train() leaves the layer in evaluation');
  await values(bench.run(layer, bench.inputs()));
  layer.eval!();
  check(layer.training !== true, 'eval() leaves the layer in training');
  const written = capture(() => bench.run(layer, bench.inputs()), []).written;
  const own = stateOf(layer).filter(([, variable]) => written.includes(variable));
  check(own.length === 0, `evaluation writes to ${own.map(([name]) => name).join(', ')}`);
  const first = bench.run(layer, bench.inputs());
  const expected = await values(first);
  assertEqual(
    'a second call',
    await values(bench.run(layer, bench.inputs())),
    expected,
    first,
    true,
  );
}

async function checkState(bench: LayerBench): Promise<void> {
  const layer = bench.layer(7);
  layer.train?.();
  // A call in training moves running statistics away from where they start.
  await values(bench.run(layer, bench.inputs()));
  layer.eval?.();
  const results = bench.run(layer, bench.inputs());
  const expected = await values(results);
  const state = await layer.stateDict!();
  const other = bench.layer(8);
  other.eval?.();
  other.loadStateDict!(state);
  await compareState(other, layer, 'after loading', true);
  assertEqual(
    'after loading',
    await values(bench.run(other, bench.inputs())),
    expected,
    results,
    true,
  );
  const [name] = Object.keys(state);
  if (name === undefined) return;
  const { [name]: left, ...rest } = state;
  check(
    throws(() => other.loadStateDict!(rest)),
    `a state without ${name} is taken`,
  );
  check(
    throws(() => other.loadStateDict!({ ...state, no_such_name: left! })),
    'a state with an unknown name is taken',
  );
  const long = fromBits(new Float32Array(1009), [1009], 'float32');
  check(
    throws(() => other.loadStateDict!({ ...state, [name]: long })),
    `a state with another shape of ${name} is taken`,
  );
  await compareState(other, layer, 'after states that were refused', true);
}

function throws(body: () => unknown): boolean {
  try {
    body();
    return false;
  } catch {
    return true;
  }
}

async function checkSeed(bench: LayerBench): Promise<void> {
  await compareState(bench.layer(3), bench.layer(3), 'with the same seed', true);
}
