/** The variables of a run by name, and putting saved values into them. */
import { defaultGenerator, formatShape, fromBits, realize } from '@hebb/core';
import type { Variable } from '@hebb/core';
import { ModuleBuffer } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import type { ExponentialMovingAverage } from '../average/ema.ts';
import type { Column } from '../data/dataset.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { LossScaler } from '../precision/loss-scaler.ts';
import type { EpochRecord } from '../progress/progress.ts';
import type { EpochPosition } from '../trainer/epoch.ts';
import { CheckpointError } from './checkpoint-error.ts';
import type { Json } from './json.ts';
import type { Best } from './keeper.ts';

export interface RunParts {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly ema?: ExponentialMovingAverage | undefined;
  readonly scaler?: LossScaler | undefined;
  /** What a step writes beside these: generators of dropout layers, variables of the user's. */
  readonly others: readonly Variable[];
}

/** What a checkpoint holds beside tensors. */
export interface RunState {
  readonly epoch: number;
  readonly updates: number;
  /** Within an epoch. */
  readonly position: EpochPosition | null;
  readonly records: readonly EpochRecord[];
  readonly stopped: boolean;
  /** Of each parameter group. */
  readonly rates: readonly { readonly lr: number; readonly momentum: number }[];
  readonly schedule: Json;
  readonly totals: Readonly<Record<string, readonly number[]>>;
  readonly callbacks: Readonly<Record<string, Json>>;
  readonly best: Best | null;
  readonly aliases: Readonly<Record<string, string>>;
}

/** Throws unless the state of a checkpoint is one that `save` made. */
export function readRunState(state: unknown): RunState {
  const given = (state ?? {}) as Partial<Record<keyof RunState, unknown>>;
  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
  const isObject = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const sound =
    isCount(given.epoch) &&
    isCount(given.updates) &&
    (given.position === null || isObject(given.position)) &&
    Array.isArray(given.records) &&
    typeof given.stopped === 'boolean' &&
    Array.isArray(given.rates) &&
    given.schedule !== undefined &&
    isObject(given.totals) &&
    isObject(given.callbacks) &&
    (given.best === null || isObject(given.best)) &&
    isObject(given.aliases);
  if (!sound) throw new CheckpointError('its state is not that of a training run');
  return state as RunState;
}

/** Everything that decides how a run goes on, but for plain numbers. */
export function runVariables(parts: RunParts): Map<string, Variable> {
  const { model, optimizer, ema, scaler, others } = parts;
  const found = new Map<string, Variable>();
  addModule(found, '', model);
  addOptimizer(found, 'optimizer', optimizer);
  if (ema !== undefined) {
    addAverages(found, '', model, ema);
  }
  if (scaler !== undefined) {
    found.set('scaler.scale', scaler.scale);
    found.set('scaler.sound', scaler.sound);
    found.set('scaler.skipped', scaler.skipped);
  }
  addRest(found, others);
  return found;
}

/** The variables of a model; `prefix` stands before their names in it. */
export function addModule(found: Map<string, Variable>, prefix: string, model: Module): void {
  for (const [name, variable] of model.namedParameters()) {
    found.set(`model.${prefix}${name}`, variable);
  }
  for (const [name, buffer] of model.namedBuffers()) {
    // What state dicts leave out is no weight, but a step may change it.
    found.set(`${buffer.persistent ? 'model' : 'hidden'}.${prefix}${name}`, buffer);
  }
}

export function addOptimizer(
  found: Map<string, Variable>,
  prefix: string,
  optimizer: Optimizer,
): void {
  for (const [name, variable] of optimizer.namedState()) {
    // Rates are numbers of the groups, saved with the schedule.
    if (!name.startsWith('group.')) found.set(`${prefix}.${name}`, variable);
  }
}

export function addAverages(
  found: Map<string, Variable>,
  prefix: string,
  model: Module,
  ema: ExponentialMovingAverage,
): void {
  for (const [name, parameter] of model.namedParameters()) {
    found.set(`ema.${prefix}${name}`, ema.of(parameter));
  }
  found.set('averages', ema.count);
}

