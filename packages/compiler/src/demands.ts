/** What clusters need, and where: the state that grouping works on. */
import { indexKey, substitute, variableIndex } from './affine.ts';
import type { Cluster, Demand } from './cluster.ts';
import type { Value } from './dag.ts';
import type { Index } from './ir.ts';

export class ValueState {
  readonly demands = new Map<Cluster, Demand[]>();
  /** Clusters that read it from memory as a whole (routines), or must load it. */
  readonly readers = new Set<Cluster>();
  /** A result of the program. */
  output = false;
  /** Clusters that compute it for themselves. */
  readonly inline = new Set<Cluster>();
  /** Clusters that write it. */
  homes: readonly Cluster[] = [];

  get inMemory(): boolean {
    return this.output || this.readers.size > 0;
  }
}

export class Demands {
  readonly #states = new Map<Value, ValueState>();
  readonly #demanded = new Map<Cluster, Set<Value>>();

  state(value: Value): ValueState {
    let state = this.#states.get(value);
    if (state === undefined) this.#states.set(value, (state = new ValueState()));
    return state;
  }

  /** The cluster needs the value at these coordinates; `guarded`: under conditions only. */
  add(value: Value, cluster: Cluster, coords: readonly Index[], guarded: boolean): void {
    if (value.node.op === 'full') return;
    const { demands } = this.state(value);
    const key = keyOf(coords, guarded);
    const list = demands.get(cluster);
    if (list === undefined) {
      demands.set(cluster, [{ coords, guarded, key }]);
      const values = this.#demanded.get(cluster);
      if (values === undefined) this.#demanded.set(cluster, new Set([value]));
      else values.add(value);
    } else if (!list.some((demand) => demand.key === key)) {
      list.push({ coords, guarded, key });
    }
  }

  /**
   * Makes loops of their own of the digits that an index takes from the cluster's variables (a group of
   * channels, say), so that they can be outer or inner loops by themselves.
   */
  splitDigits(cluster: Cluster, { terms }: Index): void {
    const cuts = new Map<number, Set<number>>();
    for (const { variable, div, mod } of terms) {
      if (div === 1 && mod === 0) continue;
      const set = cuts.get(variable) ?? new Set([1, cluster.sizes[variable]!]);
      cuts.set(variable, set.add(div).add(mod === 0 ? div : div * mod));
    }
    const values: Index[] = cluster.variables.map((v) => variableIndex(v, cluster.sizes));
    let changed = false;
    for (const [variable, set] of cuts) {
      const chain = [...set].sort((a, b) => a - b);
      if (!chain.every((cut, i) => i === 0 || cut % chain[i - 1]! === 0)) continue;
      changed = true;
      // The variable keeps the lowest digit.
      cluster.sizes[variable] = chain[1]!;
      const digits = [{ variable, stride: 1, div: 1, mod: 0 }];
      for (let i = 1; i + 1 < chain.length; i++) {
        const digit = cluster.addVariable(chain[i + 1]! / chain[i]!);
        digits.push({ variable: digit, stride: chain[i]!, div: 1, mod: 0 });
      }
      values[variable] = { offset: 0, terms: digits };
    }
    if (changed) this.#replace(cluster, values);
  }

  #replace(cluster: Cluster, values: readonly Index[]): void {
    // The loops are no longer the axes of a value.
    cluster.rank = -1;
    const move = (index: Index): Index => {
      const moved = substitute(index, values, cluster.sizes);
      if (moved === undefined) throw new Error('digits of a variable that was split into them');
      return moved;
    };
    for (const value of this.#demanded.get(cluster) ?? []) {
      const { demands } = this.state(value);
      const list = demands.get(cluster)!.map(({ coords, guarded }) => {
        const moved = coords.map(move);
        return { coords: moved, guarded, key: keyOf(moved, guarded) };
      });
      demands.set(cluster, list);
    }
    cluster.outputs.forEach((output, i) => {
      cluster.outputs[i] = {
        ...output,
        coords: output.coords.map(move),
        place: output.place.map(move),
      };
    });
  }
}

const keyOf = (coords: readonly Index[], guarded: boolean): string =>
  coords.map(indexKey).join(',') + (guarded ? '?' : '');
