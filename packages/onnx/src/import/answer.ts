/**
 * Numbers that are needed while a graph is traced. Constants can be worked out; what depends on inputs
 * cannot, unless these are few integers that may be fixed for the call.
 */
import { convert, currentBackend, isInteger } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { evaluateOnHost } from './evaluate.ts';
import type { Need } from './need.ts';
import { toHost } from './value.ts';
import type { HostTensor } from './value.ts';

/** Inputs that decide shapes or branches are part of the signature when they are no larger than this. */
const staticInputLimit = 64;

export type Answer = (need: Need) => HostTensor;

/** Thrown out of a trace: the numbers depend on inputs. */
export class DependsOnInputs extends Error {
  /** Inputs that decide and could be fixed; undefined when others play in. */
  readonly inputs: readonly string[] | undefined;

  constructor(inputs: readonly string[] | undefined) {
    super('a value that depends on the inputs is needed to build the graph');
    this.name = 'DependsOnInputs';
    this.inputs = inputs;
  }
}

/** Thrown out of a trace: a constant must be computed on a backend that cannot answer at once. */
export class NeedsConstant extends Error {
  readonly place: number;
  readonly tensor: Tensor;

  constructor(place: number, tensor: Tensor) {
    super('a constant is needed to build the graph');
    this.name = 'NeedsConstant';
    this.place = place;
    this.tensor = tensor;
  }
}

/** Answers from constants; `otherwise` for what depends on placeholders. */
export function constantAnswer(otherwise: (tensor: Tensor) => never): Answer {
  return (need) => {
    if ('pending' in need) {
      // It is started anew where it can be waited for.
      need.pending.catch(() => undefined);
      throw new DependsOnInputs(undefined);
    }
    const { tensor } = need;
    const known = evaluateOnHost(tensor, 1 << 24);
    if (known !== undefined) return known;
    if (placeholdersBelow(tensor).size > 0) return otherwise(tensor);
    const backend = currentBackend('run');
    if (!backend.capabilities.sync) throw new NeedsConstant(0, tensor);
    return toHost(convert(tensor.dataSync(), tensor.dtype), tensor.shape, tensor.dtype);
  };
}

/** Nodes without a value of their own that the tensor is computed from. */
function placeholdersBelow(tensor: Tensor): Set<object> {
  const found = new Set<object>();
  const seen = new Set<object>();
  const stack = [tensor];
  while (stack.length > 0) {
    const { node, output } = stack.pop()!;
    if (seen.has(node) || node.isRealized(output)) continue;
    seen.add(node);
    if (node.op === null) found.add(node);
    stack.push(...node.inputs);
  }
  return found;
}

/** The small integer inputs that alone decide the value, if it is so. */
export function decidingInputs(
  tensor: Tensor,
  names: ReadonlyMap<object, string>,
  inputs: Readonly<Record<string, Tensor>>,
): readonly string[] | undefined {
  const result: string[] = [];
  for (const node of placeholdersBelow(tensor)) {
    const name = names.get(node);
    if (name === undefined) return undefined;
    const { dtype, size } = inputs[name]!;
    if (!(isInteger(dtype) || dtype === 'bool') || size > staticInputLimit) return undefined;
    result.push(name);
  }
  return result.length === 0 ? undefined : result;
}
