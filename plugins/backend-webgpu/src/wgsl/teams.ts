/** How the outer indices of a loop kernel are spread over invocations. */
import type { Index, LoopKernel } from '@hebb/compiler';
import { sizeOf } from '@hebb/core';

/**
 * Invocations of a workgroup that work in teams, each on one outer index. They share its inner loops and bring
 * their reductions together in workgroup memory.
 */
export interface Teams {
  /** Invocations of a team, a power of two. */
  readonly members: number;
  /** Teams of a workgroup, a power of two. */
  readonly teams: number;
  /** Whether neighbours work on neighbouring inner indices of one team, or on neighbouring outer ones. */
  readonly along: 'inner' | 'outer';
}

/** What the generator knows of the device. */
export interface Kind {
  /** A processor that does as if: each barrier is a switch between fibres there, and memory is cached. */
  readonly isSoftware: boolean;
}

/** Invocations of a workgroup at most. */
export const mostInvocations = 256;
/** Fewer inner turns are not worth a meeting. */
const [leastAlongInner, leastAlongOuter] = [32, 16];
/** Outer indices beyond which there is work enough without teams, unless inner ones are what lies side by side. */
const [enough, enoughAlongOuter] = [4096, 32768];
/** Workgroups that keep a device busy. */
const busy = 64;

/** `undefined`: each invocation works on an outer index of its own. */
export function teamsFor(kernel: LoopKernel, { isSoftware }: Kind): Teams | undefined {
  const { dims, outer } = kernel;
  if (!kernel.stages.some(({ inner }) => inner)) return undefined;
  const outside = sizeOf(dims.slice(0, outer));
  const inside = sizeOf(dims.slice(outer));
  if (isSoftware) return softwareTeams(outside, inside);
  switch (neighbours(kernel)) {
    case 'inner':
      return inside < leastAlongInner ? undefined : alongInner(outside, inside);
    case 'outer':
      if (inside < leastAlongOuter || outside >= enoughAlongOuter) return undefined;
      return alongOuter(outside, inside);
    default:
      return inside < 64 || outside >= enough ? undefined : alongInner(outside, inside);
  }
}

/**
 * Other teams that a device may be faster with, by name; none where the kernel is too small to be measured, or teams
 * would not read what lies side by side.
 */
export function otherTeams(
  kernel: LoopKernel,
  { isSoftware }: Kind,
): Readonly<Record<string, Teams | undefined>> {
  const { dims, outer } = kernel;
  const outside = sizeOf(dims.slice(0, outer));
  const inside = sizeOf(dims.slice(outer));
  const along = neighbours(kernel);
  if (along === 'neither' || outside * inside < worthMeasuring || inside < leastAlongInner) {
    return {};
  }
  if (isSoftware) return { alone: undefined, together: { members: 16, teams: 1, along: 'inner' } };
  if (along === 'inner') {
    return {
      alone: undefined,
      short: { members: 16, teams: 8, along },
      middle: { members: 32, teams: 4, along },
      long: { members: 64, teams: 2, along },
      whole: { members: 256, teams: 1, along },
    };
  }
  return {
    alone: undefined,
    narrow: { members: 16, teams: 8, along },
    middle: { members: 16, teams: 16, along },
    wide: { members: 8, teams: 32, along },
  };
}

/** Products of a matrix with fewer elements are done before a measurement could tell. */
const worthMeasuring = 2 ** 16;

/** Invocations of a workgroup where each works alone: few rows are shared out among a processor's cores. */
export function aloneFor({ dims, outer, stages }: LoopKernel, { isSoftware }: Kind): number {
  const isShort = sizeOf(dims.slice(0, outer)) < 1024;
  return isSoftware && isShort && stages.some(({ inner }) => inner) ? 16 : 64;
}

/**
 * One invocation for each row, unless there is no second one for the other lanes of a vector, or so much of it that
 * one sum after the other would be less exact.
 */
function softwareTeams(outside: number, inside: number): Teams | undefined {
  const isLong = inside >= 16384 || (outside <= 2 && inside >= 4096);
  return isLong ? { members: 16, teams: 1, along: 'inner' } : undefined;
}

/** Turns of an invocation from which a second dispatch, which adds up what more invocations made, is the faster way. */
const longTurns = 64;

/** In how many parts the kernel's first sums are made, each by teams of its own; `undefined`: in one. */
export function partsFor(kernel: LoopKernel, kind: Kind): number | undefined {
  const { dims, outer, stages } = kernel;
  const [first, ...others] = stages;
  if (first?.inner !== true || others.some(({ inner }) => inner)) return undefined;
  const isPlain = first.code.every(
    (x) => x.op !== 'store' && x.op !== 'argreduce' && (x.op !== 'reduce' || x.dtype === 'float32'),
  );
  const team = teamsFor(kernel, kind);
  if (!isPlain || team === undefined || kind.isSoftware) return undefined;
  const turns = sizeOf(dims.slice(outer)) / team.members;
  const groups = Math.ceil(sizeOf(dims.slice(0, outer)) / team.teams);
  if (turns < longTurns || groups >= 2 * busy) return undefined;
  return Math.ceil(Math.min((4 * busy) / groups, turns / 16));
}

const floorPower = (x: number): number => 2 ** Math.floor(Math.log2(Math.max(1, x)));
const ceilPower = (x: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, x)));

function alongInner(outside: number, inside: number): Teams {
  const members = inside >= 1024 ? 256 : inside >= 256 ? 64 : 32;
  const most = mostInvocations / members;
  // Workgroups of 64 at least, larger ones where there are enough of them.
  const teams = Math.max(64 / members, Math.min(most, floorPower(outside / busy)), 1);
  return { members, teams: Math.min(teams, ceilPower(outside)), along: 'inner' };
}

/** Teams side by side read whole lines of memory: 128 bytes, or less where that leaves a device without work. */
function alongOuter(outside: number, inside: number): Teams {
  const wide = outside >= 32 * 2 * busy ? 32 : outside >= 16 * busy ? 16 : 8;
  const teams = Math.min(wide, ceilPower(outside));
  const members = Math.min(mostInvocations / teams, floorPower(inside / 2));
  return { members, teams, along: 'outer' };
}

/** Whether most of what the inner loops read lies side by side along the innermost loop, or the last outer one. */
export function neighbours({ dims, outer, stages }: LoopKernel): 'inner' | 'outer' | 'neither' {
  const lastOf = (from: number, to: number): number => {
    for (let v = to - 1; v >= from; v--) if (dims[v]! > 1) return v;
    return -1;
  };
  const [innermost, outermost] = [lastOf(outer, dims.length), lastOf(0, outer)];
  const follows = ({ terms }: Index, v: number): boolean =>
    terms.some(
      ({ variable, stride, div }) => variable === v && Math.abs(stride) === 1 && div === 1,
    );
  let [along, across] = [0, 0];
  for (const { inner, code } of stages) {
    if (!inner) continue;
    for (const x of code) {
      if (x.op !== 'load' && x.op !== 'gather' && x.op !== 'store') continue;
      const variables = [...new Set(x.index.terms.map(({ variable }) => variable))];
      const size = sizeOf(variables.map((v) => dims[v]!));
      if (follows(x.index, innermost)) along += size;
      else if (follows(x.index, outermost)) across += size;
    }
  }
  if (along === 0 && across === 0) return 'neither';
  return along >= across ? 'inner' : 'outer';
}
