/** Inputs that are given once, when a model is compiled: a sample rate, a flag that chooses a branch. */
import { convert, isDType } from '@hebb/core';
import { OnnxModel, tensorToProto } from '@hebb/onnx';
import type { ModelProto, TensorData } from '@hebb/onnx';
import { UsageError } from '../errors.ts';
import { shape as format } from '../format.ts';

/**
 * The model with constants in the place of inputs; each number fills its input.
 * @throws UsageError for names that the model lacks and inputs whose shape is open.
 */
export function withValues(model: OnnxModel, values: Readonly<Record<string, number>>): OnnxModel {
  const { graph } = model.proto;
  if (graph === undefined || Object.keys(values).length === 0) return model;
  const constants = Object.entries(values).map(([name, value]) => {
    const input = model.inputs.find((each) => each.name === name);
    if (input === undefined) {
      const known = model.inputs.map((each) => each.name).join(', ');
      throw new UsageError(`the model has no input ${JSON.stringify(name)}: it has ${known}`);
    }
    const { dtype = 'float32', shape = [] } = input;
    const sizes = shape.map((dim) => (typeof dim === 'number' ? dim : NaN));
    const size = sizes.reduce((a, b) => a * b, 1);
    if (!isDType(dtype) || !(size <= 64)) {
      throw new UsageError(
        `--value ${name}: the input is ${dtype} ${format(shape)}; a few numbers of a known shape are wanted`,
      );
    }
    const data = convert(new Array<number>(size).fill(value), dtype);
    return tensorToProto({ name, dtype, shape: sizes, data } as TensorData);
  });
  const proto: ModelProto = {
    ...model.proto,
    graph: {
      ...graph,
      input: graph.input.filter(({ name = '' }) => !Object.hasOwn(values, name)),
      initializer: [...graph.initializer, ...constants],
    },
  };
  return new OnnxModel(proto);
}

/** `rate=16000` options as values by name. */
export function parseValues(list: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    list.map((entry) => {
      const at = entry.indexOf('=');
      const text = entry.slice(at + 1).trim();
      const value = Number(text);
      if (at < 1 || text === '' || Number.isNaN(value)) {
        throw new UsageError(`--value wants INPUT=NUMBER, got ${JSON.stringify(entry)}`);
      }
      return [entry.slice(0, at), value];
    }),
  );
}
