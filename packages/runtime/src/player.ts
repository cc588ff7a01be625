/** Playing plans: one instance, one memory, calls by name. */
import { checksum } from './checksum.ts';
import { arrayName, formatShape, isArrayOf, sizeOf, viewOf } from './element.ts';
import type { ElementArray, ElementType } from './element.ts';
import { PlayerError } from './error.ts';
import type { HostTensor, Inputs, Model, Outputs, TensorInput } from './model.ts';
import { checkPlan } from './plan.ts';
import type { EntryCall, Plan, PlanFunction, Signature, Slot, TensorType } from './plan.ts';

export interface LoadOptions {
  readonly plan: Plan;
  /** One of the plan's modules, compiled; see `pickModule` for the choice. */
  readonly module: WebAssembly.Module;
  /** The weights' image; it is copied. */
  readonly weights: ArrayBuffer | Uint8Array;
}

type Entry = (args: number, thread: number, threads: number) => void;

const pageBytes = 65536;

/** float64 functions that modules may import. */
const hostFunctions: Readonly<Record<string, (x: number, y: number) => number>> = {
  ...{ exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p },
  ...{ sin: Math.sin, cos: Math.cos, tanh: Math.tanh, atan2: Math.atan2 },
  fmod: (x, y) => x % y,
  // As IEEE 754 has it: JavaScript gives NaN for 1 to the NaN and for ±1 to the ±Infinity.
  pow: (x, y) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y),
};

/**
 * Makes a model ready to run. Nothing is fetched, evaluated or compiled.
 * @throws PlayerError `plan`, `module`, `weights` or `memory`.
 */
export function load({ plan: given, module, weights }: LoadOptions): Model {
  const plan = checkPlan(given);
  const image = weights instanceof Uint8Array ? weights : new Uint8Array(weights);
  const { bytes } = plan.weights;
  if (image.length !== bytes) {
    throw new PlayerError(
      'weights',
      `the weights are not as long as those of model ${plan.name}`,
      `${image.length} bytes`,
      `${bytes} bytes`,
    );
  }
  checkWeights(plan, image);
  const memory = allocate(plan);
  imageIn(plan, memory).set(image);
  return new Player(plan, memory.buffer, instantiate(plan, module, memory));
}

/** A model whose weights are still to come. */
export interface ReservedModel {
  /** Where the weights' image belongs, in the model's own memory. */
  readonly weights: Uint8Array<ArrayBuffer>;
  /**
   * Checks what is there and makes the model ready to run. Call it once.
   * @throws PlayerError `weights` when they are not all there, damaged, or another model's.
   */
  start(): Model;
}

/**
 * As `load`, for weights that arrive in pieces: they are written where the model reads them, so that no second
 * copy of them is ever in memory.
 * @throws PlayerError `plan`, `module` or `memory`.
 */
export function reserve({ plan: given, module }: Omit<LoadOptions, 'weights'>): ReservedModel {
  const plan = checkPlan(given);
  const memory = allocate(plan);
  const entries = instantiate(plan, module, memory);
  const weights = imageIn(plan, memory);
  return {
    weights,
    start() {
      checkWeights(plan, weights);
      return new Player(plan, memory.buffer, entries);
    },
  };
}

const imageIn = (
  { weights: { address, bytes } }: Plan,
  { buffer }: WebAssembly.Memory,
): Uint8Array<ArrayBuffer> => new Uint8Array(buffer, address, bytes);

function checkWeights({ name, weights: { checksum: wanted } }: Plan, image: Uint8Array): void {
  const sum = checksum(image);
  if (sum === wanted) return;
  const problem = `the weights are not those of model ${name}, or damaged`;
  throw new PlayerError('weights', problem, `checksum ${sum}`, wanted);
}

function allocate({ name, memory: bytes }: Plan): WebAssembly.Memory {
  const pages = Math.ceil(bytes / pageBytes);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (error) {
    const problem = `the host does not give model ${name} its memory`;
    throw new PlayerError('memory', problem, String(error), `${pages * pageBytes} bytes`);
  }
}

