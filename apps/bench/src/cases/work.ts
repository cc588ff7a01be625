/** A case with its numbers: the same in every process, drawn from names. */
import { Recorder } from '../models/record.ts';
import type { ParameterSpec, Value } from '../models/record.ts';
import { size } from '../models/record.ts';
import type { Case, InputSpec } from './case.ts';

export type HostArray = Float32Array | Int32Array;

export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: HostArray;
  /** Numbers that the contender keeps in 16 bits. */
  readonly half?: boolean;
}
export interface HostParameter {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  /** See `ParameterSpec.image`. */
  readonly image?: readonly number[];
}

export interface Work<C extends Case = Case> {
  readonly case: C;
  readonly parameters: ReadonlyMap<string, HostParameter>;
  readonly inputs: ReadonlyMap<string, HostTensor>;
}

/** Uniform numbers in [0, 1) from a name: FNV-1a into mulberry32. */
function source(name: string): () => number {
  let state = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function drawInput(name: string, { shape, below, half }: InputSpec): HostTensor {
  const next = source(`input ${name}`);
  const count = size(shape);
  const data =
    below === undefined
      ? Float32Array.from({ length: count }, () => next() * 2 - 1)
      : Int32Array.from({ length: count }, () => Math.floor(next() * below));
  return { shape, data, ...(half === true && { half }) };
}

function drawParameter({ name, shape, draw, image }: ParameterSpec): HostParameter {
  const next = source(name);
  const data = new Float32Array(size(shape));
  if (draw.kind === 'constant') data.fill(draw.value);
  else for (let i = 0; i < data.length; i++) data[i] = draw.low + (draw.high - draw.low) * next();
  return { shape, data, ...(image && { image }) };
}

/** Runs the case over shapes. */
export function record(c: Case): { recorder: Recorder; inputs: Value[]; outputs: Value[] } {
  const recorder = new Recorder();
  const inputs = Object.values(c.inputs).map(({ shape }) => recorder.input(shape));
  if (c.family !== 'train') {
    return { recorder, inputs, outputs: [c.forward(recorder, inputs)] };
  }
  const shared = c.shared?.(recorder, inputs);
  const outputs = c.phases.map((phase) => phase.loss(recorder, inputs, shared));
  return { recorder, inputs, outputs };
}

export function workOf<C extends Case>(c: C): Work<C> {
  const { recorder } = record(c);
  return {
    case: c,
    parameters: new Map(
      [...recorder.parameters.values()].map((spec) => [spec.name, drawParameter(spec)]),
    ),
    inputs: new Map(Object.entries(c.inputs).map(([name, spec]) => [name, drawInput(name, spec)])),
  };
}

/** The same parameters with each batch normalisation folded into the convolution before it. */
export function foldNorms(
  parameters: ReadonlyMap<string, HostParameter>,
): Map<string, HostParameter> {
  const folded = new Map<string, HostParameter>();
  for (const [name, parameter] of parameters) {
    const [, layer, part] = /^(.*)\.(conv\.weight|norm\.\w+)$/.exec(name) ?? [];
    if (layer === undefined || !parameters.has(`${layer}.norm.variance`)) {
      folded.set(name, parameter);
    } else if (part === 'conv.weight') {
      const norm = (key: string) => parameters.get(`${layer}.norm.${key}`)!.data;
      const [gain, shift, mean, variance] = [
        norm('weight'),
        norm('bias'),
        norm('mean'),
        norm('variance'),
      ];
      const factors = gain.map((g, i) => g / Math.sqrt(variance[i]! + 1e-5));
      const each = parameter.data.length / factors.length;
      const data = parameter.data.map((w, i) => w * factors[Math.floor(i / each)]!);
      folded.set(`${layer}.weight`, { ...parameter, data });
      const bias = shift.map((b, i) => b - mean[i]! * factors[i]!);
      folded.set(`${layer}.bias`, { shape: [bias.length], data: bias });
    }
  }
  return folded;
}
