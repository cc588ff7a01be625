/** Composite ops: defined by a body of other ops, kept whole in graphs until a backend expands them. */
import { apply } from './apply.ts';
import { HebbError, fail, withoutPath } from './error.ts';
import { attrsKey } from './graph.ts';
import type { Graph } from './graph.ts';
import { traceFunction } from './inline.ts';
import { newUid } from './op.ts';
import type {
  Attrs,
  AttrValue,
  Aval,
  Op,
  OpFunction,
  OnnxMapping,
  Sample,
  VjpContext,
} from './op.ts';
import { Tensor } from './tensor.ts';
import { setVariableTrace } from './variable.ts';

/** An argument of a composite's body: a tensor, an optional one, or a list of them. */
export type CompositeArg = Tensor | undefined | null | readonly Tensor[];

export interface CompositeSpec<F> {
  /**
   * Takes tensors (optional ones may be left out) or lists of tensors, then at most one plain object of
   * settings; returns a tensor or several. It must read nothing else.
   */
  readonly body: F;
  /**
   * The same values in parts chosen for the shapes at hand, where that takes less work or memory. Backends
   * that compile take it in place of the body; export, gradients and the oracle see the body.
   */
  readonly inParts?: F;
  /** Gradient; the body's when left out. `inputs` are the tensors given, flattened. */
  readonly vjp?: (context: VjpContext) => (Tensor | null | undefined)[];
  readonly onnx?: OnnxMapping;
  readonly samples: readonly Sample[];
}

type Body = (...args: readonly (CompositeArg | Attrs)[]) => Tensor | readonly Tensor[];

/** Attribute under which a call's argument layout travels, where it is not simply one tensor each. */
const LAYOUT = '$args';
const traceCacheSize = 256;

