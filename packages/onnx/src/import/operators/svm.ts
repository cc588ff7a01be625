/** Support vector machines of scikit-learn. */
import {
  add,
  cast,
  concat,
  exp,
  gt,
  matmul,
  mul,
  pow,
  reshape,
  sub,
  sum,
  tanh,
  tensor,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { sigmoid } from '@hebb/ops';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import type { Value } from '../value.ts';
import { classLabels, labelled, postTransform } from './ml.ts';

const floats = (list: readonly number[], shape: readonly number[] = [list.length]): Tensor =>
  tensor(Float32Array.from(list), { shape });

/** Similarities of rows to vectors. Shape: [N, F], [S, F] -> [N, S]. */
function kernel(c: Call, x: Tensor, vectors: Tensor): Tensor {
  const [gamma = 0, coef0 = 0, degree = 0] = c.attr.floats('kernel_params') ?? [];
  const products = (): Tensor => matmul(x, vectors, { transposeB: true });
  switch (c.attr.string('kernel_type', 'LINEAR')) {
    case 'LINEAR':
      return products();
    case 'POLY':
      return pow(add(mul(products(), gamma), coef0), degree);
    case 'SIGMOID':
      return tanh(add(mul(products(), gamma), coef0));
    case 'RBF': {
      const squares = (v: Tensor): Tensor => sum(mul(v, v), 1, true);
      const distance = sub(add(squares(x), squares(vectors).transpose()), mul(products(), 2));
      return exp(mul(distance, -gamma));
    }
    default:
      return c.unsupported(`kernel ${c.attr.string('kernel_type')}`);
  }
}

function rows(c: Call): Tensor {
  const x = cast(c.tensor(0), 'float32');
  return reshape(x, [x.rank > 1 ? x.shape[0]! : 1, -1]);
}

function regressor(c: Call): Tensor {
  const x = rows(c);
  const count = c.attr.int('n_supports', 0);
  const coefficients = c.attr.floats('coefficients') ?? [];
  const rho = floats(c.attr.floats('rho') ?? [0]);
  const width = x.shape[1]!;
  let y: Tensor;
  if (count > 0) {
    const vectors = floats(c.attr.floats('support_vectors') ?? [], [count, width]);
    y = matmul(kernel(c, x, vectors), floats(coefficients, [count, 1]));
  } else y = kernel(c, x, floats(coefficients, [1, width]));
  const total = add(y, rho);
  const scores = c.attr.bool('one_class') ? where(gt(total, 0), 1, -1) : total;
  return postTransform(c, cast(scores, 'float32'));
}

/** Pairs of classes i < j in the order in which their decisions are stored. */
function pairsOf(classes: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < classes; i++) for (let j = i + 1; j < classes; j++) pairs.push([i, j]);
  return pairs;
}

function classifier(c: Call): Value[] {
  const x = rows(c);
  const labels = classLabels(c);
  const classes = labels?.data.length ?? 2;
  const perClass = c.attr.ints('vectors_per_class', []);
  const coefficients = c.attr.floats('coefficients') ?? [];
  const rho = c.attr.floats('rho') ?? [];
  const probA = c.attr.floats('prob_a') ?? [];
  const probB = c.attr.floats('prob_b') ?? [];
  const count = perClass.reduce((a, b) => a + b, 0);
  if (count === 0) return linearClassifier(c, x, classes, coefficients, rho);
  const width = x.shape[1]!;
  const vectors = floats(c.attr.floats('support_vectors') ?? [], [count, width]);
  const similar = kernel(c, x, vectors);
  const starts = perClass.map((_, k) => perClass.slice(0, k).reduce((a, b) => a + b, 0));
  const pairs = pairsOf(classes);
  // Row k of the dual coefficients holds those of each vector against the k-th other class.
  const decisions = pairs.map(([i, j], p) => {
    const weights = new Float32Array(count);
    for (let s = 0; s < perClass[i]!; s++) {
      weights[starts[i]! + s] = coefficients[(j - 1) * count + starts[i]! + s]!;
    }
    for (let s = 0; s < perClass[j]!; s++) {
      weights[starts[j]! + s] = coefficients[i * count + starts[j]! + s]!;
    }
    return add(matmul(similar, floats([...weights], [count, 1])), rho[p] ?? 0);
  });
  const votes = Array.from({ length: classes }, (_, k) =>
    pairs
      .map(([i, j], p) =>
        i === k
          ? cast(gt(decisions[p]!, 0), 'float32')
          : j === k
            ? cast(decisions[p]!.le(0), 'float32')
            : undefined,
      )
      .filter((vote) => vote !== undefined)
      .reduce((a, b) => add(a, b)),
  );
  if (probA.length > 0) {
    const chance = decisions.map((d, p) => sigmoid(add(mul(d, -probA[p]!), -probB[p]!)));
    const probabilities = coupled(pairs, chance, classes, x.shape[0]!);
    return [labelled(c, labels, probabilities.argmax(1)), probabilities];
  }
  const index = concat(votes, 1).argmax(1);
  if (classes === 2) {
    const [score] = decisions;
    return [labelled(c, labels, index), postTransform(c, concat([score!.neg(), score!], 1).neg())];
  }
  return [labelled(c, labels, index), postTransform(c, concat(decisions, 1))];
}

/** Class probabilities from those of pairs: Wu, Lin and Weng 2004, second method, a fixed number of rounds. */
function coupled(
  pairs: readonly (readonly [number, number])[],
  chance: readonly Tensor[],
  classes: number,
  n: number,
): Tensor {
  const tiny = 1e-7;
  const r = (i: number, j: number): Tensor => {
    const p = pairs.findIndex(([a, b]) => (a === i && b === j) || (a === j && b === i));
    const value = chance[p]!.maximum(tiny).minimum(1 - tiny);
    return pairs[p]![0] === i ? value : sub(1, value);
  };
  const q = Array.from({ length: classes }, (_, i) =>
    Array.from({ length: classes }, (__, j): Tensor => {
      if (i !== j) return mul(r(j, i), r(i, j)).neg();
      return Array.from({ length: classes }, (___, k) => k)
        .filter((k) => k !== i)
        .map((k) => mul(r(k, i), r(k, i)))
        .reduce((a, b) => add(a, b));
    }),
  );
  let p = Array.from({ length: classes }, () =>
    tensor(new Float32Array(n).fill(1 / classes), { shape: [n, 1] }),
  );
  for (let round = 0; round < 30; round++) {
    for (let t = 0; t < classes; t++) {
      const qp = (i: number): Tensor =>
        p.map((pj, j) => mul(q[i]![j]!, pj)).reduce((a, b) => add(a, b));
      const all = p.map((_, i) => qp(i));
      const total = p.map((pi, i) => mul(pi, all[i]!)).reduce((a, b) => add(a, b));
      const step = sub(total, all[t]!).div(q[t]![t]!);
      const norm = add(step, 1);
      p = p.map((pi, i) => (i === t ? add(pi, step) : pi).div(norm));
    }
  }
  return concat(p, 1);
}

function linearClassifier(
  c: Call,
  x: Tensor,
  classes: number,
  coefficients: readonly number[],
  rho: readonly number[],
): Value[] {
  const width = x.shape[1]!;
  const weights = floats(coefficients, [coefficients.length / width, width]);
  const scores = add(kernel(c, x, weights), rho[0] ?? 0);
  return [labelled(c, classLabels(c), scores.argmax(1)), postTransform(c, scores)];
}

export const svmOperators: OperatorTable = {
  SVMRegressor: [since(1, regressor)],
  SVMClassifier: [since(1, classifier)],
};