function instantiate(
  plan: Plan,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Map<string, Entry> {
  const refuse = (problem: string, got?: string, wanted?: string): never => {
    const message = `the module does not fit model ${plan.name}: ${problem}`;
    throw new PlayerError('module', message, got, wanted);
  };
  if (!(module instanceof WebAssembly.Module)) {
    refuse('it is not compiled', Object.prototype.toString.call(module), 'WebAssembly.Module');
  }
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const value = kind === 'memory' ? memory : hostFunctions[name];
    if (value === undefined) return refuse(`it imports ${kind} ${name}`);
    (imports[from] ??= {})[name] = value;
  }
  let instance: WebAssembly.Instance;
  try {
    instance = new WebAssembly.Instance(module, imports);
  } catch (error) {
    return refuse(String(error));
  }
  const entries = new Map<string, Entry>();
  for (const { entry } of [...plan.prepare, ...plan.functions.flatMap((fn) => fn.signatures)]) {
    const found = instance.exports[entry];
    if (typeof found !== 'function') {
      refuse('an entry is missing', Object.keys(instance.exports).join(', '), entry);
    }
    entries.set(entry, found as Entry);
  }
  return entries;
}

/** A signature with its windows on memory. */
interface Playable {
  readonly signature: Signature;
  readonly inputs: readonly ElementArray[];
  readonly outputs: readonly ElementArray[];
  readonly run: Entry;
}

interface Callable {
  readonly fn: PlanFunction;
  readonly playable: readonly Playable[];
}

const viewsOf = (types: readonly TensorType[], slots: readonly Slot[], buffer: ArrayBuffer) =>
  types.map(({ dtype }, i) => viewOf(dtype, buffer, slots[i]!.address, sizeOf(slots[i]!.shape)));

/** The signature that fits, with the arrays to copy into its inputs. */
function match({ fn, playable }: Callable, given: Inputs): [Playable, readonly ElementArray[]] {
  const { name, inputs } = fn;
  for (const key of Object.keys(given)) {
    if (inputs.some((input) => input.name === key)) continue;
    const wanted = inputs.map((input) => input.name).join(', ');
    throw new PlayerError('input', `${name} has no such input`, key, wanted);
  }
  const values = inputs.map((type) => accept(type, given[type.name]));
  const fitting = playable.filter(({ inputs: views, signature }) =>
    values.every(({ data, shape }, i) =>
      shape === undefined
        ? views[i]!.length === data.length
        : sameShape(shape, signature.inputs[i]!.shape),
    ),
  );
  if (fitting.length === 1) return [fitting[0]!, values.map(({ data }) => data)];
  const got = values.map(({ shape, data }, i) => {
    const size = shape === undefined ? `of ${data.length} elements` : formatShape(shape);
    return `${inputs[i]!.name} ${size}`;
  });
  const compiled = playable.map(({ signature }) =>
    inputs.map((input, i) => `${input.name} ${formatShape(signature.inputs[i]!.shape)}`).join(' '),
  );
  throw new PlayerError(
    'shape',
    fitting.length === 0
      ? `${name} was not compiled for this shape`
      : `${name} was compiled for several shapes of this size: give the shape`,
    got.join(' '),
    compiled.join(' or '),
  );
}

interface Accepted {
  readonly data: ElementArray;
  readonly shape: readonly number[] | undefined;
}

function accept(
  { name, dtype, shape }: { name: string; dtype: ElementType; shape: TensorType['shape'] },
  value: TensorInput | ElementArray | undefined,
): Accepted {
  const refuse = (problem: string, got: string | undefined, wanted: string): never => {
    throw new PlayerError('input', `input ${name} ${problem}`, got, wanted);
  };
  if (value === undefined || value === null) {
    return refuse('is missing', undefined, `${dtype}${formatShape(shape)}`);
  }
  const bare = ArrayBuffer.isView(value);
  const { data, dtype: given = dtype } = bare ? { data: value } : (value as TensorInput);
  if (given !== dtype) refuse('has another type', given, dtype);
  if (!isArrayOf(dtype, data)) {
    const got = Object.prototype.toString.call(data).slice(8, -1);
    return refuse(`takes its ${dtype} elements in another array`, got, arrayName(dtype));
  }
  if (bare) return { data, shape: undefined };
  const { shape: sizes } = value as TensorInput;
  if (!Array.isArray(sizes) || sizeOf(sizes) !== data.length) {
    refuse('has elements that do not fill its shape', `${data.length}`, formatShape(sizes ?? []));
  }
  return { data, shape: sizes };
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dim, i) => dim === b[i]);

