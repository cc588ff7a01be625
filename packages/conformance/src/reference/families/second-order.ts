/** Family `second_order`: outputs hold first derivatives already, gradients go through them. */
import { add, alias, gradients, mul, reshape, stack, sub, sum, type Tensor } from '@hebb/core';
import * as core from '@hebb/core';
import * as ops from '@hebb/ops';
import { ints, maybeNum, num, text } from '../attrs.ts';
import type { AttrValue, CaseAttrs, CaseTable, Outputs, Tensors } from '../case.ts';
import { evaluate } from '../expression.ts';

/** The gradient of a scalar; the tensors are the very ones the scalar was computed from. */
const gradient = (y: Tensor, x: Tensor): Tensor => gradients(y, [x])[0]!;

function indices(attrs: CaseAttrs): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const [name, value] of Object.entries(attrs))
    if (Array.isArray(value)) found[name] = ints(value);
  return found;
}

type Activation = (x: Tensor) => Tensor;
function activation(name: AttrValue | undefined, slope: AttrValue | undefined): Activation {
  const table: Readonly<Record<string, Activation>> = {
    elu: (x) => ops.elu(x),
    gelu: (x) => ops.gelu(x),
    leaky_relu: (x) => ops.leakyRelu(x, { negativeSlope: maybeNum(slope) ?? 0.01 }),
    mish: ops.mish,
    relu: ops.relu,
    sigmoid: ops.sigmoid,
    silu: (x) => ops.silu(x),
    softplus: (x) => ops.softplus(x),
    tanh: core.tanh,
  };
  const found = table[text(name)];
  return found ?? core.fail('reference', 'unknown activation', text(name));
}

/** fc0, activation, fc1, ... without an activation after the last. */
function mlp(x: Tensor, tensors: Tensors, f: Activation): Tensor {
  let y = x;
  for (let k = 0; tensors[`fc${k}.weight`] !== undefined; k++) {
    y = ops.linear(k === 0 ? y : f(y), tensors[`fc${k}.weight`]!, tensors[`fc${k}.bias`]);
  }
  return y;
}
/** conv0 (3 x 3, stride 2, pad 1), activation, conv1, ..., group norm before the last activation, head. */
function convCritic(x: Tensor, tensors: Tensors, attrs: CaseAttrs): Tensor {
  const f = activation(attrs['activation'], attrs['negative_slope']);
  const groups = maybeNum(attrs['group_norm_groups']);
  let y = x;
  for (let k = 0; tensors[`conv${k}.weight`] !== undefined; k++) {
    y = ops.conv2d(y, tensors[`conv${k}.weight`]!, tensors[`conv${k}.bias`], {
      stride: 2,
      padding: 1,
    });
    const last = tensors[`conv${k + 1}.weight`] === undefined;
    if (last && groups !== undefined)
      y = ops.groupNorm(y, groups, tensors['norm.weight'], tensors['norm.bias']);
    y = f(y);
  }
  return ops.linear(y.flatten(1), tensors['head.weight']!, tensors['head.bias']);
}

function gradientPenalty(tensors: Tensors, attrs: CaseAttrs): Outputs {
  const { real, fake, eps } = tensors;
  const critic = (x: Tensor): Tensor =>
    tensors['fc0.weight'] === undefined
      ? convCritic(x, tensors, attrs)
      : mlp(x, tensors, activation(attrs['activation'], attrs['negative_slope']));
  const share = reshape(eps!, [eps!.size, ...real!.shape.slice(1).map(() => 1)]);
  const between = add(mul(share, real!), mul(sub(1, share), fake!)).detach();
  const point = alias(between);
  const slope = gradient(sum(critic(point)), point);
  const norms = ops.norm(slope.flatten(1), 2, 1);
  const miss = sub(norms, 1);
  const penalty = ops.mean(mul(miss, miss));
  const total = add(
    sub(ops.mean(critic(fake!)), ops.mean(critic(real!))),
    mul(penalty, num(attrs['lambda'])),
  );
  return { penalty, norms, total };
}

/** Named parameters of a network: what is not an input. */
const parametersOf = (tensors: Tensors): [string, Tensor][] =>
  Object.entries(tensors).filter(([name]) => /^(fc|conv|head|norm)\d*\./.test(name));

function lossOf(kind: AttrValue | undefined, output: Tensor, target: Tensor): Tensor {
  return kind === 'cross_entropy' ? ops.crossEntropy(output, target) : ops.mseLoss(output, target);
}

export const secondOrder: CaseTable = {
  derivatives: ({ x }, { function: source }, { note }) => {
    const y = evaluate(text(source), { x: x! });
    const first = gradient(sum(y), x!);
    const squared = note?.includes('sum(first^2)') === true;
    const second = gradient(sum(squared ? mul(first, first) : first), x!);
    return { first, second };
  },
  hessian: ({ x }, attrs) => {
    const first = gradient(evaluate(text(attrs['function']), { x: x! }, indices(attrs)), x!);
    const flat = reshape(first, [x!.size]);
    const rows = Array.from({ length: x!.size }, (_, i) =>
      reshape(gradient(reshape(flat.narrow(0, i, 1), []), x!), [x!.size]),
    );
    return { gradient: first, hessian: stack(rows) };
  },
  squared_gradient: (tensors, attrs) => {
    const y = evaluate(text(attrs['function']), tensors, indices(attrs));
    const first = gradient(y, tensors['x']!);
    return sum(mul(first, first));
  },
  gradient_penalty: gradientPenalty,
  r1_penalty: (tensors, attrs) => {
    const x = tensors['x']!;
    const score = mlp(x, tensors, activation(attrs['activation'], attrs['negative_slope']));
    const slope = gradient(sum(ops.softplus(score.neg())), x);
    return mul(ops.mean(sum(mul(slope, slope).flatten(1), 1)), 0.5);
  },
  hessian_vector_product: (tensors, attrs) => {
    const f = activation(attrs['activation'], attrs['negative_slope']);
    const loss = lossOf(attrs['loss'], mlp(tensors['x']!, tensors, f), tensors['target']!);
    const named = parametersOf(tensors);
    const wrt = named.map(([, value]) => value);
    const first = gradients(loss, wrt);
    const inner = first
      .map((g, i) => sum(mul(g, tensors[`v.${named[i]![0]}`]!)))
      .reduce((a, b) => add(a, b));
    const products = gradients(inner, wrt);
    return Object.fromEntries([
      ['loss', loss],
      ...named.map(([name], i) => [`grad.${name}`, first[i]!]),
      ...named.map(([name], i) => [`Hv.${name}`, products[i]!]),
    ]) as Tensors;
  },
  maml: (tensors, attrs) => {
    const f = activation(attrs['activation'], attrs['negative_slope']);
    let inner: Tensors = Object.fromEntries(parametersOf(tensors));
    for (let step = 0; step < num(attrs['inner_steps']); step++) {
      const named = Object.entries(inner);
      const output = mlp(tensors['x_support']!, inner, f);
      const slopes = gradients(
        ops.mseLoss(output, tensors['y_support']!),
        named.map(([, value]) => value),
      );
      inner = Object.fromEntries(
        named.map(([name, value], i) => [
          name,
          sub(value, mul(slopes[i]!, num(attrs['inner_lr']))),
        ]),
      );
    }
    return ops.mseLoss(mlp(tensors['x_query']!, inner, f), tensors['y_query']!);
  },
};
