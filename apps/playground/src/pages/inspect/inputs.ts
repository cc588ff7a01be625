/** Values for a model's inputs. */
import { dtypeInfo, float16Bits, bfloat16Bits, isDType, isFloat } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';
import type { OnnxValue, TensorData, ValueType } from '@hebb/onnx';
import { seededUniform } from '@hebb/ops';
import { normals } from '../toy/data.ts';
import type { Fill, InputChoice } from './settings.ts';

/** More would not fit into the page. */
const mostElements = 2 ** 26;

/** @throws RangeError naming the input, for shapes that are too large and numbers that do not fit. */
export function inputValue(type: ValueType, choice: InputChoice, seed: number): OnnxValue {
  const { name, shape, fill, text = '' } = choice;
  if (type.kind !== 'tensor') {
    throw new RangeError(`Input ${name} is a ${type.kind}: only tensors can be given here.`);
  }
  const size = shape.reduce((n, dim) => n * dim, 1);
  if (!(size <= mostElements)) {
    throw new RangeError(
      `Input ${name} would have ${size.toLocaleString('en')} elements: at most ${mostElements.toLocaleString('en')} can be given here. Make it smaller.`,
    );
  }
  const dtype = type.dtype ?? 'float32';
  if (dtype === 'string') {
    const given = fill === 'own' ? parseTexts(name, text) : Array.from({ length: size }, () => '');
    if (given.length !== size) throw wrongCount(name, given.length, size);
    return { dtype, shape, data: given } as TensorData;
  }
  if (!isDType(dtype)) {
    throw new RangeError(`Input ${name} is ${dtype}: numbers of this type cannot be given here.`);
  }
  const numbers = fill === 'own' ? parseNumbers(name, text) : generate(fill, size, dtype, seed);
  if (numbers.length !== size) throw wrongCount(name, numbers.length, size);
  return { dtype, shape, data: store(numbers, dtype) } as TensorData;
}

const wrongCount = (name: string, got: number, wanted: number): RangeError =>
  new RangeError(`Input ${name} wants ${wanted} values, and ${got} are given.`);

function generate(
  fill: Exclude<Fill, 'own'>,
  size: number,
  dtype: DType,
  seed: number,
): Float64Array {
  const uniform = seededUniform(seed);
  const normal = normals(uniform);
  const whole = !isFloat(dtype);
  const next: Readonly<Record<Exclude<Fill, 'own'>, (i: number) => number>> = {
    normal: () => (whole ? Math.round(2 * Math.abs(normal())) : normal()),
    uniform: () => (whole ? Math.floor(10 * uniform()) : uniform()),
    zeros: () => 0,
    ones: () => 1,
    counting: (i) => i,
  };
  return Float64Array.from({ length: size }, (_, i) => next[fill](i));
}

/** @throws RangeError that says where it cannot be read. */
export function parseNumbers(name: string, text: string): Float64Array {
  const words = text
    .replace(/[[\](){}]/g, ' ')
    .split(/[\s,;]+/)
    .filter((word) => word !== '');
  return Float64Array.from(words, (word) => {
    const value = word === 'true' ? 1 : word === 'false' ? 0 : Number(word);
    if (Number.isNaN(value) && word.toLowerCase() !== 'nan') {
      throw new RangeError(`Input ${name}: “${word.slice(0, 20)}” is no number.`);
    }
    return value;
  });
}

function parseTexts(name: string, text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value.flat(Infinity).map(String);
  } catch {
    // Said below.
  }
  throw new RangeError(`Input ${name} wants a list of texts, such as ["one", "two"].`);
}

function store(numbers: Float64Array, dtype: DType): HostArray {
  const data = dtypeInfo(dtype).allocate(numbers.length);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    numbers.forEach(
      (value, i) => (data[i] = BigInt(Math.trunc(Number.isFinite(value) ? value : 0))),
    );
  } else if (dtype === 'float16' || dtype === 'bfloat16') {
    const bits = dtype === 'float16' ? float16Bits : bfloat16Bits;
    numbers.forEach((value, i) => (data[i] = bits(value)));
  } else {
    numbers.forEach((value, i) => (data[i] = dtype === 'bool' ? Number(value !== 0) : value));
  }
  return data;
}