class Player implements Model {
  readonly plan: Plan;
  readonly name: string;
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly #functions: ReadonlyMap<string, Callable>;
  readonly #first: Callable;
  readonly #bytes: Uint8Array;
  readonly #state: ReadonlyMap<string, ElementArray>;

  constructor(plan: Plan, buffer: ArrayBuffer, entries: ReadonlyMap<string, Entry>) {
    this.plan = plan;
    this.name = plan.name;
    this.#bytes = new Uint8Array(buffer);
    const entryOf = ({ entry, arguments: table, pointers }: EntryCall): Entry => {
      new Uint32Array(buffer, table, pointers.length).set(pointers);
      return entries.get(entry)!;
    };
    for (const step of plan.prepare) entryOf(step)(step.arguments, 0, 1);
    const callable = plan.functions.map((fn): Callable => ({
      fn,
      playable: fn.signatures.map((signature) => ({
        signature,
        inputs: viewsOf(fn.inputs, signature.inputs, buffer),
        outputs: viewsOf(fn.outputs, signature.outputs, buffer),
        run: entryOf(signature),
      })),
    }));
    this.#functions = new Map(callable.map((c) => [c.fn.name, c]));
    this.#first = callable[0]!;
    ({ inputs: this.inputs, outputs: this.outputs } = this.#first.fn);
    this.#state = new Map(
      plan.state.map(({ name, dtype, shape, address }) => [
        name,
        viewOf(dtype, buffer, address, sizeOf(shape)),
      ]),
    );
  }

  run(inputs: Inputs): Outputs {
    return this.#call(this.#first, inputs);
  }

  call(name: string, inputs: Inputs): Outputs {
    const callable = this.#functions.get(name);
    if (callable !== undefined) return this.#call(callable, inputs);
    const wanted = [...this.#functions.keys()].join(', ');
    throw new PlayerError('input', `model ${this.name} has no such function`, name, wanted);
  }

  #call(callable: Callable, given: Inputs): Outputs {
    const [{ signature, inputs, outputs, run }, arrays] = match(callable, given);
    arrays.forEach((array, i) => write(inputs[i]!, array));
    run(signature.arguments, 0, 1);
    const results = callable.fn.outputs.map(({ name, dtype }, i): [string, HostTensor] => [
      name,
      { dtype, shape: signature.outputs[i]!.shape, data: outputs[i]!.slice() },
    ]);
    for (const { from, to, bytes } of signature.copies) {
      this.#bytes.copyWithin(to, from, from + bytes);
    }
    return Object.fromEntries(results);
  }

  state(): Outputs {
    return Object.fromEntries(
      this.plan.state.map(({ name, dtype, shape }): [string, HostTensor] => [
        name,
        { dtype, shape, data: this.#state.get(name)!.slice() },
      ]),
    );
  }

  loadState(values: Inputs): void {
    const names = Object.keys(values);
    const accepted = names.map((name) => {
      const slot = this.plan.state.find((state) => state.name === name);
      if (slot === undefined) {
        const wanted = [...this.#state.keys()].join(', ');
        throw new PlayerError('input', `model ${this.name} has no such state`, name, wanted);
      }
      const { data, shape } = accept(slot, values[name]);
      if (!sameShape(shape ?? slot.shape, slot.shape) || data.length !== sizeOf(slot.shape)) {
        const got = shape === undefined ? `${data.length} elements` : formatShape(shape);
        const wanted = formatShape(slot.shape);
        throw new PlayerError('shape', `state ${name} has another shape`, got, wanted);
      }
      return data;
    });
    names.forEach((name, i) => write(this.#state.get(name)!, accepted[i]!));
  }
}

/** `to` and `from` are arrays of one class: `accept` has seen to it. */
function write(to: ElementArray, from: ElementArray): void {
  (to as Float32Array).set(from as Float32Array);
}
