/** The base of all layers and models: a tree of fields with names, modes and a `forward`. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { joinPath, stateName } from './names.ts';
import { ModuleBuffer, Parameter } from './parameter.ts';
import { selectPaths } from './pattern.ts';
import type { PathPattern } from './pattern.ts';
import { runForward } from './run.ts';
import { applyState, readState } from './state-dict.ts';
import type { LoadOptions, LoadReport, StateDict } from './state-dict.ts';

/** Sees each call of a module: its inputs and what it returned. May return another output. */
export type ForwardHook = (call: {
  readonly module: Module;
  /** Relative to the module that was called from outside; `''` for that one. */
  readonly path: string;
  readonly inputs: readonly unknown[];
  readonly output: unknown;
}) => unknown;

/**
 * Runs before each call of a module with its inputs. May return a list of other inputs, which are used
 * instead.
 */
export type ForwardPreHook = (call: {
  readonly module: Module;
  /** Relative to the module that was called from outside; `''` for that one. */
  readonly path: string;
  readonly inputs: readonly unknown[];
}) => readonly unknown[] | undefined | void;

type Member = readonly [name: string, value: Parameter | ModuleBuffer | Module];

/**
 * A layer or model. Fields that hold a `Parameter`, a `ModuleBuffer`, a `Module`, or arrays of them are
 * registered by being there; nothing has to be announced. Write `forward` as a method and call it:
 *
 * ```ts
 * class Block extends Module {
 *   readonly conv1 = new Conv2d(16, 16, 3, { padding: 1 });
 *   readonly norm1 = new BatchNorm2d(16);
 *   forward(x: Tensor): Tensor {
 *     return relu(this.norm1.forward(this.conv1.forward(x))).add(x);
 *   }
 * }
 * ```
 *
 * Calling `forward` runs under the module's path, so that errors and graphs name the layer, and runs the
 * hooks. Names in paths and state dicts are PyTorch's: the fields in snake case, positions in arrays
 * (`layers.0.self_attn.in_proj_weight`).
 */
export abstract class Module {
  /** True while training: dropout drops, batch normalisation uses the batch. Read when a call is traced. */
  training = true;
  #hooks: Set<ForwardHook> | undefined;
  #preHooks: Set<ForwardPreHook> | undefined;

  constructor() {
    // The prototype's method, so that `super.forward(x)` does not count as a call of its own.
    const forward = Reflect.get(new.target.prototype, 'forward') as (...inputs: never[]) => unknown;
    Object.defineProperty(this, 'forward', {
      value: (...inputs: never[]) => runForward(this, forward, inputs),
      enumerable: false,
      configurable: true,
      writable: true,
    });
  }

  abstract forward(...inputs: never[]): unknown;

  // --- what is inside ---

  /** Own parameters and buffers, and child modules, in the order of the fields; containers rename theirs. */
  *members(): Iterable<Member> {
    for (const [field, value] of Object.entries(this)) yield* membersOf(stateName(field), value);
  }

  /** The name of this module as a member called `name`; the same unless a module says otherwise. @internal */
  memberName(name: string): string {
    return name;
  }

  /** Child modules by name, one level down. A module held twice comes up under its first name. */
  namedChildren(): Map<string, Module> {
    const children = new Map<string, Module>();
    const seen = new Set<Module>();
    for (const [name, value] of this.members()) {
      if (!(value instanceof Module) || seen.has(value)) continue;
      seen.add(value);
      children.set(name, value);
    }
    return children;
  }

  /** This module under `''` and all below it, parents first, each once. */
  namedModules(): Map<string, Module> {
    const modules = new Map<string, Module>();
    const seen = new Set<Module>();
    const visit = (module: Module, path: string): void => {
      if (seen.has(module)) return;
      seen.add(module);
      modules.set(path, module);
      for (const [name, child] of module.namedChildren()) visit(child, joinPath(path, name));
    };
    visit(this, '');
    return modules;
  }

  /** Parameters by path, each once: a shared one under its first name. */
  namedParameters(): Map<string, Parameter> {
    return unique(this.namedState(), (value) => value instanceof Parameter);
  }

  /** Buffers by path, each once. */
  namedBuffers(): Map<string, ModuleBuffer> {
    return unique(this.namedState(), (value) => value instanceof ModuleBuffer);
  }

