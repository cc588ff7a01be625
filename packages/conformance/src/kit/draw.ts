/** Inputs from samples: seeded, reproducible, and away from the points where functions have kinks. */
import { callOp, dtypeInfo, isFloat, isInteger, sizeOf } from '@hebb/core';
import type {
  Attrs,
  Aval,
  CompositeArg,
  DType,
  HostArray,
  Op,
  Sample,
  SampleInput,
  Tensor,
} from '@hebb/core';
import { toHost, store } from './definitions/values.ts';
import type { Num } from './definitions/values.ts';

/** Uniform numbers in [0, 1) from a seed (mulberry32): test data must not come from what is tested. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal (Box and Muller). */
export function normalFrom(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export interface Drawn {
  readonly aval: Aval;
  readonly data: HostArray;
}
type DrawnArg = Drawn | null | readonly Drawn[];

export interface DrawOptions {
  readonly seed: number;
  /** What inputs without a dtype of their own get. */
  readonly type: DType;
  /** What inputs that the sample declares int32 get; default int32. */
  readonly integer?: DType;
}

/** A sample with numbers in it. */
export interface Case {
  readonly op: Op;
  readonly sample: Sample;
  readonly inputs: readonly Drawn[];
  readonly attrs: Attrs;
  /** The op's outputs on tensors that stand for `inputs`. */
  call(inputs: readonly Tensor[]): Tensor[];
}

interface Source {
  readonly random: () => number;
  /** Floats drawn so far: two inputs that are equal put `max`, `sort` and comparisons on a kink. */
  readonly floats: number[];
}

/** Distance that floats keep from each other and from multiples of one half (rounding, abs, relu...). */
const margin = 2e-3;
const manyFloats = 600;

function drawFloat(source: Source, range: readonly [number, number] | undefined): number {
  const { random, floats } = source;
  const once = (): number =>
    range === undefined ? normalFrom(random) : range[0] + random() * (range[1] - range[0]);
  let x = once();
  for (let attempt = 0; attempt < 40; attempt++) {
    const kink = Math.abs(2 * x - Math.round(2 * x)) / 2 < margin;
    const close = floats.length < manyFloats && floats.some((y) => Math.abs(x - y) < margin);
    if (!kink && !close) break;
    x = once();
  }
  floats.push(x);
  return x;
}

function drawInteger(
  random: () => number,
  dtype: DType,
  range: readonly [number, number] | undefined,
): number {
  const unsigned = dtypeInfo(dtype).kind === 'uint';
  let [low, high] = range === undefined ? (unsigned ? [0, 8] : [-4, 4]) : range;
  // A range of real numbers, such as [0.5, 2], holds these integers.
  low = Math.ceil(Math.max(low, unsigned ? 0 : Number(dtypeInfo(dtype).min)));
  high = Math.max(low, Math.floor(Math.min(high, Number(dtypeInfo(dtype).max))));
  return low + Math.floor(random() * (high - low + 1));
}

function drawInput(input: SampleInput, source: Source, options: DrawOptions): Drawn | null {
  if (input === null) return null;
  const spec: Exclude<SampleInput, readonly number[] | null> = isShape(input)
    ? { shape: input }
    : input;
  const dtype =
    spec.dtype === undefined
      ? options.type
      : spec.dtype === 'int32'
        ? (options.integer ?? 'int32')
        : spec.dtype;
  const size = sizeOf(spec.shape);
  const element = (i: number): Num => {
    if (spec.values !== undefined) return adapt(spec.values[i]!, dtype);
    if (dtype === 'bool') return source.random() < 0.5 ? 0 : 1;
    return isFloat(dtype)
      ? drawFloat(source, spec.range)
      : drawInteger(source.random, dtype, spec.range);
  };
  const data = Array.from({ length: size }, (_, i) => store(element(i), dtype));
  return { aval: { shape: spec.shape, dtype }, data: toHost({ dtype, data }) };
}

/** A number written for floats, for an integer type: truncated, and positive where there is no sign. */
function adapt(value: number, dtype: DType): number {
  if (!isInteger(dtype)) return value;
  const whole = Math.trunc(value);
  return dtypeInfo(dtype).kind === 'uint' ? Math.abs(whole) : whole;
}

function isShape(input: SampleInput): input is readonly number[] {
  return Array.isArray(input);
}

/** Draws the inputs of a sample. The same seed gives the same numbers. */
export function draw(op: Op, sample: Sample, options: DrawOptions): Case {
  const source: Source = { random: seededRandom(options.seed), floats: [] };
  const args: DrawnArg[] = sample.in.map((input) =>
    input !== null && 'list' in input
      ? input.list.flatMap((item) => drawInput(item, source, options) ?? [])
      : drawInput(input, source, options),
  );
  const attrs = retype(sample.attrs ?? {}, options.type, args.length > 0);
  const call = (inputs: readonly Tensor[]): Tensor[] => {
    let next = 0;
    const given = args.map((arg): CompositeArg =>
      arg === null ? undefined : isList(arg) ? arg.map(() => inputs[next++]!) : inputs[next++]!,
    );
    return callOp(op, given, attrs);
  };
  const inputs = args.flatMap((arg) => (arg === null ? [] : isList(arg) ? [...arg] : [arg]));
  return { op, sample, inputs, attrs, call };
}

function isList(arg: DrawnArg): arg is readonly Drawn[] {
  return Array.isArray(arg);
}

/** Attributes that name float32 name the float type under test instead: casts and constants follow it. */
function retype(attrs: Attrs, type: DType, hasInputs: boolean): Attrs {
  const { dtype, value } = attrs;
  if (dtype === 'float32' && isFloat(type)) return { ...attrs, dtype: type };
  // A constant that is put among the input's elements (padding) is written in the input's type.
  if (hasInputs && typeof value === 'number') {
    return { ...attrs, value: store(adapt(value, type), type) };
  }
  return attrs;
}

/** The sample as text, for messages. */
export function describeCase({ op, sample, inputs }: Case): string {
  const shapes = inputs.map(({ aval }) => `${aval.dtype}[${aval.shape.join(',')}]`).join(', ');
  const attrs = Object.entries(sample.attrs ?? {}).map(
    ([name, value]) => `${name}: ${Array.isArray(value) ? `[${value.join(',')}]` : String(value)}`,
  );
  const settings = attrs.length === 0 ? '' : `, {${attrs.join(', ')}}`;
  return `${op.name}(${shapes}${settings})${sample.name === undefined ? '' : ` "${sample.name}"`}`;
}
