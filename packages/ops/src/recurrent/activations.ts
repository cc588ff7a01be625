/** Activation functions of recurrent cells by name, with ONNX's parameters and defaults. */
import { add, fail, maximum, minimum, mul, tanh } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { elu, leakyRelu, relu, sigmoid, softplus, softsign, threshold } from '../activations.ts';

interface Kind {
  readonly onnx: string;
  /** Defaults of alpha and beta; left out where the function has no such parameter. */
  readonly alpha?: number;
  readonly beta?: number;
  apply(x: Tensor, alpha: number, beta: number): Tensor;
}

export type RecurrentActivationName =
  | 'relu'
  | 'tanh'
  | 'sigmoid'
  | 'softsign'
  | 'softplus'
  | 'affine'
  | 'leakyRelu'
  | 'thresholdedRelu'
  | 'scaledTanh'
  | 'hardSigmoid'
  | 'elu';

const kinds: Readonly<Record<RecurrentActivationName, Kind>> = {
  relu: { onnx: 'Relu', apply: (x) => relu(x) },
  tanh: { onnx: 'Tanh', apply: (x) => tanh(x) },
  sigmoid: { onnx: 'Sigmoid', apply: (x) => sigmoid(x) },
  softsign: { onnx: 'Softsign', apply: (x) => softsign(x) },
  softplus: { onnx: 'Softplus', apply: (x) => softplus(x) },
  affine: { onnx: 'Affine', alpha: 1, beta: 0, apply: (x, a, b) => add(mul(x, a), b) },
  leakyRelu: {
    onnx: 'LeakyRelu',
    alpha: 0.01,
    apply: (x, a) => leakyRelu(x, { negativeSlope: a }),
  },
  thresholdedRelu: { onnx: 'ThresholdedRelu', alpha: 1, apply: (x, a) => threshold(x, a, 0) },
  scaledTanh: {
    onnx: 'ScaledTanh',
    alpha: 1,
    beta: 1,
    apply: (x, a, b) => mul(tanh(mul(x, b)), a),
  },
  hardSigmoid: {
    onnx: 'HardSigmoid',
    alpha: 0.2,
    beta: 0.5,
    apply: (x, a, b) => minimum(maximum(add(mul(x, a), b), 0), 1),
  },
  elu: { onnx: 'Elu', alpha: 1, apply: (x, a) => elu(x, { alpha: a }) },
};

/**
 * A function of a recurrent cell: its name, or with parameters. `affine` αx + β, `leakyRelu`,
 * `thresholdedRelu` (x where x > α), `scaledTanh` α·tanh(βx), `hardSigmoid` clamp(αx + β, 0, 1) with
 * α 0.2 and β 0.5 (Keras's too), `elu`.
 */
export type RecurrentActivation =
  | RecurrentActivationName
  | {
      readonly name: RecurrentActivationName;
      readonly alpha?: number | undefined;
      readonly beta?: number | undefined;
    };

/** Name, alpha, beta: the form in which a node's attributes hold it. */
export type ActivationAttr = readonly [name: string, alpha: number, beta: number];

export function recurrentActivations(): readonly RecurrentActivationName[] {
  return Object.keys(kinds) as RecurrentActivationName[];
}

const kindOf = (name: string): Kind => (kinds as Readonly<Record<string, Kind>>)[name]!;

/** One list for each direction; a list for one direction stands for all. */
export function activationAttrs(
  op: string,
  given: readonly RecurrentActivation[] | undefined,
  defaults: readonly RecurrentActivationName[],
  directions: number,
): ActivationAttr[] {
  let list: readonly RecurrentActivation[] = given ?? defaults;
  if (list.length === defaults.length) list = Array.from({ length: directions }, () => list).flat();
  if (list.length !== defaults.length * directions) {
    fail(
      op,
      'the number of activations does not fit',
      String(list.length),
      `${defaults.length}, or as many for each of ${directions} directions`,
    );
  }
  return list.map((each) => {
    const { name, alpha, beta } =
      typeof each === 'string' ? { name: each, alpha: undefined, beta: undefined } : each;
    if (!Object.hasOwn(kinds, name)) {
      fail(op, 'unknown activation', JSON.stringify(name), Object.keys(kinds).join(', '));
    }
    const kind = kindOf(name);
    return [name, alpha ?? kind.alpha ?? 0, beta ?? kind.beta ?? 0];
  });
}

export type Activation = (x: Tensor) => Tensor;

/** The functions of one direction. */
export function activationsOf(
  attrs: readonly ActivationAttr[],
  count: number,
  direction: number,
): Activation[] {
  return attrs.slice(direction * count, (direction + 1) * count).map(
    ([name, alpha, beta]) =>
      (x) =>
        kindOf(name).apply(x, alpha, beta),
  );
}

/** ONNX's three attributes; parameters only where one differs from its default. */
export function onnxActivations(attrs: readonly ActivationAttr[]): {
  readonly names: string[];
  readonly alpha: number[] | undefined;
  readonly beta: number[] | undefined;
} {
  // ONNX deals the numbers out in order to the functions that have such a parameter.
  const deal = (which: 'alpha' | 'beta', at: 1 | 2): number[] | undefined => {
    const taking = attrs.filter(([name]) => kindOf(name)[which] !== undefined);
    const list = taking.map((each) => each[at]);
    return list.some((value, i) => value !== kindOf(taking[i]![0])[which]) ? list : undefined;
  };
  return {
    names: attrs.map(([name]) => kindOf(name).onnx),
    alpha: deal('alpha', 1),
    beta: deal('beta', 2),
  };
}
