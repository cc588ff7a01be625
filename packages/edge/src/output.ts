/** From a model's outputs to numbers for JSON, elements for bytes, and classes. */
import { bfloat16Value, dtypeInfo, float16Value, isDType } from '@hebb/core';
import type { HostArray } from '@hebb/core';
import { PlayerError } from '@hebb/runtime';
import { RequestError, badInput } from './error.ts';
import { toElements } from './input.ts';
import type { ServedModel, ServedValue } from './model.ts';

export interface Prediction {
  readonly label: string;
  readonly index: number;
  readonly score: number;
}

/** Runs the model; sizes of open axes that it was not compiled for are the client's fault. */
export async function runModel(
  model: ServedModel,
  inputs: Parameters<ServedModel['run']>[0],
  signal?: AbortSignal,
): Promise<Record<string, ServedValue>> {
  try {
    return await model.run(inputs, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted === true && error === signal.reason) {
      throw error instanceof RequestError
        ? error
        : new RequestError(499, 'aborted', 'the client went away');
    }
    if (error instanceof PlayerError && (error.code === 'shape' || error.code === 'input')) {
      throw badInput(error.message);
    }
    throw error;
  }
}

/** The numbers themselves: 16-bit floats decoded, integers of 64 bits exact. */
export async function valuesOf(name: string, value: ServedValue): Promise<HostArray | number[]> {
  const { dtype, data } = value;
  if (typeof data === 'function') return data.call(value);
  if (!ArrayBuffer.isView(data)) {
    throw new Error(`output ${name} is no tensor of numbers (${dtype ?? 'unknown type'})`);
  }
  if (dtype === 'float16') return Array.from(data, Number).map(float16Value);
  return dtype === 'bfloat16' ? Array.from(data, Number).map(bfloat16Value) : data;
}

/** The elements as they are stored. */
export async function elementsOf(name: string, value: ServedValue): Promise<HostArray> {
  const { dtype, data } = value;
  if (ArrayBuffer.isView(data)) return data;
  if (typeof data !== 'function' || dtype === undefined || !isDType(dtype)) {
    throw new Error(`output ${name} is no tensor of numbers (${dtype ?? 'unknown type'})`);
  }
  const read = await data.call(value);
  const isHalf = dtype === 'float16' || dtype === 'bfloat16';
  return !isHalf && read.constructor === dtypeInfo(dtype).allocate(0).constructor
    ? read
    : toElements(read, dtype, { name });
}

/** Frees what nobody will read. */
export function disposeAll(outputs: Record<string, ServedValue>): void {
  for (const value of Object.values(outputs)) value.dispose?.();
}

/** The class with the highest score in each row; the first of equals. */
export function best(data: readonly number[], labels: readonly string[]): Prediction[] {
  const rows: Prediction[] = [];
  for (let start = 0; start < data.length; start += labels.length) {
    let index = 0;
    for (let k = 1; k < labels.length; k++) if (data[start + k]! > data[start + index]!) index = k;
    rows.push({ label: labels[index]!, index, score: data[start + index]! });
  }
  return rows;
}
