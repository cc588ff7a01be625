/** Cases computed by PyTorch: see the README in their folder for the format. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tensor } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';

export interface Values {
  readonly shape: readonly number[];
  readonly dtype: 'float64' | 'int64' | 'bool';
  readonly data: readonly (number | string)[];
}
export interface Case {
  readonly case: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, Values>>;
  readonly params: Readonly<Record<string, Values>>;
  readonly outputs: Readonly<Record<string, Values>>;
  readonly grads: Readonly<Record<string, Values>>;
  readonly tolerance: { readonly rtol: number; readonly atol: number };
}

const folder = process.env.HEBB_REFERENCE
  ? process.env.HEBB_REFERENCE
  : join(import.meta.dirname, '../../../../shared/data/reference/pytorch');

/** The cases of a family; none, with a word about it, where the folder is missing. */
export function casesOf(family: string): Case[] {
  const at = join(folder, family);
  if (!existsSync(at)) return [];
  return readdirSync(at)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(at, name), 'utf8')) as Case);
}

/** `it.each` over cases, or one skipped test that says why. */
export function eachCase(cases: readonly Case[], run: (given: Case) => Promise<void>): void {
  if (cases.length === 0) it.skip(`needs PyTorch's reference cases in ${folder}`, () => undefined);
  else it.each(cases.map((each) => [each.case, each] as const))('%s', async (_, each) => run(each));
}

export const numbers = (values: Values): number[] => values.data.map(Number);

export function toTensor(values: Values, dtype: DType): Tensor {
  const type = values.dtype === 'float64' ? dtype : values.dtype === 'bool' ? 'bool' : 'int32';
  return tensor(Float64Array.from(numbers(values)), { shape: values.shape, dtype: type });
}

/** Accepts |got - want| <= atol + rtol |want|; names the worst element otherwise. */
export function expectClose(
  got: ArrayLike<number | bigint>,
  want: readonly number[],
  { rtol, atol }: { readonly rtol: number; readonly atol: number },
  name = 'value',
): void {
  expect(got.length).toBe(want.length);
  const wrong = want
    .map((value, i) => ({ name, i, got: Number(got[i]), want: value }))
    .filter((each) => !(Math.abs(each.got - each.want) <= atol + rtol * Math.abs(each.want)));
  expect(wrong.slice(0, 3)).toEqual([]);
}
