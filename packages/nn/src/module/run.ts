/** How a module's `forward` runs: under its path, in sight of its hooks. */
import { withPath } from '@hebb/core';
import { joinPath } from './names.ts';
import type { Module } from './module.ts';

interface Running {
  readonly module: Module;
  readonly path: string;
}
const running: Running[] = [];

/** The module's name below the one that calls it; empty where it is called from outside, or is not in there. */
function nameBelow(parent: Module | undefined, module: Module): string {
  if (parent === undefined) return '';
  for (const [name, child] of parent.namedChildren()) if (child === module) return name;
  // Called past its own parent, as the members of a ModuleList are.
  for (const [name, below] of parent.namedModules()) if (below === module) return name;
  return '';
}

export function runForward(
  module: Module,
  forward: (...inputs: never[]) => unknown,
  inputs: never[],
): unknown {
  const caller = running.at(-1);
  const name = nameBelow(caller?.module, module);
  const path = joinPath(caller?.path ?? '', name);
  running.push({ module, path });
  try {
    return withPath(name, () => {
      let given: readonly unknown[] = inputs;
      for (const hook of module.forwardPreHooks ?? []) {
        given = hook({ module, path, inputs: given }) ?? given;
      }
      let output = forward.apply(module, given as never[]);
      for (const hook of module.forwardHooks ?? []) {
        const replaced = hook({ module, path, inputs: given, output });
        if (replaced !== undefined) output = replaced;
      }
      return output;
    });
  } finally {
    running.pop();
  }
}

/** Runs `body` with the module and all below in one mode, and puts each one's mode back. */
export function withMode<T>(module: Module, training: boolean, body: () => T): T {
  const saved = module.modules().map((each) => [each, each.training] as const);
  module.train(training);
  try {
    return body();
  } finally {
    for (const [each, mode] of saved) each.training = mode;
  }
}
