/** Reverse-mode differentiation of the lazy graph. Gradients are graphs again, so any order works. */
import { isFloat } from './dtype.ts';
import { fail } from './error.ts';
import { keepHistory } from './node.ts';
import type { Node } from './node.ts';
import { onesLike, zerosLike } from './primitives/constant.ts';
import { add, alias } from './primitives/elementwise.ts';
import { describe } from './apply.ts';
import { formatShape, sameShape } from './shape.ts';
import { Tensor } from './tensor.ts';
import { inlineGraph } from './inline.ts';
import { treeMap } from './tree.ts';

/** Nodes between `outputs` and `wrt`, each after its inputs; nodes that do not depend on `wrt` left out. */
function dependents(
  outputs: readonly Tensor[],
  wrt: readonly Tensor[],
): { order: Node[]; depends: Set<Node>; cut: boolean } {
  const wanted = new Set(wrt.map((tensor) => tensor.node));
  const depends = new Set<Node>();
  const order: Node[] = [];
  const seen = new Set<Node>();
  for (const root of outputs) {
    const stack: { node: Node; next: number }[] = [{ node: root.node, next: 0 }];
    while (stack.length > 0) {
      const frame = stack[stack.length - 1]!;
      const { node } = frame;
      if (frame.next === 0 && seen.has(node)) {
        stack.pop();
        continue;
      }
      seen.add(node);
      if (frame.next < node.inputs.length) {
        stack.push({ node: node.inputs[frame.next]!.node, next: 0 });
        frame.next += 1;
        continue;
      }
      stack.pop();
      const reached = node.inputs.some((input) => depends.has(input.node));
      if (reached || wanted.has(node)) {
        if (!depends.has(node)) order.push(node);
        depends.add(node);
      }
    }
  }
  return { order, depends, cut: [...seen].some((node) => node.historyDropped) };
}

export interface GradientOptions {
  /** Cotangents of the outputs; left out: 1 for each, which asks for scalar outputs. */
  readonly cotangents?: readonly Tensor[];
  /**
   * What a tensor that the outputs do not depend on gets: zeros, or an error naming it. Left out: zeros,
   * unless the outputs build on values whose numbers were read before, which may be where it was lost.
   */
  readonly unused?: 'zeros' | 'error';
}

/**
 * Gradients of the sum of `outputs` with respect to each tensor of `wrt`, as tensors of their shapes
 * (PyTorch's `autograd.grad`). The history must still be there: a tensor whose numbers were read has none,
 * so differentiate first, or use `grad` and `valueAndGrad`.
 */
export function gradients(
  outputs: Tensor | readonly Tensor[],
  wrt: readonly Tensor[],
  { cotangents, unused }: GradientOptions = {},
): Tensor[] {
  const results = outputs instanceof Tensor ? [outputs] : outputs;
  results.forEach((y, i) => {
    if (!isFloat(y.dtype)) fail('grad', `output ${i} is not real`, y.dtype, 'a float type');
    if (cotangents === undefined && y.size !== 1) {
      fail(
        'grad',
        `output ${i} is not a scalar`,
        formatShape(y.shape),
        'one element, or cotangents',
      );
    }
  });
  for (const x of wrt) {
    if (!isFloat(x.dtype))
      fail('grad', 'cannot differentiate with respect to it', x.dtype, 'a float type');
  }
  if (cotangents !== undefined && cotangents.length !== results.length) {
    fail('grad', 'wrong number of cotangents', `${cotangents.length}`, `${results.length}`);
  }
  cotangents?.forEach((cotangent, i) => {
    const y = results[i]!;
    if (cotangent.dtype !== y.dtype || !sameShape(cotangent.shape, y.shape)) {
      fail('grad', `cotangent ${i} does not fit its output`, describe(cotangent), describe(y));
    }
  });
  const { order, depends, cut } = dependents(results, wrt);
  results.forEach((y, i) => {
    if (y.node.historyDropped && !depends.has(y.node)) {
      fail(
        'grad',
        `output ${i} was computed already and its history is gone: differentiate before reading it, ` +
          'or use `valueAndGrad`',
      );
    }
  });
  const sums = new Map<Node, (Tensor | undefined)[]>();
  const accumulate = (tensor: Tensor, gradient: Tensor): void => {
    let list = sums.get(tensor.node);
    if (list === undefined) sums.set(tensor.node, (list = []));
    const old = list[tensor.output];
    list[tensor.output] = old === undefined ? gradient : add(old, gradient);
  };
  results.forEach((y, i) => {
    if (depends.has(y.node)) accumulate(y, cotangents?.[i] ?? onesLike(y));
  });
  for (let k = order.length - 1; k >= 0; k--) {
    const node = order[k]!;
    const list = sums.get(node);
    if (list === undefined || node.op === null) continue;
    const needs = node.inputs.map((input) => depends.has(input.node) && isFloat(input.dtype));
    if (!needs.includes(true)) continue;
    const found = differentiate(node, list, needs);
    node.inputs.forEach((input, i) => {
      const gradient = found[i];
      if (needs[i] !== true || gradient == null) return;
      if (gradient.dtype !== input.dtype || !sameShape(gradient.shape, input.shape)) {
        fail(
          node.op!.name,
          `its gradient rule is wrong: gradient of input ${i}`,
          describe(gradient),
          describe(input),
        );
      }
      accumulate(input, gradient);
    });
  }
  return wrt.map((x, i) => {
    const gradient = sums.get(x.node)?.[x.output];
    if (gradient !== undefined) return gradient;
    if (!depends.has(x.node) && (unused === 'error' || (unused === undefined && cut))) {
      fail(
        'grad',
        `no output depends on tensor ${i} of shape ${formatShape(x.shape)}` +
          (cut
            ? ': values on the way may have been read, which drops their history; differentiate first, ' +
              "or pass unused: 'zeros' where that is meant"
            : ''),
      );
    }
    return zerosLike(x);
  });
}

