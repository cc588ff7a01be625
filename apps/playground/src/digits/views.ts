/** Values of a network as the pages draw them. */
import type { Tensor } from '@hebb/core';

/** Pictures of one size: feature maps, kernels, samples. A vector is one row of pictures of one pixel. */
export interface Maps {
  readonly name: string;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** Picture after picture, row after row. */
  readonly data: Float32Array;
}

/** Of the first image of a batch: [N, C, H, W] or [N, C]. */
export async function mapsOf(name: string, value: Tensor): Promise<Maps> {
  const [, count = 1, height = 1, width = 1] = value.shape;
  const data = (await value.data()) as Float32Array;
  return { name, count, height, width, data: data.slice(0, count * height * width) };
}

/** Kernels [out, 1, k, k], or rows [out, 784] as pictures of 28 × 28. */
export async function weightMaps(name: string, value: Tensor, most: number): Promise<Maps> {
  const side = value.rank === 4 ? value.shape[3]! : Math.sqrt(value.shape[1]!);
  const count = Math.min(value.shape[0]!, most);
  const data = (await value.data()) as Float32Array;
  return { name, count, height: side, width: side, data: data.slice(0, count * side * side) };
}

export function softmax(scores: ArrayLike<number>): Float32Array {
  const values = Array.from(scores);
  const highest = Math.max(...values);
  const powers = values.map((score) => Math.exp(score - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return Float32Array.from(powers, (power) => power / total);
}
