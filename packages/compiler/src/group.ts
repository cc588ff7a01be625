/**
 * Which values are computed together in one kernel, and which go through memory.
 *
 * Nodes are visited from the results backwards, so all that reads a value has its place before the value
 * does. Clusters demand values at coordinates over their loops; a value either joins clusters that demand
 * it (it is *inline* there, maybe stored as well) or gets a cluster of its own and is loaded.
 */
import { fail, sizeOf } from '@hebb/core';
import { shiftIndex } from './affine.ts';
import { Choices } from './choices.ts';
import { Cluster } from './cluster.ts';
import type { Demand } from './cluster.ts';
import type { DagNode, Value } from './dag.ts';
import { Demands } from './demands.ts';
import type { ValueState } from './demands.ts';
import type { Index } from './ir.ts';
import { isCode, isFree, isGather, isReduction, isRoutine } from './kinds.ts';
import { isMovement, moveBack } from './movement.ts';
import {
  accessOf,
  gatherCoords,
  rebaseOn,
  reducedSizes,
  reductionCoords,
  setInner,
  viewFor,
} from './placing.ts';
import type { Access, GroupOptions, InnerChoice } from './placing.ts';
import { memoryOf } from './simplify.ts';
import type { Simplified } from './simplify.ts';

export class Grouping {
  readonly clusters: Cluster[] = [];
  readonly #demands = new Demands();
  readonly #choices: Choices;
  readonly #options: GroupOptions;

  constructor({ nodes, outputs }: Simplified, options: GroupOptions) {
    const uses = new Map<Value, number>();
    const use = (x: Value): unknown => uses.set(x, (uses.get(x) ?? 0) + 1);
    for (const node of nodes) node.inputs.forEach(use);
    outputs.forEach(use);
    this.#options = options;
    this.#choices = new Choices(this.clusters, this.#demands, nodes, uses, options);
    for (const x of outputs) this.state(x).output = true;
    for (let i = nodes.length - 1; i >= 0; i--) this.#visit(nodes[i]!);
  }

  state(value: Value): ValueState {
    return this.#demands.state(value);
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
        this.#demands.add(node.inputs[0]!, cluster, inner, guarded);
      } else if (isGather(node.op)) {
        this.#demands.add(node.inputs[1]!, cluster, gatherCoords(value, coords), guarded);
        this.#read(node.inputs[0]!, cluster, 'strided');
      } else {
        for (const x of node.inputs) this.#demands.add(x, cluster, coords, guarded);
      }
    }
  }

  /** A cluster that computes the value at its own loops and stores it: one with the same loops, or a new one. */
  #ownCluster(value: Value): Cluster {
    const adopted = this.#choices.adopt(value, value);
    const cluster = adopted?.cluster ?? this.#cluster(value.shape);
    const coords = adopted?.coords ?? cluster.coordinates(value.shape.length);
    if (adopted === undefined) cluster.attaches = this.#choices.followsRoutine(value);
    this.#demands.add(value, cluster, coords, false);
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
        this.#demands.add(input, cluster, place!.coords, guarded);
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
      const adopted = this.#choices.adopt(part, value);
      const cluster = adopted?.cluster ?? this.#cluster(part.shape);
      const coords = adopted?.coords ?? cluster.coordinates(part.shape.length);
      if (adopted === undefined) cluster.attaches = this.#choices.followsRoutine(part);
      const from = start;
      start += part.shape[axis]!;
      const place = coords.map((coord, i) => (i === axis ? shiftIndex(coord, from) : coord));
      this.#demands.add(part, cluster, coords, false);
      cluster.outputs.push({ value: part, coords, target: value, place });
      return cluster;
    });
    this.#settle(value);
  }

  #placeCode(value: Value): void {
    const state = this.state(value);
    const takers = [...state.demands.keys()].filter((cluster) =>
      this.#choices.fits(value, cluster),
    );
    const everyone = takers.length === state.demands.size;
    const alone =
      takers.length <= 1 && !(takers.length === 1 && this.#choices.leaves(value, takers[0]!));
    const again = this.#choices.isCheap(value) || this.#choices.isStep(value);
    if (!state.inMemory && everyone && (alone || again)) {
      for (const cluster of takers) this.#join(value, cluster);
      return;
    }
    if (state.inMemory && this.#choices.isCheap(value)) {
      for (const cluster of takers) {
        // Computing it again spares the load; where it can be stored on the way it is.
        if (!this.#choices.canHost(value, cluster)) this.#join(value, cluster);
      }
    }
    const host = this.#choices.host(value, takers);
    if (host === undefined) {
      this.#join(value, this.#ownCluster(value));
    } else {
      const { cluster, coords, inner } = host;
      if (inner !== undefined) cluster.inner = inner;
      this.#store(value, cluster, coords);
      this.#join(value, cluster);
    }
    this.#settle(value);
  }

  #placeReduction(value: Value): void {
    const state = this.state(value);
    const clusters = [...state.demands.keys()];
    if (!state.inMemory && clusters.length === 1) {
      const [cluster] = clusters as [Cluster];
      const inner = this.#choices.bind(value, cluster, false);
      if (inner !== undefined) {
        setInner(cluster, inner);
        this.#join(value, cluster);
        return;
      }
    }
    // Loops that are there already come before new ones.
    const offers: { cluster: Cluster; inner: InnerChoice; rank: number }[] = [];
    for (const cluster of clusters) {
      const rank = cluster.inner === undefined ? 1 : 0;
      const inner = this.#choices.bind(value, cluster, true);
      if (inner !== undefined && this.#choices.mayStore(value, cluster)) {
        offers.push({ cluster, inner, rank: inner.fresh === undefined ? rank : 2 });
      }
    }
    offers.sort((a, b) => a.rank - b.rank);
    const [offer] = offers;
    if (offer !== undefined) {
      setInner(offer.cluster, offer.inner);
      this.#store(value, offer.cluster, state.demands.get(offer.cluster)![0]!.coords);
      this.#join(value, offer.cluster);
    } else {
      const own = this.#ownCluster(value);
      if (own.inner === undefined) setInner(own, { fresh: reducedSizes(value) });
      this.#join(value, own);
    }
    this.#settle(value);
  }

  #placeRoutine(node: DagNode): void {
    if (node.record === undefined && !isRoutine(node.op)) {
      fail(node.op, 'the compiler does not know this op');
    }
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
      if (!this.#choices.mayStore(value, cluster)) continue;
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
