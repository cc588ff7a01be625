/** A cluster: values that one kernel computes, and the loops it runs. */
import type { DagNode, Value } from './dag.ts';
import { variableIndex } from './affine.ts';
import type { Index } from './ir.ts';

/** A place where a cluster needs a value. */
export interface Demand {
  readonly coords: readonly Index[];
  /** Under conditions: outside them the value is not needed (and may not exist). */
  readonly guarded: boolean;
  readonly key: string;
}

/** A value written to memory: to its own buffer, or into a part of `target`'s. */
export interface Output {
  readonly value: Value;
  readonly coords: readonly Index[];
  readonly target: Value;
  readonly place: readonly Index[];
}

export class Cluster {
  readonly id: number;
  /** Sizes of the loop variables; inner ones of reductions are appended. */
  readonly sizes: number[];
  /** How many of them it began with, the axes of a value; -1 when they have been split. */
  rank: number;
  /** Variables of the inner loops, once something needs the kernel to have two levels. */
  inner: readonly number[] | undefined;
  readonly outputs: Output[] = [];
  /** The routine whose results the code runs on, or that is all of the cluster. */
  routine: DagNode | undefined;
  /** Loop variables in terms of the axes of the routine's result, for code attached to it. */
  rebase: readonly Index[] | undefined;
  /** Its code is meant for a routine's result: nothing in it can be computed once for several elements. */
  attaches = false;
  readonly dependencies = new Set<Cluster>();
  /** How many operations it holds, and how many values it reads: both are limited. */
  operations = 0;
  loads = 0;

  constructor(id: number, sizes: readonly number[]) {
    this.id = id;
    this.sizes = [...sizes];
    this.rank = sizes.length;
  }

  /** Runs loops of its own, so that values can be computed in it. */
  get isLoop(): boolean {
    return this.routine === undefined || this.rebase !== undefined;
  }

  get variables(): number[] {
    return this.sizes.map((_, i) => i);
  }

  get outer(): number[] {
    const { inner } = this;
    return inner === undefined ? this.variables : this.variables.filter((v) => !inner.includes(v));
  }

  /** The loop variables as coordinates of a value with the cluster's first `rank` sizes. */
  coordinates(rank: number): Index[] {
    return Array.from({ length: rank }, (_, i) => variableIndex(i, this.sizes));
  }

  addVariable(size: number): number {
    return this.sizes.push(size) - 1;
  }

  /** Whether this cluster needs, directly or not, what `other` computes. */
  reaches(other: Cluster): boolean {
    if (this === other) return true;
    const seen = new Set<Cluster>([this]);
    const stack: Cluster[] = [this];
    while (stack.length > 0) {
      for (const next of stack.pop()!.dependencies) {
        if (next === other) return true;
        if (seen.has(next)) continue;
        seen.add(next);
        stack.push(next);
      }
    }
    return false;
  }
}

export const sizeProduct = (variables: readonly number[], sizes: readonly number[]): number =>
  variables.reduce((n, v) => n * sizes[v]!, 1);
