/** State dicts: all values of a model by PyTorch's names, out and in. */
import { HebbError, alias, fail, formatShape, fromBits, isFloat, realize } from '@hebb/core';
import { Tensor } from '@hebb/core';
import { ModuleBuffer } from './parameter.ts';
import { listed } from './pattern.ts';
import type { Parameter } from './parameter.ts';

export type StateDict = Readonly<Record<string, Tensor>>;

export interface LoadOptions {
  /** Default true: every name must be there, and no other. */
  readonly strict?: boolean;
}

export interface LoadReport {
  /** Names of the model that were not given. */
  readonly missing: readonly string[];
  /** Names given that the model does not have. */
  readonly unexpected: readonly string[];
}

type State = Iterable<readonly [string, Parameter | ModuleBuffer]>;

function persistent(state: State): (readonly [string, Parameter | ModuleBuffer])[] {
  return [...state].filter(([, value]) => !(value instanceof ModuleBuffer) || value.persistent);
}

export async function readState(state: State): Promise<StateDict> {
  const entries = persistent(state);
  await realize(...entries.map(([, variable]) => variable.peek()));
  const copies = new Map<Parameter | ModuleBuffer, Tensor>();
  const result: Record<string, Tensor> = {};
  for (const [name, variable] of entries) {
    let copy = copies.get(variable);
    if (copy === undefined) {
      const bits = await variable.peek().bits();
      copies.set(variable, (copy = fromBits(bits, variable.shape, variable.dtype)));
    }
    result[name] = copy;
  }
  return result;
}

export function applyState(
  state: State,
  values: ReadonlyMap<string, Tensor>,
  model: string,
  { strict = true }: LoadOptions,
): LoadReport {
  const entries = persistent(state);
  const own = new Set(entries.map(([name]) => name));
  const missing = entries.map(([name]) => name).filter((name) => !values.has(name));
  const unexpected = [...values.keys()].filter((name) => !own.has(name));
  const differing: string[] = [];
  for (const [name, variable] of entries) {
    const value: unknown = values.get(name);
    if (value === undefined) continue;
    if (!(value instanceof Tensor)) {
      fail('loadStateDict', `"${name}" is not a tensor`, typeof value);
    }
    if (formatShape(value.shape) !== formatShape(variable.shape)) {
      differing.push(
        `${name} (got ${formatShape(value.shape)}, wanted ${formatShape(variable.shape)})`,
      );
    } else if (isFloat(value.dtype) !== isFloat(variable.dtype)) {
      differing.push(`${name} (got ${value.dtype}, wanted ${variable.dtype})`);
    }
  }
  const problems = [
    ...(strict && missing.length > 0 ? [`missing ${listed(missing)}`] : []),
    ...(strict && unexpected.length > 0 ? [`unexpected ${listed(unexpected)}`] : []),
    ...(differing.length > 0 ? [`of another shape or kind ${listed(differing)}`] : []),
  ];
  if (problems.length > 0) {
    throw new HebbError(
      `the state does not fit ${model === '' ? 'the model' : model}: ${problems.join('; ')}`,
      { op: 'loadStateDict' },
    );
  }
  for (const [name, variable] of entries) {
    const value = values.get(name);
    // A node of its own: training consumes the variable's buffer, the caller's tensor stays usable.
    if (value !== undefined) variable.value = alias(value.to(variable.dtype));
  }
  return { missing, unexpected };
}
