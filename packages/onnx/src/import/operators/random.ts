/** Random numbers: keyed by the node's seed, or by the default generator, whose state goes along. */
import { cast, defaultGenerator, div, full, random, reshape, tensor, where } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorEntry, OperatorTable } from '../table.ts';
import type { Value } from '../value.ts';

/** The bits of the seed, a float of most operators and an integer of Dropout, as a key. */
function key(c: Call): Tensor {
  if (!c.attr.has('seed')) return defaultGenerator.next();
  const seed = c.attr.value('seed');
  const number = seed?.type === 'int' ? Number(seed.value) : c.attr.float('seed');
  const bits = new Uint32Array(Float32Array.of(number).buffer);
  return tensor(Uint32Array.of(bits[0]!, 0), { dtype: 'uint32' });
}

function typeOf(c: Call): DType {
  const number = c.attr.int('dtype', 0);
  if (number !== 0) return c.coreDType(c.dtypeAttribute('dtype'));
  return c.count > 0 && c.op.endsWith('Like') ? c.coreDType(c.dtype(0)) : 'float32';
}

function shapeOf(c: Call): readonly number[] {
  return c.op.endsWith('Like') ? c.shape(0) : (c.attr.ints('shape') ?? []);
}

const normal: OperatorEntry = since(1, (c) =>
  random.normal(key(c), shapeOf(c), {
    mean: c.attr.float('mean', 0),
    std: c.attr.float('scale', 1),
    dtype: typeOf(c),
  }),
);
const uniform: OperatorEntry = since(1, (c) =>
  random.uniform(key(c), shapeOf(c), {
    low: c.attr.float('low', 0),
    high: c.attr.float('high', 1),
    dtype: typeOf(c),
  }),
);

function bernoulli(c: Call): Tensor {
  const p = c.tensor(0);
  const number = c.attr.int('dtype', 0);
  const dtype = number === 0 ? p.dtype : c.coreDType(c.dtypeAttribute('dtype'));
  return cast(random.uniform(key(c), p.shape).lt(cast(p, 'float32')), dtype);
}

/** Class numbers drawn by unnormalised log-probabilities, by the largest of Gumbel-shifted ones. */
function multinomial(c: Call): Tensor {
  const logits = c.tensor(0);
  const [batch, classes] = logits.shape as [number, number];
  const count = c.attr.int('sample_size', 1);
  const u = random.uniform(key(c), [batch, count, classes]);
  const gumbel = u.maximum(1e-30).log().neg().log().neg();
  const best = gumbel.add(reshape(cast(logits, 'float32'), [batch, 1, classes])).argmax(2);
  return cast(best, c.coreDType(c.dtypeAttribute('dtype', 'int32')));
}

/** Drops when the file asks for it or the model is being trained; else the identity. */
function dropout(c: Call): Value[] {
  const x = c.tensor(0);
  const ratio = c.opset < 12 ? c.attr.float('ratio', 0.5) : c.has(1) ? c.number(1) : 0.5;
  const asked =
    c.opset >= 12 ? c.has(2) && c.number(2) !== 0 : c.opset < 7 && !c.attr.bool('is_test');
  const training = asked || c.training;
  if (!training || ratio === 0) {
    const type = c.opset < 10 ? x.dtype : 'bool';
    return c.wants(1) ? [x, full(x.shape, 1, type)] : [x];
  }
  const keep = random.uniform(key(c), x.shape).ge(ratio);
  return [where(keep, div(x, 1 - ratio), 0), c.opset < 10 ? cast(keep, x.dtype) : keep];
}

export const randomOperators: OperatorTable = {
  RandomNormal: [normal],
  RandomNormalLike: [normal],
  RandomUniform: [uniform],
  RandomUniformLike: [uniform],
  Bernoulli: [since(1, bernoulli)],
  Multinomial: [since(1, multinomial)],
  Dropout: [since(1, dropout)],
};
