/** Scopes: what was realised inside and not returned is freed at the end. */
import { realize, setRealizeListener } from './context.ts';
import type { Tensor } from './tensor.ts';
import { treeLeaves } from './tree.ts';

/**
 * Runs `body` and then frees every value that became real inside, but for those in its result and those
 * that variables hold. The result is realised first. Scopes nest; two that run at the same time see each
 * other's values, so keep them one after the other.
 */
export async function scope<T>(body: () => Promise<T> | T): Promise<T> {
  const made = new Set<Tensor>();
  const listener = (tensor: Tensor): void => {
    made.add(tensor);
  };
  const outer = setRealizeListener(listener);
  let result: T;
  try {
    result = await body();
    await realize(...treeLeaves(result));
  } finally {
    setRealizeListener(outer);
  }
  const kept = new Set([...treeLeaves(result)].map((tensor) => tensor.node));
  for (const tensor of made) {
    if (kept.has(tensor.node) || tensor.node.held > 0) {
      outer?.(tensor);
      continue;
    }
    tensor.node.release(tensor.output, 'its scope ended');
  }
  return result;
}
