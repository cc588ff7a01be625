/** The loop primitive: a body run once a step, carrying values along. Recurrent layers and ONNX Scan lower to it. */
import { apply, describe, placeholder } from '../apply.ts';
import { gradients } from '../autodiff.ts';
import { isFloat } from '../dtype.ts';
import { fail } from '../error.ts';
import { Graph, traceGraph } from '../graph.ts';
import { inlineGraph } from '../inline.ts';
import { primitive, withOp } from '../op.ts';
import type { Aval, Op, VjpContext } from '../op.ts';
import { sameShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { zerosLike } from './constant.ts';
import { add } from './elementwise.ts';
import { concat, narrow, reshape } from './movement.ts';

/**
 * Inputs of the node: constants (the same at every step), initial carries, sequences (leading axis: steps).
 * Inputs of the body: constants, carries, one element of each sequence. Outputs of the body: new carries,
 * then elements that are stacked. Outputs of the node: last carries, then the stacked sequences.
 */
type ScanAttrs = {
  readonly body: Graph;
  readonly constants: number;
  readonly carries: number;
  readonly length: number;
  /** Runs from the last step to the first; stacked outputs stay in the order of their inputs. */
  readonly reverse: boolean;
  /** The gradient keeps the carries before each step and computes the rest of the step again. */
  readonly recompute?: boolean;
};

const step = (x: Aval): Aval => ({ shape: x.shape.slice(1), dtype: x.dtype });
const stacked = (x: Aval, length: number): Aval => ({
  shape: [length, ...x.shape],
  dtype: x.dtype,
});

function sameType(a: Aval, b: Aval): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

const scanOp: Op<ScanAttrs> = primitive<ScanAttrs>('scan', {
  infer: (inputs, { body, constants, carries, length }) => {
    const outputs = body.outputs.map((id) => body.values[id]!);
    body.inputs.forEach((id, i) => {
      const given = i < constants + carries ? inputs[i]! : step(inputs[i]!);
      if (!sameType(given, body.values[id]!))
        fail(
          'scan',
          `input ${i} does not fit the body`,
          describe(given),
          describe(body.values[id]!),
        );
      if (i >= constants + carries && inputs[i]!.shape[0] !== length) {
        fail(
          'scan',
          `sequence ${i - constants - carries} has another length`,
          String(inputs[i]!.shape[0]),
          String(length),
        );
      }
    });
    for (let i = 0; i < carries; i++) {
      if (!sameType(outputs[i]!, inputs[constants + i]!)) {
        fail(
          'scan',
          `carry ${i} changes its type`,
          describe(outputs[i]!),
          describe(inputs[constants + i]!),
        );
      }
    }
    return outputs.map((aval, i) => (i < carries ? aval : stacked(aval, length)));
  },
  vjp: (context) => scanGradient(context),
  samples: [],
});

export interface ScanOptions {
  /** Number of steps; needed when there are no sequences. */
  readonly length?: number;
  readonly reverse?: boolean;
  /**
   * Steps of a segment, for long sequences: the gradient keeps the carries at the start of each segment and
   * runs the segment again for what its steps need, so that memory is that of steps / checkpoint carries and
   * of `checkpoint` steps (least near √steps) and the forward pass runs twice. Chen et al. 2016,
   * arXiv:1604.06174. Default: what every step needs is kept.
   */
  readonly checkpoint?: number | undefined;
  /**
   * What the steps read instead of the sequences, made of all of them at once, or of each segment of
   * `checkpoint` steps, where it is not kept either.
   */
  readonly prepare?: ((sequences: readonly Tensor[]) => readonly Tensor[]) | undefined;
}

type ScanBody = (
  carries: Tensor[],
  elements: Tensor[],
) => readonly [readonly Tensor[], readonly Tensor[]];

/**
 * Runs `body(carries, elements) -> [new carries, outputs]` once for each step along the leading axis of
 * the sequences, and returns the last carries and the outputs stacked along a new leading axis. The body
 * may use any tensor around it; what does not depend on the step is computed once, outside the loop.
 * Differentiable to any order; the gradient keeps what one step needs for each step. Throws when a carry
 * changes shape or dtype.
 */
export const scan = withOp(
  scanOp,
  (
    body: ScanBody,
    init: readonly Tensor[],
    sequences: readonly Tensor[] = [],
    { length, reverse = false, checkpoint, prepare = (x) => x }: ScanOptions = {},
  ): [Tensor[], Tensor[]] => {
    const steps = length ?? sequences[0]?.shape[0];
    sequences.forEach((x, i) => {
      if (x.rank === 0) fail('scan', `sequence ${i} is a scalar`);
    });
    if (steps === undefined) fail('scan', 'no sequence and no length given');
    if (!Number.isSafeInteger(steps) || steps < 0)
      fail('scan', 'the length is a non-negative integer', String(steps));
    if (checkpoint !== undefined) {
      if (!Number.isSafeInteger(checkpoint) || checkpoint < 1)
        fail('scan', 'checkpoint is a positive whole number of steps', String(checkpoint));
      if (checkpoint < steps)
        return scanSegments(body, init, sequences, { steps, reverse, size: checkpoint, prepare });
    }
    return scanSteps(body, init, prepare(sequences), { length: steps, reverse });
  },
);

function scanSteps(
  body: ScanBody,
  init: readonly Tensor[],
  sequences: readonly Tensor[],
  how: Pick<ScanAttrs, 'length' | 'reverse' | 'recompute'>,
): [Tensor[], Tensor[]] {
  const carries = init.map((x) => placeholder(x));
  const elements = sequences.map((x) => placeholder(step(x)));
  const [next, outputs] = body(carries, elements);
  if (next.length !== init.length)
    fail(
      'scan',
      'the body returns another number of carries',
      String(next.length),
      String(init.length),
    );
  const { graph, captures } = traceBody([...next, ...outputs], [...carries, ...elements]);
  return splitOutputs(
    apply(scanOp, [...captures, ...init, ...sequences], {
      body: graph,
      constants: captures.length,
      carries: init.length,
      ...how,
    }),
    init.length,
  );
}

/** A loop over segments of `size` steps, each a loop of its own; the steps left over at the end go by themselves. */
function scanSegments(
  body: ScanBody,
  init: readonly Tensor[],
  sequences: readonly Tensor[],
  {
    steps,
    reverse,
    size,
    prepare,
  }: Required<Pick<ScanOptions, 'reverse'>> & {
    readonly prepare: NonNullable<ScanOptions['prepare']>;
    readonly steps: number;
    readonly size: number;
  },
): [Tensor[], Tensor[]] {
  const segments = Math.floor(steps / size);
  const whole = segments * size;
  const part = (from: number, count: number): Tensor[] =>
    sequences.map((x) => narrow(x, 0, from, count));
  const runSegments = (carries: readonly Tensor[]): [Tensor[], Tensor[]] => {
    const [last, outputs] = scanSteps(
      (inner, elements) => scanSteps(body, inner, prepare(elements), { length: size, reverse }),
      carries,
      part(0, whole).map((x) => reshape(x, [segments, size, ...x.shape.slice(1)])),
      { length: segments, reverse, recompute: true },
    );
    return [last, outputs.map((y) => reshape(y, [whole, ...y.shape.slice(2)]))];
  };
  const rest = steps - whole;
  if (rest === 0) return runSegments(init);
  const runRest = (carries: readonly Tensor[]): [Tensor[], Tensor[]] =>
    scanSteps(body, carries, prepare(part(whole, rest)), { length: rest, reverse });
  const [between, first] = reverse ? runRest(init) : runSegments(init);
  const [last, second] = reverse ? runSegments(between) : runRest(between);
  const outputs = first.map((y, i) => concat(reverse ? [second[i]!, y] : [y, second[i]!], 0));
  return [last, outputs];
}

function splitOutputs(outputs: Tensor[], carries: number): [Tensor[], Tensor[]] {
  return [outputs.slice(0, carries), outputs.slice(carries)];
}

/**
 * The body as a graph whose first inputs are what it captured: every value that does not depend on the
 * given inputs is computed outside.
 */
function traceBody(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
): { graph: Graph; captures: Tensor[] } {
  const depends = dependsOn(outputs, inputs);
  // Plain constants stay inside, where they fold; everything else that no step changes comes in from outside.
  const traced = traceGraph(
    outputs,
    inputs,
    (tensor) => !depends(tensor) && tensor.node.op?.name !== 'full',
  );
  const { graph } = traced;
  const own = graph.inputs.slice(0, inputs.length);
  const extra = graph.inputs.slice(inputs.length);
  return {
    graph: new Graph({ ...parts(graph), inputs: [...extra, ...own] }),
    captures: [...traced.captures],
  };
}

const parts = (graph: Graph) => ({
  values: graph.values,
  inputs: graph.inputs,
  nodes: graph.nodes,
  outputs: graph.outputs,
});

/** Whether a tensor's value depends on one of `inputs`, for everything below `outputs`. */
function dependsOn(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
): (tensor: Tensor) => boolean {
  const known = new Map<object, boolean>(inputs.map((x) => [x.node, true]));
  for (const root of outputs) {
    const stack = [{ node: root.node, next: 0 }];
    while (stack.length > 0) {
      const frame = stack[stack.length - 1]!;
      if (known.has(frame.node)) {
        stack.pop();
        continue;
      }
      const input = frame.node.inputs[frame.next];
      if (input !== undefined) {
        frame.next += 1;
        stack.push({ node: input.node, next: 0 });
        continue;
      }
      known.set(
        frame.node,
        frame.node.inputs.some((x) => known.get(x.node) === true),
      );
      stack.pop();
    }
  }
  return (tensor) => known.get(tensor.node) ?? false;
}

/**
 * Reverse mode through the loop. The forward loop is run once more in a form that also stacks, for each
 * step, the inner values that the step's gradient reads (lowering merges it with the original where a
 * backend knows how); then a loop in the other direction carries the cotangents of the carries and sums
 * those of the constants.
 */
function scanGradient({ grads, inputs, attrs, needs }: VjpContext<ScanAttrs>): (Tensor | null)[] {
  const { body, constants, carries, length, reverse, recompute = false } = attrs;
  const real = (x: Aval): boolean => isFloat(x.dtype);
  const constantInputs = inputs.slice(0, constants);
  const initial = inputs.slice(constants, constants + carries);

  // One step, symbolically, with cotangents coming in.
  const holders = body.inputs.map((id) => placeholder(body.values[id]!));
  const results = inlineGraph(body, holders);
  const incoming = results.map((y) => (real(y) ? placeholder(y) : undefined));
  const differentiable = results.map((_, i) => i).filter((i) => incoming[i] !== undefined);
  // Carries need gradients whenever they are real: an earlier step may depend on a needed input through them.
  const wanted = holders
    .map((_, i) => i)
    .filter(
      (i) =>
        real(holders[i]!) && (i >= constants && i < constants + carries ? true : needs[i] === true),
    );
  const found = gradients(
    differentiable.map((i) => results[i]!),
    wanted.map((i) => holders[i]!),
    { cotangents: differentiable.map((i) => incoming[i]!), unused: 'zeros' },
  );

  // Everything that the step's gradient reads and that does not depend on cotangents is kept from the
  // forward pass: constants as they are, the rest stacked. Where the step is to be computed again, that is
  // only what it starts from.
  const cotangentHolders = incoming.filter((x) => x !== undefined);
  const again = recompute ? holders.slice(constants) : [];
  const stepGradient = traceBody(found, [...cotangentHolders, ...again]);
  const kept = stepGradient.captures;
  const dependsOnStep = dependsOn(kept, holders.slice(constants));
  const residuals = kept.filter((x) => dependsOnStep(x));

  // Forward once more, with residuals as further outputs.
  const before = again.slice(0, carries);
  const wide = traceGraph([...results, ...residuals, ...before], holders).graph;
  const stackedResiduals = [
    ...apply(scanOp, inputs, { ...attrs, body: wide }).slice(results.length),
    ...(recompute ? inputs.slice(constants + carries) : []),
  ];

  // What depends on constants alone is computed outside the loop.
  const outside = kept.filter((x) => !dependsOnStep(x));
  const outsideValues =
    outside.length === 0
      ? []
      : inlineGraph(traceGraph(outside, holders).graph, [
          ...constantInputs,
          ...initial,
          ...inputs.slice(constants + carries).map((x) => zerosLike(step(x))),
        ]);

  const realCarries = wanted.filter((i) => i >= constants && i < constants + carries);
  const realConstants = wanted.filter((i) => i < constants);
  const realSequences = wanted.filter((i) => i >= constants + carries);
  const stackedCotangents = differentiable.filter((i) => i >= carries);

  const [last, elements] = scanSteps(
    (state, sequence) => {
      const carried = state.slice(0, realCarries.length);
      const sums = state.slice(realCarries.length);
      const perStep = sequence.slice(0, stackedCotangents.length);
      const residual = sequence.slice(stackedCotangents.length);
      const started = residual.slice(residuals.length);
      const captured = kept.map((x) =>
        dependsOnStep(x) ? residual[residuals.indexOf(x)]! : outsideValues[outside.indexOf(x)]!,
      );
      const cotangents = differentiable.map((i) =>
        i < carries
          ? carried[realCarries.indexOf(constants + i)]!
          : perStep[stackedCotangents.indexOf(i)]!,
      );
      const out = inlineGraph(stepGradient.graph, [...captured, ...cotangents, ...started]);
      const of = (i: number): Tensor => out[wanted.indexOf(i)]!;
      return [
        [...realCarries.map(of), ...realConstants.map((i, k) => add(sums[k]!, of(i)))],
        realSequences.map(of),
      ];
    },
    [
      ...realCarries.map((i) => grads[i - constants]!),
      ...realConstants.map((i) => zerosLike(constantInputs[i]!)),
    ],
    [...stackedCotangents.map((i) => grads[i]!), ...stackedResiduals],
    { length, reverse: !reverse, ...(recompute && { recompute }) },
  );

  const result: (Tensor | null)[] = inputs.map(() => null);
  realCarries.forEach((i, k) => (result[i] = last[k]!));
  realConstants.forEach((i, k) => (result[i] = last[realCarries.length + k]!));
  realSequences.forEach((i, k) => (result[i] = elements[k]!));
  return result;
}

export const scanOps = [scanOp] as Op[];
