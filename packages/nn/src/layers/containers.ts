/** Modules that hold modules. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module } from '../module/module.ts';
import type { Layer } from '../module/module.ts';
import type { Parameter } from '../module/parameter.ts';

/** What a container accepts: modules in order, or under names of your own. */
export type Named<M extends Module = Module> = { readonly [name: string]: M };

function entriesOf<M extends Module>(
  container: string,
  given: readonly M[] | readonly [Named<M>],
): [string, M][] {
  const [first] = given;
  const named = given.length === 1 && typeof first === 'object' && !(first instanceof Module);
  const entries = Object.entries(named ? (first as Named<M>) : (given as readonly M[]));
  for (const [name, module] of entries) {
    if (!(module instanceof Module)) {
      fail(container, `entry ${name} is not a module`, module === null ? 'null' : typeof module);
    }
    checkName(container, name);
  }
  return entries;
}

function checkName(container: string, name: string): void {
  if (name === '' || name.includes('.')) {
    fail(container, 'a name is empty or contains a dot', JSON.stringify(name));
  }
}

/**
 * Layers one after the other. Names in state dicts are positions (`0.weight`), or your own:
 * `new Sequential({ conv1: new Conv2d(1, 8, 3), act: new ReLU() })`.
 * Shape: what the first takes -> what the last gives.
 */
export class Sequential<const Layers extends readonly Layer[] = readonly Layer[]> extends Module {
  readonly #entries: readonly [string, Layer][];

  constructor(named: Named<Layer>);
  constructor(...layers: Layers);
  constructor(...given: Layers | [Named<Layer>]) {
    super();
    this.#entries = entriesOf<Layer>('Sequential', given);
  }

  /** The layers in order, each with its own type. */
  get layers(): Layers {
    return this.#entries.map(([, layer]) => layer) as readonly Layer[] as Layers;
  }
  get length(): number {
    return this.#entries.length;
  }

  override *members() {
    yield* super.members();
    yield* this.#entries;
  }

  forward(x: Tensor): Tensor {
    return this.#entries.reduce((value, [, layer]) => layer.forward(value), x);
  }
}

/** A list of modules that are registered but not called: `this.blocks = new ModuleList(a, b)`. */
export class ModuleList<M extends Module = Module> extends Module {
  readonly #items: readonly M[];

  constructor(...items: readonly M[]) {
    super();
    this.#items = items;
    entriesOf('ModuleList', items);
  }
  get length(): number {
    return this.#items.length;
  }
  /** The module at a position; negative ones count from the end. */
  item(position: number): M {
    return (
      this.#items.at(position) ??
      fail('ModuleList', 'there is no such entry', String(position), `0 to ${this.length - 1}`)
    );
  }
  [Symbol.iterator](): Iterator<M> {
    return this.#items[Symbol.iterator]();
  }
  override *members() {
    yield* super.members();
    yield* this.#items.map((item, i) => [String(i), item] as const);
  }
  forward(): never {
    return fail('ModuleList', 'a list is not called: call its members');
  }
}

/** Modules by name that are registered but not called: `this.heads = new ModuleDict({ a: new Linear(2, 3) })`. */
export class ModuleDict<M extends Module = Module> extends Module {
  readonly #entries: ReadonlyMap<string, M>;

  constructor(named: Named<M>) {
    super();
    this.#entries = new Map(entriesOf<M>('ModuleDict', [named]));
  }
  get size(): number {
    return this.#entries.size;
  }
  keys(): string[] {
    return [...this.#entries.keys()];
  }
  /** The module of that name. Throws when there is none. */
  get(name: string): M {
    return (
      this.#entries.get(name) ??
      fail('ModuleDict', 'there is no such entry', name, this.keys().join(', '))
    );
  }
  [Symbol.iterator](): Iterator<readonly [string, M]> {
    return this.#entries[Symbol.iterator]();
  }
  override *members() {
    yield* super.members();
    yield* this.#entries;
  }
  forward(): never {
    return fail('ModuleDict', 'a dictionary is not called: call its members');
  }
}

/** Parameters in a list of their own, named by position; a field that is an array of them is registered as well. */
export class ParameterList extends Module {
  readonly #items: readonly Parameter[];

  constructor(...items: readonly Parameter[]) {
    super();
    this.#items = items;
  }
  get length(): number {
    return this.#items.length;
  }
  /** The parameter at a position; negative ones count from the end. */
  item(position: number): Parameter {
    return (
      this.#items.at(position) ??
      fail('ParameterList', 'there is no such entry', String(position), `0 to ${this.length - 1}`)
    );
  }
  [Symbol.iterator](): Iterator<Parameter> {
    return this.#items[Symbol.iterator]();
  }
  override *members() {
    yield* super.members();
    yield* this.#items.map((item, i) => [String(i), item] as const);
  }
  forward(): never {
    return fail('ParameterList', 'a list is not called: use its members');
  }
}

/** Parameters by name: `this.gains = new ParameterDict({ left: new Parameter(ones([3])) })`. */
export class ParameterDict extends Module {
  readonly #entries: ReadonlyMap<string, Parameter>;

  constructor(named: Readonly<Record<string, Parameter>>) {
    super();
    this.#entries = new Map(Object.entries(named));
    for (const name of this.#entries.keys()) checkName('ParameterDict', name);
  }
  get size(): number {
    return this.#entries.size;
  }
  keys(): string[] {
    return [...this.#entries.keys()];
  }
  /** The parameter of that name. Throws when there is none. */
  get(name: string): Parameter {
    return (
      this.#entries.get(name) ??
      fail('ParameterDict', 'there is no such entry', name, this.keys().join(', '))
    );
  }
  [Symbol.iterator](): Iterator<readonly [string, Parameter]> {
    return this.#entries[Symbol.iterator]();
  }
  override *members() {
    yield* super.members();
    yield* this.#entries;
  }
  forward(): never {
    return fail('ParameterDict', 'a dictionary is not called: use its members');
  }
}
