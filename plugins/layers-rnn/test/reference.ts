/** Cases computed by PyTorch, each as one test. */
import path from 'node:path';
import { fromStored, listFamilies, readFamily, referenceFolder } from '@hebb/conformance/reference';
import type { ReferenceCase, StoredTensor } from '@hebb/conformance/reference';

export { fromStored as toTensor };
export type { ReferenceCase as Case, StoredTensor as Values };

const folder = referenceFolder(path.join(import.meta.dirname, '../../..'));
const families = (await listFamilies(folder)) ?? [];

/** The cases of a family; none where the folder is missing. */
export async function casesOf(family: string): Promise<readonly ReferenceCase[]> {
  return families.includes(family) ? readFamily(folder, family) : [];
}

/** One test a case, or a skipped one that says why there is none. */
export function eachCase(
  cases: readonly ReferenceCase[],
  run: (given: ReferenceCase) => Promise<void>,
): void {
  if (cases.length === 0) it.skip(`needs PyTorch's reference cases in ${folder}`, () => undefined);
  else it.each(cases.map((each) => [each.case, each] as const))('%s', async (_, each) => run(each));
}

export const numbers = (values: StoredTensor): number[] => values.data.map(Number);

/** Accepts |got - want| <= atol + rtol |want|; shows the first elements that are off. */
export function expectClose(
  got: ArrayLike<number | bigint>,
  want: readonly number[],
  { rtol, atol }: ReferenceCase['tolerance'],
  name = 'value',
): void {
  expect(got.length).toBe(want.length);
  const wrong = want
    .map((value, i) => ({ name, i, got: Number(got[i]), want: value }))
    .filter((each) => !(Math.abs(each.got - each.want) <= atol + rtol * Math.abs(each.want)));
  expect(wrong.slice(0, 3)).toEqual([]);
}
