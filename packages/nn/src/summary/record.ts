/** Looking into a model while it runs. */
import type { Module } from '../module/module.ts';
import { selectPaths } from '../module/pattern.ts';
import type { PathPattern } from '../module/pattern.ts';

/** One call of one layer. */
export interface LayerCall {
  /** Where the layer is in the model; empty for the model itself. */
  readonly path: string;
  readonly module: Module;
  readonly inputs: readonly unknown[];
  readonly output: unknown;
}

/**
 * Runs `body` and keeps what the layers of `model` are given and return, in the order in which they
 * finish: all of them, or those whose path fits a pattern. Works in compiled functions too; the tensors
 * are then the trace's, so return what you want to see, or differentiate with respect to it:
 *
 * ```ts
 * const inspect = compile((x: Tensor) => {
 *   const { result, calls } = recordCalls(model, () => model.forward(x), ['features.4']);
 *   const activation = calls[0]!.output as Tensor;
 *   return { activation, gradient: gradients(result.sum(), [activation])[0]! };
 * });
 * ```
 */
export function recordCalls<T>(
  model: Module,
  body: () => T,
  patterns: readonly PathPattern[] = [],
): { result: T; calls: LayerCall[] } {
  const modules = model.namedModules();
  const chosen = patterns.length === 0 ? modules : selectPaths('recordCalls', modules, patterns);
  const calls: LayerCall[] = [];
  const removals = [...chosen].map(([path, module]) =>
    module.onForward(({ inputs, output }) => {
      calls.push({ path, module, inputs, output });
    }),
  );
  try {
    return { result: body(), calls };
  } finally {
    for (const remove of removals) remove();
  }
}
