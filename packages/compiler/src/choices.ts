/** Whether and where a value may be computed in clusters that exist: costs, loop levels, and no waiting in circles. */
import { dtypeInfo, sizeOf } from '@hebb/core';
import { bijection, indexKey, isLinear, variablesOf } from './affine.ts';
import { sizeProduct } from './cluster.ts';
import type { Cluster, Demand } from './cluster.ts';
import type { DagNode, Value } from './dag.ts';
import type { Demands } from './demands.ts';
import { elementCost, isElementwise } from './elementwise.ts';
import type { Index } from './ir.ts';
import { isFree, isGather, isReduction } from './kinds.ts';
import { UNWINDOW, isMovement, moveBack, ravel } from './movement.ts';
import {
  evaluations,
  innerCoords,
  isParallel,
  matchLoops,
  matchReduction,
  reducedSizes,
  reductionCoords,
} from './placing.ts';
import type { GroupOptions, InnerChoice } from './placing.ts';
import { COPY } from './simplify.ts';

/** Rows shorter than this are hardly worked on as vectors anyway. */
const SHORT_ROW = 8;
/** Small kernels with nothing in common are put together up to this many operations. */
const MAX_SMALL = 48;

/** Where in a cluster a value is computed once for each of its elements. */
export interface Level {
  readonly coords: readonly Index[];
  /** Inner loops that the cluster must have for that, when it has none yet. */
  readonly inner: readonly number[] | undefined;
}

export interface Hosting extends Level {
  readonly cluster: Cluster;
}

export class Choices {
  readonly #demands: Demands;
  readonly #uses: ReadonlyMap<Value, number>;
  readonly #options: GroupOptions;
  readonly #clusters: readonly Cluster[];
  /** Values with views below that divide positions, and nothing in between that goes through memory. */
  readonly #dividing = new Set<Value>();
  readonly #following = new Map<Value, boolean>();

  constructor(
    clusters: readonly Cluster[],
    demands: Demands,
    nodes: readonly DagNode[],
    uses: ReadonlyMap<Value, number>,
    options: GroupOptions,
  ) {
    this.#clusters = clusters;
    this.#demands = demands;
    this.#uses = uses;
    this.#options = options;
    for (const { op, inputs, attrs, outputs } of nodes) {
      const gaps = op === 'pad' && (attrs['interior'] as readonly number[]).some((n) => n > 0);
      const open = isElementwise(op) || isMovement(op) || isReduction(op);
      const passes = open && inputs.some((x) => this.#dividing.has(x));
      if (op === UNWINDOW || gaps || passes) this.#dividing.add(outputs[0]!);
    }
  }

  #demandsOf(value: Value, cluster: Cluster): readonly Demand[] {
    return this.#demands.state(value).demands.get(cluster)!;
  }

  /** Digits of loops that the value is needed at become loops, where the cluster's levels are still open. */
  #separate(value: Value, cluster: Cluster, i: number): void {
    if (cluster.inner !== undefined || cluster.routine !== undefined) return;
    const flat = ravel(this.#demandsOf(value, cluster)[i]!.coords, value.shape, cluster.sizes);
    if (!isLinear(flat)) this.#demands.splitDigits(cluster, flat);
  }