  children(): Module[] {
    return [...this.namedChildren().values()];
  }
  modules(): Module[] {
    return [...this.namedModules().values()];
  }
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }
  buffers(): ModuleBuffer[] {
    return [...this.namedBuffers().values()];
  }

  /** Parameters and buffers under all their names, in PyTorch's order: a module's own before its children's. */
  *namedState(prefix = ''): Iterable<readonly [string, Parameter | ModuleBuffer]> {
    yield* this.#state(prefix, new Set());
  }

  *#state(
    prefix: string,
    above: ReadonlySet<Module>,
  ): Iterable<readonly [string, Parameter | ModuleBuffer]> {
    if (above.has(this)) return; // a child that points back at its parent
    const path = new Set([...above, this]);
    const members = [...this.members()];
    for (const kind of [Parameter, ModuleBuffer]) {
      for (const [name, value] of members) {
        if (value instanceof kind) yield [joinPath(prefix, name), value];
      }
    }
    for (const [name, value] of members) {
      if (value instanceof Module) yield* value.#state(joinPath(prefix, name), path);
    }
  }

  /** The module at a path such as `encoder.0`. Throws when there is none. */
  at(path: string): Module {
    const found = this.namedModules().get(path);
    if (found !== undefined) return found;
    return fail(
      'Module.at',
      'there is no such module',
      path,
      [...this.namedModules().keys()].join(', '),
    );
  }

  // --- modes ---

  /** Training mode here and below (`false`: evaluation). Returns the module. */
  train(training = true): this {
    for (const module of this.modules()) module.training = training;
    return this;
  }
  /** Evaluation mode here and below. Returns the module. */
  eval(): this {
    return this.train(false);
  }

  /**
   * No gradients for the parameters below (PyTorch's `requires_grad_(False)`): all, or those whose path
   * fits one of the patterns, `freeze('encoder', '**.bias')`. Read when a step is traced, so freeze before
   * training starts. Returns the module. Throws for a pattern that fits nothing.
   */
  freeze(...patterns: readonly PathPattern[]): this {
    return this.#setRequiresGrad('freeze', patterns, false);
  }
  /** The opposite of `freeze`. */
  unfreeze(...patterns: readonly PathPattern[]): this {
    return this.#setRequiresGrad('unfreeze', patterns, true);
  }
  #setRequiresGrad(op: string, patterns: readonly PathPattern[], value: boolean): this {
    const all = this.namedParameters();
    const chosen = patterns.length === 0 ? all : selectPaths(op, all, patterns);
    for (const parameter of chosen.values()) parameter.requiresGrad = value;
    return this;
  }

  /** Calls `body` with each module, those below before the one that holds them. Returns the module. */
  apply(body: (module: Module, path: string) => void): this {
    for (const [path, module] of [...this.namedModules()].reverse()) body(module, path);
    return this;
  }

  // --- state ---

  /**
   * Copies of all parameters and persistent buffers by PyTorch's names. They are held on the host, so
   * they stay what they are whatever the model does next.
   */
  async stateDict(): Promise<StateDict> {
    return readState(this.namedState());
  }

  /**
   * Takes over values by name; float types are converted to the model's own. Either all are taken or, on
   * any disagreement, none: then the error lists missing names, unexpected names and differing shapes
   * together. With `strict: false` missing and unexpected names are left alone and returned.
   */
  loadStateDict(state: StateDict | Map<string, Tensor>, options: LoadOptions = {}): LoadReport {
    const values = new Map(state instanceof Map ? state : Object.entries(state));
    for (const [path, module] of this.namedModules()) module.adaptState(values, path);
    return applyState(this.namedState(), values, this.constructor.name, options);
  }

  /** Renames entries of older layouts before they are taken over; `path` is where this module stands. @internal */
  adaptState(_state: Map<string, Tensor>, _path: string): void {
    // Most layers have had one layout only.
  }

  // --- inspection ---

  /** Calls `hook` after each `forward` of this module. Returns a function that takes it away again. */
  onForward(hook: ForwardHook): () => void {
    const hooks = (this.#hooks ??= new Set());
    hooks.add(hook);
    return () => void hooks.delete(hook);
  }
  /** Calls `hook` before each `forward` of this module. Returns a function that takes it away again. */
  onBeforeForward(hook: ForwardPreHook): () => void {
    const hooks = (this.#preHooks ??= new Set());
    hooks.add(hook);
    return () => void hooks.delete(hook);
  }
  /** @internal */
  get forwardPreHooks(): ReadonlySet<ForwardPreHook> | undefined {
    return this.#preHooks;
  }
  /** @internal */
  get forwardHooks(): ReadonlySet<ForwardHook> | undefined {
    return this.#hooks;
  }

  /** The settings of this layer for `toString`, such as `3, 64, kernelSize=3`. */
  extraRepr(): string {
    return '';
  }
  /** The tree of layers, one a line. */
  toString(): string {
    const lines = [...this.namedChildren()].map(
      ([name, child]) => `  (${name}): ${child.toString().replaceAll('\n', '\n  ')}\n`,
    );
    const body = lines.length === 0 ? '' : `\n${lines.join('')}`;
    return `${this.constructor.name}(${this.extraRepr()}${body})`;
  }
}

/** A module from one tensor to one, as `Sequential` strings them together. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

export function* membersOf(name: string, value: unknown): Iterable<Member> {
  if (value instanceof Module) {
    yield [value.memberName(name), value];
  } else if (value instanceof Parameter || value instanceof ModuleBuffer) {
    yield [name, value];
  } else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield* membersOf(`${name}.${i}`, value[i]);
  }
}

function unique<T extends Parameter | ModuleBuffer>(
  entries: Iterable<readonly [string, Parameter | ModuleBuffer]>,
  is: (value: Parameter | ModuleBuffer) => value is T,
): Map<string, T> {
  const found = new Map<string, T>();
  const seen = new Set<T>();
  for (const [name, value] of entries) {
    if (!is(value) || seen.has(value)) continue;
    seen.add(value);
    found.set(name, value);
  }
  return found;
}
