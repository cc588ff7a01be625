/**
 * Shapes of all values of a model with named axes. The graph is built at several sizes of the open axes,
 * without computing anything, and what its shapes do is written as formulas: rules of shape exist once, in
 * the operators, and constants and computed shapes (Shape, Gather, Concat) propagate as when it runs.
 */
import { HebbError, isDType, placeholder } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { evaluateOnHost } from '../import/evaluate.ts';
import type { OnnxModel } from '../import/model.ts';
import type { Need } from '../import/need.ts';
import type { Dim, ValueType } from '../import/types.ts';
import { allocateHost, dtypeOf, isTensorValue, shapeOf } from '../import/value.ts';
import type { HostTensor, Value } from '../import/value.ts';
import { assignments, fitSize } from './fit.ts';
import type { Sizes } from './fit.ts';

export interface InferredShapes {
  /** Types of the values that nodes of the main graph make. A size of null depends on the data. */
  readonly values: ReadonlyMap<string, ValueType>;
  /** Why some values are missing. */
  readonly note?: string;
}

/** Multiples to try: networks with pooling or strides need a certain size, or a divisible one. */
const scales = [1, 2, 4, 8, 16, 32, 64];
/** More axes than this are fixed at their base. */
const mostAxes = 6;
/** Numbers that one shape may depend on. */
const most = 1 << 16;
/** Steps of a loop that are followed. */
const steps = 8;

type Seen = Map<
  string,
  { readonly type: ValueType; readonly shape: readonly number[] | undefined }
>;

interface Trace {
  readonly seen: Seen;
  /** Numbers were asked for that only a run has. */
  readonly asked: boolean;
  readonly error: string | undefined;
}

/** Shapes of everything that can be known without running the model. Throws nothing. */
export function inferShapes(model: OnnxModel): InferredShapes {
  const names = openAxes(model.inputs).slice(0, mostAxes);
  let best: { at: readonly Sizes[]; trace: Trace } | undefined;
  for (const scale of names.length === 0 ? [1] : scales) {
    const at = assignments(names, scale);
    const trace = traceAt(model, at[0]!, 0);
    if (best === undefined || trace.seen.size > best.trace.seen.size) best = { at, trace };
    if (trace.error === undefined) break;
  }
  const { at, trace: base } = best!;
  const others = at.slice(1).map((sizes) => traceAt(model, sizes, 0));
  // What depends on data is told by giving other numbers for it.
  const doubts = base.asked ? [traceAt(model, at[0]!, 1)] : [];
  const values = new Map<string, ValueType>();
  for (const [name, { type, shape }] of base.seen) {
    if (shape === undefined) {
      values.set(name, type);
      continue;
    }
    const shapes = others.map(({ seen }) => seen.get(name)?.shape);
    const doubted = doubts.map(({ seen }) => seen.get(name)?.shape);
    if ([...shapes, ...doubted].some((s) => s !== undefined && s.length !== shape.length)) {
      values.set(name, { ...type });
      continue;
    }
    const dims = shape.map((size, axis): Dim => {
      if (doubted.some((s) => s === undefined || s[axis] !== size)) return null;
      // At some sizes the model may not work as far as here: those say nothing.
      const present = at.flatMap((sizes, t) => {
        const seen = t === 0 ? size : shapes[t - 1]?.[axis];
        return seen === undefined ? [] : [{ sizes, seen }];
      });
      return varied(
        present.map(({ sizes }) => sizes),
        names,
      )
        ? fitSize(
            present.map(({ seen }) => seen),
            present.map(({ sizes }) => sizes),
          )
        : null;
    });
    values.set(name, { ...type, shape: dims });
  }
  const { error } = base;
  return error === undefined ? { values } : { values, note: error };
}

/** Whether each axis has enough values of its own to tell what follows it. */
function varied(at: readonly Sizes[], names: readonly string[]): boolean {
  return names.every((name) => new Set(at.map((sizes) => sizes[name])).size > 2);
}

/** Names of open axes; those without a name are called after their input. */
function openAxes(inputs: readonly ValueType[]): string[] {
  const names = new Set<string>();
  for (const input of inputs) {
    input.shape?.forEach((dim, axis) => {
      if (typeof dim !== 'number') names.add(dim ?? unnamed(input, axis));
    });
  }
  return [...names];
}

const unnamed = ({ name }: ValueType, axis: number): string => `${name}.${axis}`;

function traceAt(model: OnnxModel, sizes: Sizes, fill: 0 | 1): Trace {
  const seen: Seen = new Map();
  const main = new Set(model.program.nodes);
  let asked = false;
  const answer = (need: Need): HostTensor => {
    if ('pending' in need) {
      need.pending.catch(() => undefined);
      throw new HebbError('a picture is decoded when the model runs', { op: 'inspect' });
    }
    const { tensor } = need;
    const known = evaluateOnHost(tensor, most);
    if (known !== undefined) return known;
    asked = true;
    if (tensor.size > most)
      throw new HebbError('a shape depends on many numbers', { op: 'inspect' });
    return filled(tensor, fill);
  };
  try {
    const inputs = new Map(model.inputs.map((type) => [type.name, inputOf(type, sizes)]));
    model.interpret(inputs, answer, {
      maxUnrolled: steps,
      trace(node, name, value) {
        if (main.has(node)) seen.set(name, typeOf(name, value));
      },
    });
    return { seen, asked, error: undefined };
  } catch (error) {
    return { seen, asked, error: error instanceof Error ? error.message : String(error) };
  }
}

function filled(tensor: Tensor, value: 0 | 1): HostTensor {
  const host = allocateHost(tensor.dtype, tensor.shape);
  const one = host.data instanceof BigInt64Array || host.data instanceof BigUint64Array ? 1n : 1;
  if (value === 1) (host.data as { fill(value: unknown): void }).fill(one);
  return host;
}

function inputOf(type: ValueType, sizes: Sizes): Value {
  const { name, kind, dtype = 'float32', shape } = type;
  if (kind === 'optional') return { kind: 'optional' };
  if (kind !== 'tensor' || shape === undefined) {
    throw new HebbError(`input ${name} has no shape`, { op: 'inspect' });
  }
  const dims = shape.map((dim, axis) =>
    typeof dim === 'number' ? dim : (sizes[dim ?? unnamed(type, axis)] ?? 1),
  );
  if (isDType(dtype)) return placeholder({ shape: dims, dtype });
  const count = dims.reduce((a, b) => a * b, 1);
  if (dtype === 'string' && count <= most)
    return { dtype, shape: dims, data: new Array<string>(count).fill('') };
  throw new HebbError(`input ${name} is ${dtype}[${dims.join(',')}]`, { op: 'inspect' });
}

function typeOf(
  name: string,
  value: Value,
): { type: ValueType; shape: readonly number[] | undefined } {
  if (isTensorValue(value)) {
    return { type: { name, kind: 'tensor', dtype: dtypeOf(value) }, shape: shapeOf(value) };
  }
  const kind = value.kind === 'sequence' || value.kind === 'map' ? value.kind : 'optional';
  return { type: { name, kind }, shape: undefined };
}
