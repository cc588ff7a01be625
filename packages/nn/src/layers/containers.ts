/** Modules that hold modules. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module } from '../module/module.ts';
import type { Layer } from '../module/module.ts';

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
    if (name === '' || name.includes('.')) {
      fail(container, 'a name is empty or contains a dot', JSON.stringify(name));
    }
  }
  return entries;
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