  /** Whether computing the value in the cluster costs no more than storing and loading it. */
  fits(value: Value, cluster: Cluster): boolean {
    const demands = this.#demandsOf(value, cluster);
    if (!hasRoom(cluster, demands.length, this.#options)) return false;
    if (demands.some(({ coords }) => !this.#canFollow(value, cluster.sizes, coords))) return false;
    if (isComputed(value)) return true;
    const size = sizeOf(value.shape);
    let turns = 0;
    for (const { coords } of demands) turns += evaluations(cluster, coords);
    const cost = isGather(value.node.op) ? 4 : elementCost(value.node.op);
    const spared = 2 * size + this.#options.kernelCost;
    // Elements apart from each other (windows) are hardly worked on as vectors; in a loop of their own they are.
    const long = value.shape.at(-1)! >= SHORT_ROW;
    if (long && demands.some(({ coords }) => isScattered(coords))) {
      if (this.#chainCost(value) * turns > spared) return false;
    }
    return cost * (turns - size) <= spared;
  }

  /** Cost of the value and of what only it is made of, element by element. */
  #chainCost(value: Value, depth = 4): number {
    const size = sizeOf(value.shape);
    let cost = elementCost(value.node.op);
    for (const x of value.node.inputs) {
      const alone = this.#uses.get(x) === 1 && sizeOf(x.shape) === size;
      if (alone && depth > 0 && isElementwise(x.node.op)) cost += this.#chainCost(x, depth - 1);
    }
    return cost;
  }

  /** Whether it costs less to compute from what is in memory anyway than to keep. */
  isCheap(value: Value): boolean {
    let cost = 0;
    const leaves = new Set<Value>();
    const size = sizeOf(value.shape);
    const walk = (x: Value): boolean => {
      const { node } = x;
      if (isFree(node.op)) return true;
      // A statistic of a row or a parameter: to load it is next to nothing.
      if (sizeOf(x.shape) * 8 <= size) return true;
      if (isMovement(node.op)) return walk(node.inputs[0]!);
      if (isElementwise(node.op)) {
        cost += elementCost(node.op);
        return cost <= 6 && node.inputs.every(walk);
      }
      const kept = node.op === 'input' || this.#demands.state(x).inMemory;
      if (!kept) return false;
      leaves.add(x);
      return leaves.size <= 2;
    };
    return walk(value);
  }

  /**
   * A step from one other value that is used elsewhere too: where both are needed later, that one alone is
   * kept.
   */
  isStep(value: Value): boolean {
    const { node, dtype, shape } = value;
    if (!isElementwise(node.op) || elementCost(node.op) > 1) return false;
    const size = sizeOf(shape);
    const large = new Set(
      node.inputs.filter((x) => !isFree(x.node.op) && sizeOf(x.shape) === size),
    );
    const [source] = large;
    return (
      large.size === 1 &&
      node.inputs.every((x) => large.has(x) || sizeOf(x.shape) * 8 <= size || isFree(x.node.op)) &&
      this.#uses.get(source!)! > 1 &&
      dtypeInfo(dtype).bytes >= dtypeInfo(source!.dtype).bytes
    );
  }

  /** The cluster that computes the value once for each element and may store it; see `mayStore`. */
  host(value: Value, clusters: readonly Cluster[]): Hosting | undefined {
    const wholeOnly = this.followsRoutine(value);
    // What is made from a reduction belongs where the rows are read again, if anywhere.
    const order = followsReduction(value)
      ? [...clusters].sort((a, b) => sizeOf(b.sizes) - sizeOf(a.sizes))
      : clusters;
    for (const cluster of order) {
      if (wholeOnly && cluster.inner !== undefined) continue;
      const level = this.canHost(value, cluster);
      if (level === undefined || (wholeOnly && level.inner !== undefined)) continue;
      if (this.#crossesRows(value, cluster, level.coords)) continue;
      return { cluster, ...level };
    }
    return undefined;
  }

  /**
   * The value is made from a reduction over rows that run across those of the cluster: at home it can be
   * computed with that reduction, here only after it.
   */
  #crossesRows(value: Value, cluster: Cluster, coords: readonly Index[]): boolean {
    const { inner, sizes } = cluster;
    if (inner === undefined) return false;
    const size = sizeOf(value.shape);
    const seen = new Set<Value>();
    const walk = (x: Value, at: readonly Index[], depth: number): boolean => {
      const { op, inputs, attrs } = x.node;
      if (seen.has(x) || depth === 0) return false;
      seen.add(x);
      if (isReduction(op)) {
        if (sizeOf(inputs[0]!.shape) < size) return false;
        const used = new Set<number>();
        for (const coord of at) variablesOf(coord, used);
        return inner.some((v) => used.has(v));
      }
      if (isMovement(op)) {
        const [input] = inputs as [Value];
        const place = moveBack(op, attrs, at, x.shape, input.shape, sizes);
        return place !== undefined && walk(input, place.coords, depth - 1);
      }
      return isElementwise(op) && inputs.some((input) => walk(input, at, depth - 1));
    };
    return walk(value, coords, 12);
  }

  canHost(value: Value, cluster: Cluster): Level | undefined {
    if (!this.mayStore(value, cluster)) return undefined;
    const size = sizeOf(value.shape);
    for (let i = 0; i < this.#demandsOf(value, cluster).length; i++) {
      this.#separate(value, cluster, i);
      const { coords, guarded } = this.#demandsOf(value, cluster)[i]!;
      if (guarded) continue;
      const { sizes, variables, inner } = cluster;
      const flat = ravel(coords, value.shape, sizes);
      if (bijection(flat, variables, sizes, size) !== undefined)
        return { coords, inner: undefined };
      if (cluster.routine !== undefined) continue;
      const used = variablesOf(flat);
      const rest = variables.filter((v) => !used.has(v) && sizes[v] !== 1);
      const outer =
        inner === undefined ? variables.filter((v) => !rest.includes(v)) : cluster.outer;
      if (bijection(flat, outer, sizes, size) === undefined) continue;
      if (inner !== undefined) return { coords, inner: undefined };
      // A lone number is not worth two levels of loops.
      if (size > 1 && isParallel(size, sizeProduct(rest, sizes))) return { coords, inner: rest };
    }
    return undefined;
  }

  /** Whether others may wait for this cluster to write the value: it must not wait for them. */
  mayStore(value: Value, cluster: Cluster): boolean {
    const { demands, readers } = this.#demands.state(value);
    if (!cluster.isLoop || readers.has(cluster)) return false;
    for (const other of [...demands.keys(), ...readers]) {
      if (other !== cluster && cluster.reaches(other)) return false;
    }
    return true;
  }

  /** The value is made from the result of a routine that nothing else reads: it belongs in its epilogue. */
  followsRoutine(value: Value): boolean {
    let known = this.#following.get(value);
    if (known === undefined) this.#following.set(value, (known = this.#enclosesRoutine(value)));
    return known;
  }

  /** Walks up through elementwise values that only this value is made of. */
  #enclosesRoutine(value: Value): boolean {
    const size = sizeOf(value.shape);
    const seen = new Map<Value, number>();
    const stack = [value];
    for (let steps = 0; steps < 64 && stack.length > 0; steps++) {
      for (const x of stack.pop()!.node.inputs) {
        const uses = (seen.get(x) ?? 0) + 1;
        seen.set(x, uses);
        if (uses !== this.#uses.get(x) || sizeOf(x.shape) !== size) continue;
        const { op } = x.node;
        if (x.node.record === undefined && this.#options.epilogue(op)) return true;
        if (isElementwise(op) || op === 'reshape' || op === 'permute') stack.push(x);
      }
    }
    return false;
  }

  /** Belongs in a routine's epilogue, which the only cluster that takes it cannot become. */
  leaves(value: Value, taker: Cluster): boolean {
    if (!this.followsRoutine(value)) return false;
    if (taker.inner !== undefined) return true;
    const level = this.canHost(value, taker);
    return level === undefined || level.inner !== undefined;
  }

  /**
   * Whether the views below the value that divide positions (gaps, folds) can be written at these
   * coordinates. Where they cannot, the value is better computed at its own loops than the view's input,
   * which may be many times as large, put into memory.
   */
  #canFollow(
    value: Value,
    sizes: readonly number[],
    coords: readonly Index[],
    seen: Set<Value> = new Set(),
  ): boolean {
    const { node } = value;
    if (seen.has(value) || seen.size > 64 || !this.#dividing.has(value)) return true;
    seen.add(value);
    const { op, inputs, attrs } = node;
    if (isMovement(op)) {
      const [input] = inputs as [Value];
      const place = moveBack(op, attrs, coords, value.shape, input.shape, sizes);
      return place !== undefined && this.#canFollow(input, sizes, place.coords, seen);
    }
    if (isReduction(op)) {
      // The inner loops may not be known yet; new ones will do.
      const all = [...sizes];
      const inner = reducedSizes(value).map((size) => all.push(size) - 1);
      const within = reductionCoords(value, { inner, sizes: all }, coords);
      return within !== undefined && this.#canFollow(inputs[0]!, all, within, seen);
    }
    return inputs.every((x) => this.#canFollow(x, sizes, coords, seen));
  }

  /**
   * Inner loops under which the cluster can compute the reduction without doing more than needed; `whole`:
   * every element of it once, so that it can be stored.
   */
  bind(value: Value, cluster: Cluster, whole: boolean): InnerChoice | undefined {
    const demands = this.#demandsOf(value, cluster);
    if (demands.length !== 1 || demands[0]!.guarded) return undefined;
    if (cluster.routine !== undefined || !hasRoom(cluster, 1, this.#options)) return undefined;
    this.#separate(value, cluster, 0);
    const [demand] = this.#demandsOf(value, cluster) as [Demand];
    const { sizes, variables, inner } = cluster;
    if (!this.#canFollow(value, sizes, demand.coords)) return undefined;
    const flat = ravel(demand.coords, value.shape, sizes);
    const used = variablesOf(flat);
    const reduced = reducedSizes(value);
    const results = sizeOf(value.shape);
    const turns = reduced.reduce((n, size) => n * size, 1);
    const positions = value.node.op.startsWith('arg');
    const enough = (outer: readonly number[]): boolean =>
      whole
        ? bijection(flat, outer, sizes, results) !== undefined
        : sizeProduct(outer, sizes) <= results;
    let choice: InnerChoice;
    if (inner !== undefined) {
      choice = { existing: inner };
    } else {
      const rest = variables.filter((v) => !used.has(v) && sizes[v] !== 1);
      if (rest.length === 0) choice = { fresh: reduced };
      else if (isParallel(results, turns)) choice = { existing: rest };
      else return undefined;
    }
    if (choice.existing !== undefined) {
      if (sizeProduct(choice.existing, sizes) !== turns) return undefined;
      if (positions && choice.existing.length !== 1) return undefined;
      const outer = variables.filter((v) => !choice.existing!.includes(v));
      if (choice.existing.some((v) => used.has(v)) || !enough(outer)) return undefined;
      if (innerCoords(reduced, choice.existing, sizes) === undefined) return undefined;
    } else if (!enough(variables)) {
      return undefined;
    }
    return choice;
  }

  /**
   * A cluster with the same loops that may compute the value as well, and does better for it: they read the
   * same memory, or are so small that starting a kernel is most of the work. `target` is what is written.
   */
  adopt(value: Value, target: Value): { cluster: Cluster; coords: readonly Index[] } | undefined {
    if (this.followsRoutine(value)) return undefined;
    for (let i = this.#clusters.length - 1; i >= 0; i--) {
      const cluster = this.#clusters[i]!;
      if (cluster.routine !== undefined || !hasRoom(cluster, 2, this.#options)) continue;
      // A part of what the cluster itself loads.
      if (target !== value && this.#demands.state(target).demands.has(cluster)) continue;
      // What the cluster needs while its inner loops run cannot be the outcome of these loops.
      if (isReduction(value.node.op) && this.#demands.state(value).demands.has(cluster)) continue;
      const coords = isReduction(value.node.op)
        ? matchReduction(value, cluster)
        : matchLoops(value.shape, cluster);
      if (coords === undefined) continue;
      const small =
        sizeOf(cluster.sizes) <= 2 * this.#options.kernelCost &&
        cluster.operations <= MAX_SMALL &&
        !isReduction(value.node.op);
      if (!small && !this.#shares(value, cluster, coords, sizeOf(cluster.sizes), 3)) continue;
      if (!this.mayStore(value, cluster) || !this.mayStore(target, cluster)) continue;
      return { cluster, coords };
    }
    return undefined;
  }

  /** Whether something large that the value is made of is needed by the cluster at the same place. */
  #shares(
    value: Value,
    cluster: Cluster,
    coords: readonly Index[],
    size: number,
    depth: number,
  ): boolean {
    const { node } = value;
    const { op } = node;
    const at = (x: Value, place: readonly Index[]): boolean => {
      if (isFree(x.node.op) || sizeOf(x.shape) * 4 < size) return false;
      const key = place.map(indexKey).join(',');
      const demands = this.#demands.state(x).demands.get(cluster);
      if (demands?.some((demand) => demand.key === key) === true) return true;
      return depth > 0 && this.#shares(x, cluster, place, size, depth - 1);
    };
    if (isReduction(op)) {
      const inner =
        cluster.inner === undefined ? undefined : reductionCoords(value, cluster, coords);
      return inner !== undefined && at(node.inputs[0]!, inner);
    }
    if (isMovement(op)) {
      const input = node.inputs[0]!;
      const place = moveBack(op, node.attrs, coords, value.shape, input.shape, cluster.sizes);
      return place !== undefined && at(input, place.coords);
    }
    if (!isElementwise(op) && op !== COPY) return false;
    return node.inputs.some((x) => at(x, coords));
  }
}

const hasRoom = (
  cluster: Cluster,
  operations: number,
  { mostOperations, mostValues }: GroupOptions,
): boolean =>
  cluster.isLoop &&
  cluster.operations + operations <= mostOperations &&
  cluster.loads + cluster.outputs.length <= mostValues;

/** Made of positions and constants alone, by little work: never worth memory. */
function isComputed(value: Value): boolean {
  let cost = 0;
  const walk = ({ node }: Value): boolean => {
    if (isFree(node.op)) return true;
    if (isMovement(node.op)) return walk(node.inputs[0]!);
    if (!isElementwise(node.op)) return false;
    cost += elementCost(node.op);
    return cost <= 4 && node.inputs.every(walk);
  };
  return walk(value);
}

/** Computed from the result of a reduction, element by element. */
function followsReduction({ node }: Value, depth = 6): boolean {
  return node.inputs.some((x) => {
    if (isReduction(x.node.op)) return true;
    const passes = isElementwise(x.node.op) || x.node.op === 'reshape';
    return depth > 0 && passes && followsReduction(x, depth - 1);
  });
}

/** Neighbours in the loops are no neighbours along the last axis. */
function isScattered(coords: readonly Index[]): boolean {
  const last = coords[coords.length - 1];
  return (
    last !== undefined && last.terms.some(({ stride, div }) => Math.abs(stride) > 1 && div === 1)
  );
}
