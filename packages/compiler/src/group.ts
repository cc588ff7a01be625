/**
 * Which values are computed together in one kernel, and which go through memory.
 *
 * Nodes are visited from the results backwards, so all that reads a value has its place before the value
 * does. Clusters demand values at coordinates over their loops; a value either joins clusters that demand
 * it (it is *inline* there, maybe stored as well) or gets a cluster of its own and is loaded.
 */
import { fail, sizeOf } from '@hebb/core';
import { bijection, indexKey, shiftIndex, variablesOf } from './affine.ts';
import { Cluster, sizeProduct } from './cluster.ts';
import type { Demand } from './cluster.ts';
import type { DagNode, Value } from './dag.ts';
import { elementCost, isElementwise } from './elementwise.ts';
import type { Index } from './ir.ts';
import { isMovement, moveBack, ravel } from './movement.ts';
import {
  accessOf,
  evaluations,
  gatherCoords,
  innerCoords,
  isParallel,
  matchLoops,
  matchReduction,
  rebaseOn,
  reducedSizes,
  reductionCoords,
  setInner,
  viewFor,
} from './placing.ts';
import type { Access, GroupOptions, InnerChoice } from './placing.ts';
import { COPY, memoryOf } from './simplify.ts';
import type { Simplified } from './simplify.ts';

/** Bodies beyond this many operations, or that touch more values, are split: registers and code are finite. */
const MAX_OPERATIONS = 240;
const MAX_LOADS = 40;
/** What a kernel of its own costs, in units of an addition: the loop's start and a barrier. */
const KERNEL_COST = 2000;
/** Loops of fewer turns are mostly start: those over one shape go into one kernel. */
const SMALL = 4096;

const reductions = new Set(['sum', 'prod', 'max', 'min', 'argmax', 'argmin']);
const gathers = new Set(['gather', 'gatherElements']);

export const isReduction = (op: string): boolean => reductions.has(op);
export const isGather = (op: string): boolean => gathers.has(op);
const isCode = (op: string): boolean => isElementwise(op) || isGather(op) || op === COPY;
const isFree = (op: string): boolean => op === 'full' || op === 'iota';

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

export class Grouping {
  readonly clusters: Cluster[] = [];
  readonly #states = new Map<Value, ValueState>();
  readonly #uses = new Map<Value, number>();
  readonly #options: GroupOptions;

  constructor({ nodes, outputs }: Simplified, options: GroupOptions) {
    this.#options = options;
    for (const node of nodes) {
      for (const x of node.inputs) this.#uses.set(x, (this.#uses.get(x) ?? 0) + 1);
    }
    for (const x of outputs) {
      this.state(x).output = true;
      this.#uses.set(x, (this.#uses.get(x) ?? 0) + 1);
    }
    for (let i = nodes.length - 1; i >= 0; i--) this.#visit(nodes[i]!);
  }

  state(value: Value): ValueState {
    let state = this.#states.get(value);
    if (state === undefined) this.#states.set(value, (state = new ValueState()));
    return state;
  }

