/** Coordinates of values within the loops of a cluster, and how much work a place makes. */
import { sizeOf, stridesOf } from '@hebb/core';
import type { Shape } from '@hebb/core';
import {
  bijection,
  divideIndex,
  substitute,
  variableIndex,
  variablesOf,
  zeroIndex,
} from './affine.ts';
import { sizeProduct } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { DagNode, Value } from './dag.ts';
import type { Index } from './ir.ts';
import { ravel, unravel } from './movement.ts';
import { isDense, stridedView } from './views.ts';
import type { StridedView } from './views.ts';

/** With fewer rows than this, rows longer than that are not worked on one at a time: nothing could run in parallel. */
const FEW_ROWS = 4;
const LONG_ROW = 1 << 14;

export interface GroupOptions {
  /** Whether code can be attached to the routine's result. */
  readonly epilogue: (op: string) => boolean;
  /** Whether the routine reads this input through any strides; else it is made dense. */
  readonly strided: (op: string, input: number) => boolean;
  /** What starting a kernel costs, in units of an addition. */
  readonly kernelCost: number;
  /** Operations of a body, and values that it reads and writes. */
  readonly mostOperations: number;
  readonly mostValues: number;
}

/** How something reads a value: any strides, row-major without gaps, or a buffer of its own from the start. */
export type Access = 'strided' | 'dense' | 'whole';

export function accessOf({ op, record }: DagNode, input: number, options: GroupOptions): Access {
  if (op === 'scan') return 'whole';
  return record === undefined && options.strided(op, input) ? 'strided' : 'dense';
}

export function viewFor(value: Value, access: Access): StridedView {
  const whole = { base: value, strides: stridesOf(value.shape), offset: 0 };
  if (access === 'whole') return whole;
  const view = stridedView(value);
  return access === 'strided' || isDense(value, view) ? view : whole;
}

export type InnerChoice =
  | { readonly existing: readonly number[]; readonly fresh?: undefined }
  | { readonly fresh: readonly number[]; readonly existing?: undefined };

export function setInner(cluster: Cluster, choice: InnerChoice): void {
  cluster.inner = choice.existing ?? choice.fresh.map((size) => cluster.addVariable(size));
}

export const isParallel = (rows: number, length: number): boolean =>
  rows >= FEW_ROWS || length <= LONG_ROW;

export function reducedAxes({ node }: Value): readonly number[] {
  return (node.attrs['axes'] as readonly number[] | undefined) ?? [node.attrs['axis'] as number];
}

export function reducedSizes(value: Value): number[] {
  const input = value.node.inputs[0]!;
  return reducedAxes(value).map((axis) => input.shape[axis]!);
}

export function innerCoords(
  reduced: readonly number[],
  inner: readonly number[],
  sizes: readonly number[],
): readonly Index[] | undefined {
  const coords = inner.map((v) => variableIndex(v, sizes));
  return unravel(
    ravel(
      coords,
      inner.map((v) => sizes[v]!),
      sizes,
    ),
    reduced,
    sizes,
  );
}

/** Where a reduction in the cluster reads its input, given where its result is needed. */
export function reductionCoords(
  value: Value,
  { inner, sizes }: Pick<Cluster, 'inner' | 'sizes'>,
  coords: readonly Index[],
): Index[] | undefined {
  const axes = reducedAxes(value);
  const within = innerCoords(reducedSizes(value), inner!, sizes);
  if (within === undefined) return undefined;
  let next = 0;
  return value.node.inputs[0]!.shape.map((_, axis) => {
    const k = axes.indexOf(axis);
    return k >= 0 ? within[k]! : coords[next++]!;
  });
}

/** The loops of a cluster, or its outer ones, as coordinates of a value of that shape. */
export function matchLoops(shape: Shape, cluster: Cluster): readonly Index[] | undefined {
  const { sizes, rank, inner } = cluster;
  const all = rank < 0 ? undefined : matchAxes(shape, cluster.variables.slice(0, rank), sizes);
  if (all !== undefined || inner === undefined) return all;
  return matchAxes(shape, cluster.outer, sizes);
}

