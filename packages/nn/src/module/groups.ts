/** Parameters in groups, for optimizers that treat them differently. */
import { fail } from '@hebb/core';
import type { Module } from './module.ts';
import { Parameter } from './parameter.ts';
import { listed, pathMatcher } from './pattern.ts';
import type { PathPattern } from './pattern.ts';

/** Which parameters a group takes: by path, or by looking at them and the layer that owns them. */
export type ParameterMatch =
  PathPattern | ((path: string, parameter: Parameter, owner: Module) => boolean);

/** Settings that all optimizers know; name another optimizer's options as the type argument. */
export interface GroupSettings {
  readonly lr?: number;
  readonly weightDecay?: number;
}
/** Settings for the parameters that match; of several tests, one that fits is enough. */
export type GroupRule<Options = GroupSettings> = Partial<Options> & {
  readonly match: ParameterMatch | readonly ParameterMatch[];
};
/** A group as an optimizer's `attach` takes it. */
export type Group<Options = GroupSettings> = Partial<Options> & {
  readonly parameters: readonly Parameter[];
};

/**
 * Groups for an optimizer's `attach`. Each parameter goes to the first rule that matches its path; those
 * that none matches form the last group, with the optimizer's own settings. Throws for a rule that takes
 * nothing.
 *
 * ```ts
 * new AdamW({ lr: 1e-3 }).attach(
 *   parameterGroups(model, [
 *     { match: ['**.bias', /norm/], weightDecay: 0 },
 *     { match: 'backbone', lr: 1e-4 },
 *   ]),
 * );
 * ```
 */
export function parameterGroups<Options extends object = GroupSettings>(
  model: Module,
  rules: readonly NoInfer<GroupRule<Options>>[],
): Group<Options>[] {
  const owners = ownersOf(model);
  const named = model.namedParameters();
  const taken = rules.map((): Parameter[] => []);
  const rest: Parameter[] = [];
  const tests = rules.map(({ match }) => {
    const list = (Array.isArray(match) ? match : [match]) as readonly ParameterMatch[];
    return list.map((each) => (typeof each === 'function' ? each : pathMatcher(each)));
  });
  for (const [path, parameter] of named) {
    const owner = owners.get(parameter)!;
    const at = tests.findIndex((list) => list.some((test) => test(path, parameter, owner)));
    (taken[at] ?? rest).push(parameter);
  }
  const groups = rules.map((rule, i): Group<Options> => {
    const parameters = taken[i]!;
    const { match, ...options } = rule;
    if (parameters.length === 0) {
      const shown = typeof match === 'function' ? `rule ${i}` : String(match);
      fail('parameterGroups', 'a rule takes no parameter', shown, listed([...named.keys()]));
    }
    return Object.assign(options as Partial<Options>, { parameters });
  });
  if (rest.length > 0) groups.push(Object.assign({} as Partial<Options>, { parameters: rest }));
  return groups;
}

/** The module that holds each parameter. */
function ownersOf(model: Module): Map<Parameter, Module> {
  const owners = new Map<Parameter, Module>();
  for (const module of model.modules()) {
    for (const [, value] of module.members()) {
      if (value instanceof Parameter && !owners.has(value)) owners.set(value, module);
    }
  }
  return owners;
}

/**
 * The usual two groups: matrices and kernels decay by `weightDecay`, biases and scales (one axis or none)
 * do not.
 */
export function decayGroups(
  model: Module,
  weightDecay: number,
): Group<{ readonly weightDecay: number }>[] {
  const all = model.parameters();
  const groups = [
    { weightDecay, parameters: all.filter(({ shape }) => shape.length > 1) },
    { weightDecay: 0, parameters: all.filter(({ shape }) => shape.length <= 1) },
  ];
  return groups.filter(({ parameters }) => parameters.length > 0);
}