  #cluster(sizes: readonly number[]): Cluster {
    const cluster = new Cluster(this.clusters.length, sizes);
    this.clusters.push(cluster);
    return cluster;
  }

  #visit(node: DagNode): void {
    const { op } = node;
    if (op === 'input') return;
    if (node.outputs.every((x) => sizeOf(x.shape) === 0)) return;
    if (op === 'scan' || node.record !== undefined || node.outputs.length > 1) {
      this.#placeRoutine(node);
      return;
    }
    const value = node.outputs[0]!;
    if (isMovement(op)) this.#placeMovement(value);
    else if (isFree(op)) this.#placeFree(value);
    else if (op === 'concat') this.#placeConcat(value);
    else if (isReduction(op)) this.#placeReduction(value);
    else if (isCode(op)) this.#placeCode(value);
    else this.#placeRoutine(node);
  }

  // --- demands ---

  #demand(value: Value, cluster: Cluster, coords: readonly Index[], guarded: boolean): void {
    if (value.node.op === 'full') return;
    const { demands } = this.state(value);
    const key = coords.map(indexKey).join(',') + (guarded ? '?' : '');
    const list = demands.get(cluster);
    if (list === undefined) demands.set(cluster, [{ coords, guarded, key }]);
    else if (!list.some((demand) => demand.key === key)) list.push({ coords, guarded, key });
  }

  /** A routine, or a gather, reads the value from memory. */
  #read(value: Value, cluster: Cluster, access: Access): void {
    this.state(viewFor(value, access).base).readers.add(cluster);
  }

  /** The value is computed in the cluster: what it is made of is needed there. */
  #join(value: Value, cluster: Cluster): void {
    const state = this.state(value);
    state.inline.add(cluster);
    const { node } = value;
    for (const { coords, guarded } of state.demands.get(cluster) ?? []) {
      cluster.operations += 1;
      if (isReduction(node.op)) {
        const inner = reductionCoords(value, cluster, coords);
        if (inner === undefined) fail(node.op, 'cannot be written as a loop');
        this.#demand(node.inputs[0]!, cluster, inner, guarded);
      } else if (isGather(node.op)) {
        this.#demand(node.inputs[1]!, cluster, gatherCoords(value, coords), guarded);
        this.#read(node.inputs[0]!, cluster, 'strided');
      } else {
        for (const x of node.inputs) this.#demand(x, cluster, coords, guarded);
      }
    }
  }

  /** A cluster that computes the value at its own loops and stores it: one with the same loops, or a new one. */
  #ownCluster(value: Value): Cluster {
    const adopted = this.#adopt(value, value);
    const cluster = adopted?.cluster ?? this.#cluster(value.shape);
    const coords = adopted?.coords ?? cluster.coordinates(value.shape.length);
    this.#demand(value, cluster, coords, false);
    this.#store(value, cluster, coords);
    return cluster;
  }

  #store(value: Value, cluster: Cluster, coords: readonly Index[]): void {
    cluster.outputs.push({ value, coords, target: value, place: coords });
    this.state(value).homes = [cluster];
  }

  /** Everyone who does not compute the value waits for those who write it. */
  #settle(value: Value): void {
    const { demands, readers, inline, homes } = this.state(value);
    for (const cluster of demands.keys()) {
      if (inline.has(cluster)) continue;
      cluster.loads += 1;
      for (const home of homes) if (home !== cluster) cluster.dependencies.add(home);
    }
    for (const cluster of readers) {
      for (const home of homes) if (home !== cluster) cluster.dependencies.add(home);
    }
  }

  // --- placing ---

  #placeFree(value: Value): void {
    const state = this.state(value);
    for (const cluster of state.demands.keys()) state.inline.add(cluster);
    if (!state.inMemory) return;
    const own = this.#ownCluster(value);
    state.inline.add(own);
    this.#settle(value);
  }

  #placeMovement(value: Value): void {
    const state = this.state(value);
    const { node } = value;
    const input = node.inputs[0]!;
    const pass = (cluster: Cluster, demands: readonly Demand[]): boolean => {
      const places = demands.map(({ coords }) =>
        moveBack(node.op, node.attrs, coords, value.shape, input.shape, cluster.sizes),
      );
      if (places.includes(undefined)) return false;
      state.inline.add(cluster);
      places.forEach((place, i) => {
        const guarded = demands[i]!.guarded || place!.conditions.length > 0;
        this.#demand(input, cluster, place!.coords, guarded);
      });
      return true;
    };
    for (const [cluster, demands] of state.demands) {
      if (!pass(cluster, demands)) state.readers.add(cluster);
    }
    if (!state.inMemory) return;
    if (node.op === 'reshape') {
      // The same memory.
      const below = this.state(input);
      below.output ||= state.output;
      for (const cluster of state.readers) below.readers.add(cluster);
      return;
    }
    const own = this.#ownCluster(value);
    if (!pass(own, state.demands.get(own)!)) fail(node.op, 'cannot be written as a loop');
    this.#settle(value);
  }

  #placeConcat(value: Value): void {
    const state = this.state(value);
    const axis = value.node.attrs['axis'] as number;
    let start = 0;
    state.homes = value.node.inputs.map((part) => {
      const adopted = this.#adopt(part, value);
      const cluster = adopted?.cluster ?? this.#cluster(part.shape);
      const coords = adopted?.coords ?? cluster.coordinates(part.shape.length);
      const from = start;
      start += part.shape[axis]!;
      const place = coords.map((coord, i) => (i === axis ? shiftIndex(coord, from) : coord));
      this.#demand(part, cluster, coords, false);
      cluster.outputs.push({ value: part, coords, target: value, place });
      return cluster;
    });
    this.#settle(value);
  }

  #placeCode(value: Value): void {
    const state = this.state(value);
    const takers = [...state.demands.keys()].filter((cluster) => this.#fits(value, cluster));
    const everyone = takers.length === state.demands.size;
    const alone = takers.length <= 1 && !(takers.length === 1 && this.#leaves(value, takers[0]!));
    if (!state.inMemory && everyone && (alone || this.#isCheap(value))) {
      for (const cluster of takers) this.#join(value, cluster);
      return;
    }
    if (state.inMemory && this.#isCheap(value)) {
      for (const cluster of takers) {
        // Computing it again spares the load; where it can be stored on the way it is.
        if (!this.#canHost(value, cluster)) this.#join(value, cluster);
      }
    }
    const host = this.#host(value, takers);
    const home = host ?? this.#ownCluster(value);
    this.#join(value, home);
    this.#settle(value);
  }

  #placeReduction(value: Value): void {
    const state = this.state(value);
    const clusters = [...state.demands.keys()];
    if (!state.inMemory && clusters.length === 1) {
      const [cluster] = clusters as [Cluster];
      const inner = this.#bind(value, cluster);
      if (inner !== undefined) {
        setInner(cluster, inner);
        this.#join(value, cluster);
        return;
      }
    }
    const before = (cluster: Cluster): number => (cluster.inner === undefined ? 1 : 0);
    const host = clusters
      .sort((a, b) => before(a) - before(b))
      .find((cluster) => {
        const inner = this.#bind(value, cluster);
        if (inner === undefined || !this.#mayStore(value, cluster)) return false;
        setInner(cluster, inner);
        this.#store(value, cluster, state.demands.get(cluster)![0]!.coords);
        return true;
      });
    if (host !== undefined) {
      this.#join(value, host);
    } else {
      const own = this.#ownCluster(value);
      if (own.inner === undefined) setInner(own, { fresh: reducedSizes(value) });
      this.#join(value, own);
    }
    this.#settle(value);
  }

  #placeRoutine(node: DagNode): void {
    const live = node.outputs.some((x) => {
      const state = this.state(x);
      return state.inMemory || state.demands.size > 0;
    });
    if (!live) return;
    const attached =
      node.outputs.length === 1 && node.record === undefined && this.#options.epilogue(node.op)
        ? this.#attach(node)
        : undefined;
    const cluster = attached ?? this.#cluster([]);
    cluster.routine = node;
    if (attached === undefined) {
      for (const x of node.outputs) {
        this.state(x).homes = [cluster];
        this.#settle(x);
      }
    }
    node.inputs.forEach((x, i) => this.#read(x, cluster, accessOf(node, i, this.#options)));
  }

  // --- choices ---

  /** Whether computing the value in the cluster costs no more than storing and loading it. */
  #fits(value: Value, cluster: Cluster): boolean {
    const demands = this.state(value).demands.get(cluster)!;
    if (!hasRoom(cluster, demands.length)) return false;
    if (isComputed(value)) return true;
    const size = sizeOf(value.shape);
    let turns = 0;
    for (const { coords } of demands) turns += evaluations(cluster, coords);
    const cost = isGather(value.node.op) ? 4 : elementCost(value.node.op);
    return cost * (turns - size) <= 2 * size + KERNEL_COST;
  }

  /** Whether it costs less to compute from what is in memory anyway than to keep. */
  #isCheap(value: Value): boolean {
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
      const kept = node.op === 'input' || this.state(x).inMemory;
      if (!kept) return false;
      leaves.add(x);
      return leaves.size <= 2;
    };
    return walk(value);
  }

  /** The cluster that computes the value once for each element and may store it; see `#mayStore`. */
  #host(value: Value, clusters: readonly Cluster[]): Cluster | undefined {
    const rowsOnly = this.#followsRoutine(value);
    for (const cluster of clusters) {
      if (rowsOnly && cluster.inner !== undefined) continue;
      const level = this.#canHost(value, cluster);
      if (level === undefined || (rowsOnly && level.inner !== undefined)) continue;
      if (level.inner !== undefined) cluster.inner = level.inner;
      this.#store(value, cluster, level.coords);
      return cluster;
    }
    return undefined;
  }

  #canHost(
    value: Value,
    cluster: Cluster,
  ): { coords: readonly Index[]; inner: readonly number[] | undefined } | undefined {
    if (!this.#mayStore(value, cluster)) return undefined;
    const size = sizeOf(value.shape);
    for (const { coords, guarded } of this.state(value).demands.get(cluster)!) {
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
  #mayStore(value: Value, cluster: Cluster): boolean {
    const { demands, readers } = this.state(value);
    if (!cluster.isLoop || readers.has(cluster)) return false;
    for (const other of [...demands.keys(), ...readers]) {
      if (other !== cluster && cluster.reaches(other)) return false;
    }
    return true;
  }

  /** The value is made from the result of a routine that nothing else reads: it belongs in its epilogue. */
  #followsRoutine(value: Value, depth = 8): boolean {
    const size = sizeOf(value.shape);
    return value.node.inputs.some((input) => {
      let x = input;
      while (x.node.op === 'reshape' || x.node.op === 'permute') x = x.node.inputs[0]!;
      if (sizeOf(x.shape) !== size || this.#uses.get(x) !== 1) return false;
      if (isElementwise(x.node.op)) return depth > 0 && this.#followsRoutine(x, depth - 1);
      return this.#options.epilogue(x.node.op);
    });
  }

  /** Belongs in a routine's epilogue, which the only cluster that takes it cannot become. */
  #leaves(value: Value, taker: Cluster): boolean {
    if (!this.#followsRoutine(value)) return false;
    if (taker.inner !== undefined) return true;
    const level = this.#canHost(value, taker);
    return level === undefined || level.inner !== undefined;
  }

  /** Inner loops under which the cluster can compute the reduction, if it can. */
  #bind(value: Value, cluster: Cluster): InnerChoice | undefined {
    const demands = this.state(value).demands.get(cluster)!;
    const [demand] = demands as [Demand];
    if (demands.length !== 1 || demand.guarded || cluster.routine !== undefined) return undefined;
    if (!hasRoom(cluster, 1)) return undefined;
    const { sizes, variables, inner } = cluster;
    const flat = ravel(demand.coords, value.shape, sizes);
    const used = variablesOf(flat);
    const reduced = reducedSizes(value);
    const results = sizeOf(value.shape);
    const turns = reduced.reduce((n, size) => n * size, 1);
    const positions = value.node.op.startsWith('arg');
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
      if (bijection(flat, outer, sizes, results) === undefined) return undefined;
      if (innerCoords(reduced, choice.existing, sizes) === undefined) return undefined;
    } else if (bijection(flat, variables, sizes, results) === undefined) {
      return undefined;
    }
    return choice;
  }

  /**
   * A cluster with the same loops that may compute the value as well, and does better for it: they read the
   * same memory, or are so small that starting a kernel is most of the work. `target` is what is written.
   */
  #adopt(value: Value, target: Value): { cluster: Cluster; coords: readonly Index[] } | undefined {
    if (this.#followsRoutine(value)) return undefined;
    for (let i = this.clusters.length - 1; i >= 0; i--) {
      const cluster = this.clusters[i]!;
      if (cluster.routine !== undefined || !hasRoom(cluster, 2)) continue;
      const coords = isReduction(value.node.op)
        ? matchReduction(value, cluster)
        : matchLoops(value.shape, cluster);
      if (coords === undefined) continue;
      const small = sizeOf(cluster.sizes) <= SMALL && !isReduction(value.node.op);
      if (!small && !this.#shares(value, cluster, coords, sizeOf(cluster.sizes), 3)) continue;
      if (!this.#mayStore(value, cluster) || !this.#mayStore(target, cluster)) continue;
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
      const demands = this.state(x).demands.get(cluster);
      if (demands?.some((demand) => demand.key === key) === true) return true;
      return depth > 0 && this.#shares(x, cluster, place, size, depth - 1);
    };
    if (isReduction(op)) {
      const inner = reductionCoords(value, cluster, coords);
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

  /** Undoes `#attach` where the code turned out not to be writable over the routine's axes. */
  detach(cluster: Cluster): void {
    const node = cluster.routine!;
    const value = node.outputs[0]!;
    const state = this.state(value);
    cluster.routine = undefined;
    cluster.rebase = undefined;
    const own = this.#cluster([]);
    own.routine = node;
    const outputs = cluster.outputs.filter((output) => output.value !== value);
    cluster.outputs.splice(0, cluster.outputs.length, ...outputs);
    state.inline.delete(cluster);
    state.homes = [own];
    cluster.dependencies.add(own);
    node.inputs.forEach((x, i) => {
      const { base } = viewFor(x, accessOf(node, i, this.#options));
      for (const home of this.state(memoryOf(base)).homes) own.dependencies.add(home);
    });
  }

  /** Attaches the one loop cluster that reads a routine's result element by element to the routine. */
  #attach(node: DagNode): Cluster | undefined {
    const value = node.outputs[0]!;
    const state = this.state(value);
    const size = sizeOf(value.shape);
    for (const [cluster, demands] of state.demands) {
      const [demand] = demands as [Demand];
      if (demands.length !== 1 || demand.guarded) continue;
      if (cluster.routine !== undefined || cluster.inner !== undefined) continue;
      if (!this.#mayStore(value, cluster)) continue;
      const rebase = rebaseOn(value, cluster, demand.coords, size);
      if (rebase === undefined) continue;
      cluster.rebase = rebase;
      state.inline.add(cluster);
      if (state.inMemory || state.demands.size > 1) this.#store(value, cluster, demand.coords);
      this.#settle(value);
      return cluster;
    }
    return undefined;
  }
}

const hasRoom = (cluster: Cluster, operations: number): boolean =>
  cluster.isLoop &&
  cluster.operations + operations <= MAX_OPERATIONS &&
  cluster.loads + cluster.outputs.length <= MAX_LOADS;

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