function differentiate(
  node: Node,
  list: readonly (Tensor | undefined)[],
  needs: readonly boolean[],
): readonly (Tensor | null | undefined)[] {
  const op = node.op!;
  const outputs = node.avals.map((_, i) => new Tensor(node, i));
  const grads = node.avals.map((aval, i) => list[i] ?? zerosLike(aval));
  if (op.vjp !== undefined) {
    return op.vjp({ grads, inputs: node.inputs, outputs, attrs: node.attrs, needs });
  }
  if (op.expand === undefined) fail(op.name, 'has no gradient rule');
  // A composite without a rule of its own: differentiate its body. The body's forward values written here
  // again are the same subexpressions as in the forward pass, and lowering merges them.
  // Aliases cut the body off from what lies before it, and tell two equal inputs apart.
  const inputs = node.inputs.map((input) => alias(input));
  const inner = inlineGraph(op.expand(node.inputs, node.attrs), inputs);
  const used = inner
    .map((_, i) => i)
    .filter((i) => list[i] !== undefined && isFloat(inner[i]!.dtype));
  const found = gradients(
    used.map((i) => inner[i]!),
    inputs.filter((_, i) => needs[i]),
    { cotangents: used.map((i) => list[i]!), unused: 'zeros' },
  );
  let next = 0;
  return needs.map((need) => (need ? found[next++] : null));
}

/** A function of tensors; what it may take and give are trees of tensors and plain values. */
type TensorFunction<Args extends readonly unknown[], Out> = (...args: Args) => Out;

export interface GradOptions {
  /** Which argument to differentiate; default 0. It is a tensor or a tree of tensors. */
  readonly argument?: number;
}

/**
 * A function that returns both the value and the gradient with respect to one argument (JAX's
 * `value_and_grad`). `fn` returns a scalar tensor, or `[scalar, extra]` where extra is passed through.
 */
export function valueAndGrad<
  Args extends readonly unknown[],
  Out extends Tensor | readonly [Tensor, unknown],
>(
  fn: TensorFunction<Args, Out>,
  { argument = 0 }: GradOptions = {},
): (...args: Args) => [Out, Args[0]] {
  return (...args: Args): [Out, Args[0]] => {
    const wrapped: Tensor[] = [];
    const inner = args.map((arg, i) =>
      i === argument
        ? treeMap(arg, (tensor) => {
            // A node of its own keeps this differentiation apart from any around it.
            const wrap = alias(tensor);
            wrapped.push(wrap);
            return wrap;
          })
        : arg,
    );
    const out = keepHistory(() => fn(...(inner as readonly unknown[] as Args)));
    const value = out instanceof Tensor ? out : out[0];
    const found = gradients(value, wrapped, { unused: 'zeros' });
    let next = 0;
    return [out, treeMap(args[argument] as Args[0], () => found[next++]!)];
  };
}

/** The gradient of a scalar function with respect to one argument (JAX's `grad`); apply twice for second order. */
export function grad<Args extends readonly unknown[]>(
  fn: TensorFunction<Args, Tensor>,
  options: GradOptions = {},
): (...args: Args) => Args[0] {
  const both = valueAndGrad(fn, options);
  return (...args: Args) => both(...args)[1];
}

/** Pulls cotangents back through `fn` at the inputs: returns the outputs and the function that does it. */
export function vjp(
  fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  ...inputs: Tensor[]
): [Tensor[], (...cotangents: Tensor[]) => Tensor[]] {
  const wrapped = inputs.map((x) => alias(x));
  const out = keepHistory(() => fn(...wrapped));
  const outputs = out instanceof Tensor ? [out] : [...out];
  return [outputs, (...cotangents) => gradients(outputs, wrapped, { cotangents, unused: 'zeros' })];
}