/** The default generator, and what has no name of its own. */
export function addRest(found: Map<string, Variable>, others: readonly Variable[]): void {
  found.set('generator.default', defaultGenerator.state);
  const known = new Set(found.values());
  others
    .filter((variable) => !known.has(variable))
    .forEach((variable, i) => found.set(`other.${i}`, variable));
}

/** Other names of values that the model holds twice, such as tied weights. */
export function aliasesOf(model: Module): Record<string, string> {
  const first = new Map<Variable, string>();
  const aliases: Record<string, string> = {};
  for (const [name, variable] of model.namedState()) {
    if (variable instanceof ModuleBuffer && !variable.persistent) continue;
    const known = first.get(variable);
    if (known === undefined) first.set(variable, name);
    else aliases[name] = known;
  }
  return aliases;
}

export async function readVariables(
  variables: ReadonlyMap<string, Variable>,
): Promise<Map<string, Column>> {
  await realize(...[...variables.values()].map((variable) => variable.peek()));
  const columns = new Map<string, Column>();
  for (const [name, variable] of variables) {
    const { shape, dtype } = variable;
    columns.set(name, { data: await variable.peek().bits(), shape, dtype });
  }
  return columns;
}

/** A checkpoint that belongs to something else. */
export class CheckpointMismatchError extends CheckpointError {
  /** Names that this run has and the checkpoint does not. */
  readonly missing: readonly string[];
  /** Names that the checkpoint has and this run does not. */
  readonly unexpected: readonly string[];
  /** Names whose shape or type differs. */
  readonly differing: readonly string[];

  constructor(
    names: Pick<CheckpointMismatchError, 'missing' | 'unexpected' | 'differing'>,
    message: string,
  ) {
    super(message);
    this.name = 'CheckpointMismatchError';
    this.missing = names.missing;
    this.unexpected = names.unexpected;
    this.differing = names.differing;
  }
}

/** At most this many names of one kind in a message; the error has them all. */
const shown = 12;
const listed = (names: readonly string[]): string =>
  names.slice(0, shown).join(', ') +
  (names.length > shown ? ` and ${names.length - shown} more` : '');

/** Throws, listing names, unless there is a value of the right type for each variable and no other. */
export function checkVariables(
  variables: ReadonlyMap<string, Variable>,
  columns: ReadonlyMap<string, Column>,
): void {
  const missing = [...variables.keys()].filter((name) => !columns.has(name));
  const isModel = (name: string): number => (name.startsWith('model.') ? 0 : 1);
  const unexpected = [...columns.keys()]
    .filter((name) => !variables.has(name))
    .sort((a, b) => isModel(a) - isModel(b) || (a < b ? -1 : 1));
  const differing: string[] = [];
  for (const [name, variable] of variables) {
    const column = columns.get(name);
    if (column === undefined) continue;
    const [got, wanted] = [column, variable].map(
      ({ shape, dtype }) => `${dtype}${formatShape(shape)}`,
    );
    if (got !== wanted) differing.push(`${name} (got ${got}, wanted ${wanted})`);
  }
  const problems = [
    ...(missing.length > 0 ? [`missing ${listed(missing)}`] : []),
    ...(unexpected.length > 0 ? [`unexpected ${listed(unexpected)}`] : []),
    ...(differing.length > 0 ? [`of another shape or type ${listed(differing)}`] : []),
  ];
  if (problems.length === 0) return;
  throw new CheckpointMismatchError(
    { missing, unexpected, differing },
    `it belongs to another run: ${problems.join('; ')}`,
  );
}

/** Puts values into variables; `checkVariables` has looked at them before. */
export function writeVariables(
  variables: ReadonlyMap<string, Variable>,
  columns: ReadonlyMap<string, Column>,
): void {
  for (const [name, variable] of variables) {
    const { data, shape, dtype } = columns.get(name)!;
    variable.set(fromBits(data, shape, dtype));
  }
}
