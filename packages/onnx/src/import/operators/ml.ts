/** ai.onnx.ml: what scikit-learn pipelines are made of, but for trees and support vectors. */
import {
  add,
  cast,
  concat,
  div,
  eq,
  fromBits,
  le,
  lt,
  matmul,
  max,
  mul,
  ne,
  reshape,
  sqrt,
  sub,
  sum,
  tensor,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { erfinv, sigmoid, softmax } from './ml-math.ts';
import type { Call } from '../call.ts';
import { hostNumbersOf } from '../numbers.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import { float32, int64, strings } from '../value.ts';
import type { HostTensor, Value } from '../value.ts';

const floats = (list: readonly number[]): Tensor => tensor(Float32Array.from(list));

/** Scores to what the model reports. */
export function postTransform(c: Call, scores: Tensor): Tensor {
  switch (c.attr.string('post_transform', 'NONE')) {
    case 'NONE':
      return scores;
    case 'SOFTMAX':
      return softmax(scores, -1);
    case 'SOFTMAX_ZERO': {
      const kept = ne(scores, 0);
      const shifted = sub(scores, max(scores, -1, true));
      const e = where(kept, shifted.exp(), 0);
      return div(e, sum(e, -1, true));
    }
    case 'LOGISTIC':
      return sigmoid(scores);
    case 'PROBIT':
      return mul(erfinv(sub(mul(scores, 2), 1)), Math.SQRT2);
    default:
      return c.unsupported(`post_transform ${c.attr.string('post_transform')}`);
  }
}

/** Names of the classes: text or integers. */
export function classLabels(c: Call): HostTensor | undefined {
  const text = c.attr.strings('classlabels_strings') ?? c.attr.strings('classlabels_strings');
  if (text !== undefined && text.length > 0) return strings(text);
  const ints = c.attr.ints('classlabels_ints') ?? c.attr.ints('classlabels_int64s');
  return ints === undefined || ints.length === 0 ? undefined : int64(ints);
}

/** The label of each row's class number. */
export function labelled(c: Call, labels: HostTensor | undefined, index: Tensor): Value {
  if (labels === undefined) return cast(index, 'int64');
  if (labels.dtype !== 'string') {
    const table = fromBits(labels.data as BigInt64Array, labels.shape, 'int64');
    return table.gather(index);
  }
  const at = c.asHost(c.memo('labels', () => index));
  const names = labels.data;
  return strings(
    Array.from(at.data as ArrayLike<number>, (k) => names[Number(k)]!),
    at.shape,
  );
}

function binarize(c: Call): Tensor {
  const x = c.tensor(0);
  return cast(lt(c.attr.float('threshold', 0), x), x.dtype);
}

/** Pairs of keys and values under whichever attribute holds them. */
function labelTable(
  c: Call,
  side: 'keys' | 'values',
): { list: readonly (string | number | bigint)[]; tensor: HostTensor } {
  const text = c.attr.strings(`${side}_strings`);
  if (text !== undefined) return { list: text, tensor: strings(text) };
  const ints = c.attr.value(`${side}_int64s`);
  if (ints?.type === 'ints') return { list: ints.value, tensor: int64(ints.value) };
  const numbers = c.attr.floats(`${side}_floats`);
  if (numbers !== undefined) return { list: numbers, tensor: float32(numbers) };
  const given = c.attr.tensor(`${side}_tensor`);
  if (given === undefined) return c.invalid(`${side} are missing`);
  const list = given.dtype === 'string' ? given.data : Array.from(hostNumbersOf(given));
  return { list, tensor: given };
}

function labelEncoder(c: Call): Value {
  if (c.opset < 2) return labelEncoder1(c);
  const keys = labelTable(c, 'keys');
  const values = labelTable(c, 'values');
  const places = new Map(keys.list.map((key, i) => [String(key), i]));
  const host = c.host(0);
  const given: readonly (string | number | bigint)[] =
    host.dtype === 'string' ? host.data : Array.from(hostNumbersOf(host));
  const fallback = defaultLabel(c, values.tensor);
  const picked = given.map((key) => {
    const at = places.get(String(typeof key === 'number' && Number.isNaN(key) ? NaN : key));
    return at === undefined
      ? fallback
      : (values.tensor.data as ArrayLike<string | number | bigint>)[at]!;
  });
  if (values.tensor.dtype === 'string') return strings(picked.map(String), host.shape);
  const Type = values.tensor.data.constructor as new (
    list: readonly unknown[],
  ) => HostTensor['data'];
  return { dtype: values.tensor.dtype, shape: host.shape, data: new Type(picked) } as HostTensor;
}

function defaultLabel(c: Call, values: HostTensor): string | number | bigint {
  const given = c.attr.tensor('default_tensor');
  if (given !== undefined) return (given.data as ArrayLike<string | number | bigint>)[0]!;
  if (values.dtype === 'string') return c.attr.string('default_string', '_Unused');
  if (values.dtype === 'int64') return BigInt(c.attr.int('default_int64', -1));
  return c.attr.float('default_float', -0);
}

/** The first version maps text to its position in a list, and back. */
function labelEncoder1(c: Call): Value {
  const classes = c.attr.strings('classes_strings') ?? [];
  const host = c.host(0);
  if (host.dtype === 'string') {
    const otherwise = c.attr.int('default_int64', -1);
    const places = host.data.map((text) => classes.indexOf(text));
    return int64(
      places.map((at) => (at < 0 ? otherwise : at)),
      host.shape,
    );
  }
  const otherwise = c.attr.string('default_string', '_Unused');
  return strings(
    Array.from(host.data as ArrayLike<number | bigint>, (at) => classes[Number(at)] ?? otherwise),
    host.shape,
  );
}

function scaler(c: Call): Tensor {
  const offset = floats(c.attr.floats('offset') ?? [0]);
  const scale = floats(c.attr.floats('scale') ?? [1]);
  return mul(sub(cast(c.tensor(0), 'float32'), offset), scale);
}

function normalizer(c: Call): Tensor {
  const x = cast(c.tensor(0), 'float32');
  const size = x.abs();
  const norm = c.attr.string('norm', 'MAX');
  const length =
    norm === 'L1'
      ? sum(size, -1, true)
      : norm === 'L2'
        ? sqrt(sum(mul(x, x), -1, true))
        : max(x, -1, true);
  return div(x, where(eq(length, 0), 1, length));
}

function imputer(c: Call): Tensor {
  const x = c.tensor(0);
  const whole = c.attr.ints('imputed_value_int64s');
  const values =
    whole === undefined
      ? floats(c.attr.floats('imputed_value_floats') ?? [0])
      : tensor(BigInt64Array.from(whole, BigInt));
  const marker = c.attr.has('replaced_value_float')
    ? c.attr.float('replaced_value_float')
    : c.attr.int('replaced_value_int64', 0);
  const missing = Number.isNaN(marker) ? ne(x, x) : eq(x, marker);
  return where(missing, cast(values, x.dtype), x);
}

function featureVectorizer(c: Call): Tensor {
  const parts = c.tensors().map((x) => {
    const rows = x.rank > 1 ? x.shape[0]! : 1;
    return cast(reshape(x, [rows, -1]), 'float32');
  });
  return concat(parts, 1);
}

function oneHotEncoder(c: Call): Value {
  const text = c.attr.strings('cats_strings');
  const zeros = c.attr.bool('zeros', true);
  const shape = c.shape(0);
  if (text !== undefined) {
    const rows = c.text(0).map((value) => text.indexOf(value));
    if (!zeros && rows.includes(-1)) c.invalid('a value is none of the categories');
    const data = new Float32Array(rows.length * text.length);
    rows.forEach((at, i) => {
      if (at >= 0) data[i * text.length + at] = 1;
    });
    return { dtype: 'float32', shape: [...shape, text.length], data };
  }
  const categories = c.attr.ints('cats_int64s') ?? c.invalid('there are no categories');
  const table = tensor(BigInt64Array.from(categories, BigInt));
  return cast(eq(cast(c.tensor(0), 'int64').unsqueeze(-1), table), 'float32');
}

function linearRegressor(c: Call): Tensor {
  const targets = c.attr.int('targets', 1);
  const weights = reshape(floats(c.attr.floats('coefficients') ?? []), [targets, -1]);
  const y = matmul(cast(c.tensor(0), 'float32'), weights, { transposeB: true });
  const intercepts = c.attr.floats('intercepts');
  return postTransform(c, intercepts === undefined ? y : add(y, floats(intercepts)));
}

function linearClassifier(c: Call): Value[] {
  const coefficients = c.attr.floats('coefficients') ?? [];
  const intercepts = c.attr.floats('intercepts') ?? [];
  const x = cast(c.tensor(0), 'float32');
  const features = x.shape[x.rank - 1]!;
  const classes = coefficients.length / features;
  const weights = reshape(floats(coefficients), [classes, features]);
  let scores = matmul(reshape(x, [-1, features]), weights, { transposeB: true });
  if (intercepts.length > 0) scores = add(scores, floats(intercepts));
  const labels = classLabels(c);
  const names = labels?.data.length ?? classes;
  if (classes === 1 && names === 2) {
    // One score decides between two classes.
    const positive = le(0.5, postTransform(c, scores));
    const threshold = c.attr.string('post_transform', 'NONE') === 'NONE' ? lt(0, scores) : positive;
    const index = cast(reshape(threshold, [scores.shape[0]!]), 'int32');
    const second = postTransform(c, scores);
    const first =
      c.attr.string('post_transform', 'NONE') === 'LOGISTIC' ? sub(1, second) : second.neg();
    return [labelled(c, labels, index), concat([first, second], 1)];
  }
  const index = scores.argmax(1);
  return [labelled(c, labels, index), postTransform(c, scores)];
}

/** Class scores with their labels as keys. */
function zipMap(c: Call): Value {
  const labels =
    c.attr.strings('classlabels_strings') ??
    c.attr.ints('classlabels_int64s', []).map((label) => BigInt(label));
  const host = c.host(0);
  const columns = host.shape[host.shape.length - 1]!;
  const rows = host.data.length / Math.max(1, columns);
  return {
    kind: 'sequence',
    items: Array.from({ length: rows }, (_, row) => ({
      kind: 'map' as const,
      keys: labels,
      values: labels.map((__, k) => float32([Number(host.data[row * columns + k])], [])),
    })),
  };
}

function castMap(c: Call): Value {
  const value = c.value(0);
  if (!('kind' in value) || value.kind !== 'map') return c.invalid('the input is no map');
  const dense = c.attr.string('map_form', 'DENSE') === 'DENSE';
  const size = dense ? value.keys.length : c.attr.int('max_map', 1);
  const out = new Float32Array(c.sized(size));
  value.keys.forEach((key, i) => {
    const at = dense ? i : Number(key);
    if (at < size) out[at] = Number(value.values[i]!.data[0]);
  });
  return { dtype: 'float32', shape: [1, size], data: out };
}

function dictVectorizer(c: Call): Value {
  const value = c.value(0);
  if (!('kind' in value) || value.kind !== 'map') return c.invalid('the input is no map');
  const order =
    c.attr.strings('string_vocabulary') ?? c.attr.ints('int64_vocabulary', []).map(String);
  const places = new Map(value.keys.map((key, i) => [String(key), i]));
  const numbers = order.map((key) => {
    const at = places.get(String(key));
    return at === undefined ? 0 : Number(value.values[at]!.data[0]);
  });
  return float32(numbers, [1, numbers.length]);
}

function categoryMapper(c: Call): Value {
  const names = c.attr.strings('cats_strings') ?? [];
  const numbers = c.attr.ints('cats_int64s', []);
  const host = c.host(0);
  if (host.dtype === 'string') {
    const otherwise = c.attr.int('default_int64', -1);
    return int64(
      host.data.map((text) => numbers[names.indexOf(text)] ?? otherwise),
      host.shape,
    );
  }
  const otherwise = c.attr.string('default_string', '_Unused');
  return strings(
    Array.from(
      host.data as ArrayLike<number | bigint>,
      (n) => names[numbers.indexOf(Number(n))] ?? otherwise,
    ),
    host.shape,
  );
}

export const mlOperators: OperatorTable = {
  Binarizer: [since(1, binarize)],
  LabelEncoder: [since(1, labelEncoder)],
  Scaler: [since(1, scaler)],
  Normalizer: [since(1, normalizer)],
  Imputer: [since(1, imputer)],
  FeatureVectorizer: [since(1, featureVectorizer)],
  OneHotEncoder: [since(1, oneHotEncoder)],
  LinearRegressor: [since(1, linearRegressor)],
  LinearClassifier: [since(1, linearClassifier)],
  ZipMap: [since(1, zipMap)],
  CastMap: [since(1, castMap)],
  DictVectorizer: [since(1, dictVectorizer)],
  CategoryMapper: [since(1, categoryMapper)],
};
