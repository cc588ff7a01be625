/** All cases, by family and name. */
import type { Case, Family } from './case.ts';
import { gpuCases, smallGpuCases } from './gpu.ts';
import { infer } from './infer.ts';
import { kernels } from './kernels.ts';
import { train } from './train.ts';

export const cases: Readonly<Record<Family, readonly Case[]>> = { kernels, infer, train };
export const families: readonly Family[] = ['kernels', 'infer', 'train'];

/** The cases by name, with those that are for graphics processors alone. */
export function findCase(family: Family, name: string): Case {
  const all = [cases, gpuCases, smallGpuCases].flatMap((list) => list[family]);
  const found = all.find((c) => c.name === name);
  if (found === undefined) {
    const names = cases[family].map((c) => c.name).join(', ');
    throw new Error(`there is no case ${name} in ${family}: ${names}`);
  }
  return found;
}
