/** Optimizer state as named tensors, out and in. */
import { HebbError, alias, formatShape, fromBits, realize, tensor } from '@hebb/core';
import type { Tensor, Variable } from '@hebb/core';

interface NamedState {
  readonly variables: ReadonlyMap<string, Variable>;
  /** Learning rates and momenta, which are plain numbers outside a step. */
  readonly numbers: ReadonlyMap<string, number>;
}

export async function readOptimizerState({
  variables,
  numbers,
}: NamedState): Promise<Record<string, Tensor>> {
  await realize(...[...variables.values()].map((variable) => variable.peek()));
  const result: Record<string, Tensor> = {};
  for (const [name, variable] of variables) {
    result[name] = fromBits(await variable.peek().bits(), variable.shape, variable.dtype);
  }
  for (const [name, value] of numbers) result[name] = tensor(value, { dtype: 'float64' });
  return result;
}

/** Checks everything, then sets the variables; returns the numbers, which are the caller's to set. */
export async function loadOptimizerState(
  optimizer: string,
  { variables, numbers }: NamedState,
  state: Readonly<Record<string, Tensor>>,
): Promise<Map<string, number>> {
  const names = [...variables.keys(), ...numbers.keys()];
  const missing = names.filter((name) => !Object.hasOwn(state, name));
  const unexpected = Object.keys(state).filter((name) => !names.includes(name));
  const differing = [...variables]
    .filter(([name, variable]) => {
      const given = state[name];
      return given !== undefined && formatShape(given.shape) !== formatShape(variable.shape);
    })
    .map(([name]) => name);
  const problems = [
    ...(missing.length > 0 ? [`missing ${missing.join(', ')}`] : []),
    ...(unexpected.length > 0 ? [`unexpected ${unexpected.join(', ')}`] : []),
    ...(differing.length > 0 ? [`of another shape ${differing.join(', ')}`] : []),
  ];
  if (problems.length > 0) {
    throw new HebbError(`the state does not fit the optimizer: ${problems.join('; ')}`, {
      op: `${optimizer}.loadStateDict`,
    });
  }
  const values = new Map<string, number>();
  for (const name of numbers.keys()) values.set(name, await state[name]!.item());
  for (const [name, variable] of variables) {
    // A node of its own: a step consumes the variable's buffer, the caller's tensor stays usable.
    variable.value = alias(state[name]!.to(variable.dtype));
  }
  return values;
}
