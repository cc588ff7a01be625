/** Scopes: what was realised inside and not returned is freed at the end. */
import { realize } from './context.ts';
import { setLifetimeListener } from './lifetime.ts';
import { nodeCount } from './node.ts';
import type { Node } from './node.ts';
import type { Tensor } from './tensor.ts';
import { treeLeaves } from './tree.ts';

const ENDED = 'its scope ended';
const REPLACED =
  'the variable it was read from was given another value in a scope; read the variable again';

/**
 * Runs `body` and then frees every value that was made and became real inside, but for those in its result
 * and those that variables or compiled functions hold; also the values that variables held before they
 * were given new ones inside. The result is realised first. When the body throws, everything made inside
 * is freed. Scopes nest; two that run at the same time see each other's values, so keep them one after
 * the other.
 */
export async function scope<T>(body: () => Promise<T> | T): Promise<T> {
  const first = nodeCount();
  const made = new Map<Tensor, string>();
  const outer = setLifetimeListener({
    realized: (tensor) => {
      // What was made before, and merely computed here, is not ours to free.
      if (tensor.node.id >= first) made.set(tensor, ENDED);
      else outer?.realized(tensor);
    },
    replaced: (tensor) => void made.set(tensor, REPLACED),
  });
  const kept = new Map<Node, Set<number>>();
  try {
    const result = await body();
    const leaves = treeLeaves(result);
    await realize(...leaves);
    for (const { node, output } of leaves) {
      kept.set(node, (kept.get(node) ?? new Set()).add(output));
    }
    return result;
  } finally {
    setLifetimeListener(outer);
    for (const [tensor, reason] of made) {
      const { node, output } = tensor;
      if (kept.get(node)?.has(output) === true || node.held > 0) {
        if (reason === ENDED) outer?.realized(tensor);
        else outer?.replaced(tensor);
      } else if (node.isRealized(output)) node.release(output, reason);
    }
  }
}