/** The outer loops as coordinates of a reduction that the inner loops can do. */
export function matchReduction(value: Value, cluster: Cluster): readonly Index[] | undefined {
  const { inner, outer, sizes } = cluster;
  if (inner === undefined) return undefined;
  const reduced = reducedSizes(value);
  if (sizeOf(reduced) !== sizeProduct(inner, sizes)) return undefined;
  if (value.node.op.startsWith('arg') && inner.length !== 1) return undefined;
  if (innerCoords(reduced, inner, sizes) === undefined) return undefined;
  return matchAxes(value.shape, outer, sizes);
}

function matchAxes(
  shape: Shape,
  variables: readonly number[],
  sizes: readonly number[],
): readonly Index[] | undefined {
  const loops = variables.filter((v) => sizes[v] !== 1);
  let next = 0;
  const coords: Index[] = [];
  for (const dim of shape) {
    if (dim === 1) {
      coords.push(zeroIndex);
      continue;
    }
    const variable = loops[next++];
    if (variable === undefined || sizes[variable] !== dim) return undefined;
    coords.push(variableIndex(variable, sizes));
  }
  return next === loops.length ? coords : undefined;
}

/** Where a gather reads its index, given where its result is needed. */
export function gatherCoords({ node }: Value, coords: readonly Index[]): readonly Index[] {
  if (node.op === 'gatherElements') return coords;
  const axis = node.attrs['axis'] as number;
  return coords.slice(axis, axis + node.inputs[1]!.shape.length);
}

/** How often the loops evaluate something at these coordinates, if it is not repeated in loops it does not depend on. */
export function evaluations(
  { sizes, inner, routine, attaches }: Cluster,
  coords: readonly Index[],
): number {
  if (attaches || routine !== undefined) return sizeOf(sizes);
  const used = new Set<number>();
  for (const coord of coords) variablesOf(coord, used);
  if (inner !== undefined) {
    const isInner = inner.some((v) => used.has(v));
    return sizes.reduce((n, size, v) => (!isInner && inner.includes(v) ? n : n * size), 1);
  }
  let last = sizes.length - 1;
  while (last >= 0 && !used.has(last)) last -= 1;
  let count = 1;
  for (let v = 0; v <= last; v++) count *= sizes[v]!;
  return count;
}

/** The cluster's loop variables as indices over the axes of the value, of which each is needed once. */
export function rebaseOn(
  value: Value,
  cluster: Cluster,
  coords: readonly Index[],
  size: number,
): readonly Index[] | undefined {
  const { sizes, variables } = cluster;
  const digits = bijection(ravel(coords, value.shape, sizes), variables, sizes, size);
  if (digits === undefined) return undefined;
  const axes = value.shape;
  const flat = ravel(
    axes.map((_, axis) => variableIndex(axis, axes)),
    axes,
    axes,
  );
  const rebase: Index[] = [];
  for (const variable of variables) {
    let index: Index = { offset: 0, terms: [] };
    for (const digit of digits) {
      if (digit.variable !== variable) continue;
      const above = divideIndex(flat, digit.stride, axes)?.quotient;
      const within = above === undefined ? undefined : divideIndex(above, digit.extent, axes);
      if (within === undefined) return undefined;
      const scaled = within.remainder.terms.map((term) => ({
        ...term,
        stride: term.stride * digit.div,
      }));
      index = { offset: index.offset, terms: [...index.terms, ...scaled] };
    }
    // Through `substitute` for the canonical form.
    const canonical = substitute(index, coordsOf(axes), axes);
    if (canonical === undefined) return undefined;
    rebase.push(canonical);
  }
  const known = cluster.outputs.every(({ coords: at, place }) =>
    [...at, ...place].every((index) => substitute(index, rebase, axes) !== undefined),
  );
  return known ? rebase : undefined;
}

const coordsOf = (shape: readonly number[]): Index[] =>
  shape.map((_, axis) => variableIndex(axis, shape));
