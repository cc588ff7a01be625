/** ai.onnx.preview.training: gradients and the steps of optimizers. */
import { add, cast, div, gradients, mul, sqrt, sub } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';

/** Inputs after the learning rate and the step come in groups: all values, all gradients, all states. */
function groups(c: Call, kinds: number): Tensor[][] {
  const rest = c.count - 2;
  if (rest % kinds !== 0) c.invalid(`${rest} tensors do not come in groups of ${kinds}`);
  const count = rest / kinds;
  return Array.from({ length: count }, (_, k) =>
    Array.from({ length: kinds }, (_, kind) => c.tensor(2 + kind * count + k)),
  );
}

/** Results in ONNX's order: all first results, then all second ones. */
function byKind(results: readonly (readonly Tensor[])[]): Tensor[] {
  return results[0] === undefined
    ? []
    : results[0].flatMap((_, kind) => results.map((result) => result[kind]!));
}

const regularised = (c: Call, x: Tensor, g: Tensor): Tensor =>
  add(mul(x, c.attr.float('norm_coefficient', 0)), g);

function adagrad(c: Call): Tensor[] {
  const rate = div(
    c.tensor(0),
    add(mul(cast(c.tensor(1), 'float32'), c.attr.float('decay_factor', 0)), 1),
  );
  const epsilon = c.attr.float('epsilon', 0);
  return byKind(
    groups(c, 3).map(([x, g, h]) => {
      const slope = regularised(c, x!, g!);
      const squares = add(h!, mul(slope, slope));
      return [sub(x!, div(mul(rate, slope), add(sqrt(squares), epsilon))), squares];
    }),
  );
}

function adam(c: Call): Tensor[] {
  const [alpha, beta] = [c.attr.float('alpha', 0.9), c.attr.float('beta', 0.999)];
  const epsilon = c.attr.float('epsilon', 0);
  const after = c.attr.float('norm_coefficient_post', 0);
  const step = cast(c.tensor(1), 'float32');
  // At the first step there is nothing to correct for.
  const powers = (base: number): Tensor => sqrt(sub(1, step.mul(Math.log(base)).exp()));
  const correction = div(powers(beta), mul(powers(alpha), powers(alpha)));
  const rate = mul(c.tensor(0), correction.where(step.ne(0), 1));
  return byKind(
    groups(c, 4).map(([x, g, v, h]) => {
      const slope = regularised(c, x!, g!);
      const mean = add(mul(v!, alpha), mul(slope, 1 - alpha));
      const square = add(mul(h!, beta), mul(mul(slope, slope), 1 - beta));
      const next = sub(x!, div(mul(rate, mean), add(sqrt(square), epsilon)));
      return [mul(next, 1 - after), mean, square];
    }),
  );
}

function momentum(c: Call): Tensor[] {
  const alpha = c.attr.float('alpha');
  const beta = c.attr.float('beta');
  const nesterov = c.attr.string('mode') === 'nesterov';
  const rate = c.tensor(0);
  const first = cast(c.tensor(1), 'float32').le(0);
  return byKind(
    groups(c, 3).map(([x, g, v]) => {
      const slope = regularised(c, x!, g!);
      const share = mul(slope, beta);
      const velocity = add(mul(v!, alpha), slope.where(first, share));
      const step = nesterov ? add(slope, mul(velocity, alpha)) : velocity;
      return [sub(x!, mul(rate, step)), velocity];
    }),
  );
}

/** Derivatives of a value of the graph to others; the inputs beyond `xs` are constants to it. */
function gradient(c: Call): Tensor[] {
  const xs = c.attr.strings('xs') ?? c.invalid('xs is missing');
  const y = c.asTensor(c.named(c.attr.string('y')));
  return gradients(
    [y],
    xs.map((_, i) => c.tensor(i)),
  );
}

export const trainingOperators: OperatorTable = {
  Adagrad: [since(1, adagrad)],
  Adam: [since(1, adam)],
  Momentum: [since(1, momentum)],
  Gradient: [since(1, gradient)],
};