function isAttrs(value: unknown): value is Attrs {
  if (typeof value !== 'object' || value === null) return false;
  // Only plain objects are settings: a Variable or a Module in the last place is a mistake to name.
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

interface Traced {
  readonly graph: Graph;
  readonly single: boolean;
}

/** Graphs of a body by the types of its inputs and its settings. */
function tracer<F extends (...args: never[]) => Tensor | readonly Tensor[]>(
  name: string,
  form: F,
): (avals: readonly Aval[], attrs: Attrs) => Traced {
  const body = form as (...args: readonly never[]) => Tensor | readonly Tensor[] as Body;
  const traces = new Map<string, Traced>();
  return (avals, attrs) => {
    const key = `${avals.map((a) => `${a.dtype}[${a.shape.join(',')}]`).join(' ')} ${attrsKey(attrs)}`;
    let found = traces.get(key);
    if (found === undefined) {
      let single = false;
      const saved = setVariableTrace(undefined);
      try {
        const graph = withoutPath(() =>
          traceFunction(name, avals, (...inputs) => {
            const out = body(...unpack(inputs, attrs));
            single = out instanceof Tensor;
            return out;
          }),
        );
        found = { graph, single };
      } catch (error) {
        // The body ran outside the layer's path: say where, and name the op that the user called.
        if (error instanceof HebbError && error.path === '') throw error.within(name);
        throw error;
      } finally {
        setVariableTrace(saved);
      }
      if (traces.size >= traceCacheSize) traces.delete(traces.keys().next().value!);
      traces.set(key, found);
    }
    return found;
  };
}

/**
 * Declares a composite: `silu = composite('silu', { body: (x, { alpha = 1 } = {}) => ..., samples })`
 * gives a function that adds one named node; the record is its `.op`. ONNX export writes the node by the
 * record's mapping, a backend may run it whole, everything else sees the body.
 */
export function composite<F extends (...args: never[]) => Tensor | readonly Tensor[]>(
  name: string,
  spec: CompositeSpec<F>,
): OpFunction<F> {
  const trace = tracer(name, spec.body);
  const inParts = spec.inParts === undefined ? undefined : tracer(name, spec.inParts);

  const op: Op = {
    name,
    kind: 'composite',
    uid: newUid(),
    infer: (inputs, attrs) => {
      const { graph } = trace(inputs, attrs);
      return graph.outputs.map((id) => graph.values[id]!);
    },
    expand: (inputs, attrs) => trace(inputs, attrs).graph,
    ...(inParts === undefined
      ? {}
      : { expandInParts: (inputs, attrs) => inParts(inputs, attrs).graph }),
    ...(spec.vjp === undefined ? {} : { vjp: spec.vjp }),
    ...(spec.onnx === undefined ? {} : { onnx: spec.onnx }),
    samples: spec.samples,
  };

  const call = (...args: readonly (CompositeArg | Attrs)[]): Tensor | readonly Tensor[] => {
    const { inputs, attrs } = pack(name, args);
    const outputs = apply(op, inputs, attrs);
    return trace(inputs, attrs).single ? outputs[0]! : outputs;
  };
  return Object.assign(call as (...args: never[]) => Tensor | readonly Tensor[] as F, { op });
}

/** Calls an op's record with flattened inputs, as importers and test kits do. */
export function callOp(op: Op, args: readonly CompositeArg[], attrs: Attrs = {}): Tensor[] {
  const packed = pack(op.name, [...args, attrs]);
  return apply(op, packed.inputs, packed.attrs);
}

/** Flattens arguments: `x` one tensor, `-` one left out, `3` a list of three. */
function pack(
  name: string,
  args: readonly (CompositeArg | Attrs)[],
): { inputs: Tensor[]; attrs: Attrs } {
  const last = args.at(-1);
  const hasAttrs = isAttrs(last);
  const attrs: Record<string, AttrValue> = {};
  if (hasAttrs) {
    for (const [key, value] of Object.entries(last)) if (value !== undefined) attrs[key] = value;
  }
  const inputs: Tensor[] = [];
  const layout: string[] = [];
  for (const arg of hasAttrs ? args.slice(0, -1) : args) {
    if (arg instanceof Tensor) {
      inputs.push(arg);
      layout.push('x');
    } else if (arg === undefined || arg === null) {
      layout.push('-');
    } else if (isTensorList(arg)) {
      inputs.push(...arg);
      layout.push(String(arg.length));
    } else {
      fail(
        name,
        'an argument is not a tensor',
        typeof arg === 'object' ? arg.constructor.name : typeof arg,
        'a Tensor, a list of them, or settings last',
      );
    }
  }
  // With settings given, what was left out before them must keep its place.
  while (!hasAttrs && layout.at(-1) === '-') layout.pop();
  if (layout.some((entry) => entry !== 'x')) attrs[LAYOUT] = layout.join(' ');
  return { inputs, attrs };
}

function isTensorList(value: unknown): value is readonly Tensor[] {
  return Array.isArray(value) && value.every((item) => item instanceof Tensor);
}

function unpack(inputs: readonly Tensor[], attrs: Attrs): (CompositeArg | Attrs)[] {
  const layout = attrs[LAYOUT];
  const settings = { ...attrs };
  delete settings[LAYOUT];
  const args: (CompositeArg | Attrs)[] = [];
  if (typeof layout === 'string') {
    let next = 0;
    for (const entry of layout.split(' ')) {
      if (entry === 'x') args.push(inputs[next++]);
      else if (entry === '-') args.push(undefined);
      else {
        const count = Number(entry);
        args.push(inputs.slice(next, next + count));
        next += count;
      }
    }
  } else args.push(...inputs);
  return Object.keys(settings).length === 0 ? args : [...args, settings];
}

/** Which positional arguments a composite node was given: entries as in `pack`; all 'x' when undefined. */
export function argumentLayout(attrs: Attrs): readonly string[] | undefined {
  const layout = attrs[LAYOUT];
  return typeof layout === 'string' ? layout.split(' ') : undefined;
}
