/** The final shape of a loop nest: digits split off, loops ordered by memory, neighbours merged, invariants taken out. */
import { substitute } from './affine.ts';
import { elementCost } from './elementwise.ts';
import type { Condition, Index, Instruction, Stage } from './ir.ts';

export interface Nest {
  readonly dims: readonly number[];
  readonly outer: number;
  readonly stages: readonly Stage[];
}

/** Invariant work below this cost is not worth a loop level. */
const HOIST_COST = 2;
const SHORT_LOOP = 8;
const FEW_ROWS = 16;
const SMALL = 4096;

export function finishLoops(
  stages: readonly Stage[],
  sizes: readonly number[],
  inner: readonly number[],
): Nest {
  const refined = refine(stages, sizes, inner);
  const ordered = order(refined);
  const merged = merge(ordered);
  return merged.inner.length === 0 ? hoist(merged) : finish(merged);
}

/** Loops by level, outermost first; variables index `sizes`. */
interface Loops {
  readonly stages: readonly Stage[];
  readonly sizes: readonly number[];
  readonly outer: readonly number[];
  readonly inner: readonly number[];
}

// --- visiting indices ---

function mapInstruction(instruction: Instruction, map: (index: Index) => Index): Instruction {
  const conditions = (list: readonly Condition[]): Condition[] =>
    list.map((condition) => ({ ...condition, index: map(condition.index) }));
  switch (instruction.op) {
    case 'load':
    case 'gather':
      return {
        ...instruction,
        index: map(instruction.index),
        ...(instruction.conditions === undefined
          ? {}
          : { conditions: conditions(instruction.conditions) }),
      };
    case 'index':
    case 'store':
      return { ...instruction, index: map(instruction.index) };
    case 'inside':
      return { ...instruction, conditions: conditions(instruction.conditions) };
    default:
      return instruction;
  }
}

export const mapStages = (stages: readonly Stage[], map: (index: Index) => Index): Stage[] =>
  stages.map(({ inner, code }) => ({ inner, code: code.map((x) => mapInstruction(x, map)) }));

export function indicesOf(instruction: Instruction): Index[] {
  switch (instruction.op) {
    case 'load':
    case 'gather':
      return [instruction.index, ...(instruction.conditions ?? []).map((c) => c.index)];
    case 'index':
    case 'store':
      return [instruction.index];
    case 'inside':
      return instruction.conditions.map((c) => c.index);
    default:
      return [];
  }
}

/** Every index that is used, once. */
function allIndices(stages: readonly Stage[]): Index[] {
  const found = new Set<Index>();
  for (const { code } of stages) {
    for (const instruction of code) for (const index of indicesOf(instruction)) found.add(index);
  }
  return [...found];
}

// --- digits ---

/** Splits loops whose digits are used apart (after reshapes), so that indices need no division. */
function refine(
  stages: readonly Stage[],
  sizes: readonly number[],
  inner: readonly number[],
): Loops {
  const isInner = new Set(inner);
  const cuts = new Map<number, Set<number>>();
  for (const { terms } of allIndices(stages)) {
    for (const { variable, div, mod } of terms) {
      if (div === 1 && mod === 0) continue;
      const set = cuts.get(variable) ?? new Set();
      cuts.set(variable, set);
      set.add(div);
      if (mod !== 0) set.add(div * mod);
    }
  }
  const newSizes: number[] = [];
  const levels: [number[], number[]] = [[], []];
  const values: Index[] = [];
  sizes.forEach((size, variable) => {
    const level = levels[isInner.has(variable) ? 1 : 0];
    const chain = [...new Set([1, ...(cuts.get(variable) ?? []), size])].sort((a, b) => a - b);
    const whole = chain.every((cut, i) => i === 0 || cut % chain[i - 1]! === 0);
    const digits = whole ? chain : [1, size];
    const terms = [];
    for (let i = digits.length - 2; i >= 0; i--) {
      const digit = newSizes.push(digits[i + 1]! / digits[i]!) - 1;
      level.push(digit);
      terms.push({ variable: digit, stride: digits[i]!, div: 1, mod: 0 });
    }
    values.push({ offset: 0, terms });
  });
  const replaced = new Map<Index, Index>();
  for (const index of allIndices(stages)) {
    const moved = substitute(index, values, newSizes);
    if (moved === undefined) return unrefined(stages, sizes, isInner);
    replaced.set(index, moved);
  }
  return {
    stages: mapStages(stages, (index) => replaced.get(index)!),
    sizes: newSizes,
    outer: levels[0].filter((v) => newSizes[v] !== 1),
    inner: levels[1].filter((v) => newSizes[v] !== 1),
  };
}

function unrefined(
  stages: readonly Stage[],
  sizes: readonly number[],
  isInner: ReadonlySet<number>,
): Loops {
  const variables = sizes.map((_, v) => v).filter((v) => sizes[v] !== 1);
  return {
    stages,
    sizes,
    outer: variables.filter((v) => !isInner.has(v)),
    inner: variables.filter((v) => isInner.has(v)),
  };
}

// --- order ---

const strideOf = ({ terms }: Index, variable: number): number =>
  terms.reduce(
    (stride, term) =>
      term.variable === variable ? Math.max(stride, Math.abs(term.stride) / term.div) : stride,
    0,
  );

/** Outer loops in the order of the first store, inner ones in that of the widest access: last is contiguous. */
function order(loops: Loops): Loops {
  const instructions = loops.stages.flatMap(({ code }) => code);
  const isArg = instructions.some(({ op }) => op === 'argreduce');
  const stores = instructions.filter((x) => x.op === 'store');
  const loads = instructions.filter((x) => x.op === 'load');
  const sort = (variables: readonly number[]): readonly number[] => {
    if (variables.length < 2) return variables;
    const widest = (list: readonly { index: Index }[]): Index | undefined => {
      let best: Index | undefined;
      let most = 0;
      for (const { index } of list) {
        const count = variables.reduce(
          (n, v) => (strideOf(index, v) > 0 ? n * loops.sizes[v]! : n),
          1,
        );
        if (count > most) [best, most] = [index, count];
      }
      return best;
    };
    const storeIndex = widest(stores);
    const uses = (index: Index | undefined): boolean =>
      index !== undefined && variables.some((v) => strideOf(index, v) > 0);
    const guide = uses(storeIndex) ? storeIndex : widest(loads);
    if (guide === undefined) return variables;
    return [...variables].sort((a, b) => strideOf(guide, b) - strideOf(guide, a));
  };
  return {
    ...loops,
    outer: sort(loops.outer),
    inner: isArg ? loops.inner : sort(loops.inner),
  };
}

// --- merging ---

/** Two neighbouring loops are one when every index steps through both as through one. */
function merge(loops: Loops): Loops {
  const sizes = [...loops.sizes];
  const indices = allIndices(loops.stages);
  const dropped = new Set<number>();
  const mergeLevel = (variables: readonly number[]): number[] => {
    const result: number[] = [];
    for (const variable of variables) {
      const previous = result.at(-1);
      if (previous === undefined || !mergeable(indices, previous, variable, sizes)) {
        result.push(variable);
        continue;
      }
      // The merged loop takes the inner one's name and strides.
      sizes[variable] = sizes[previous]! * sizes[variable]!;
      dropped.add(previous);
      result[result.length - 1] = variable;
    }
    return result;
  };
  const outer = mergeLevel(loops.outer);
  const inner = mergeLevel(loops.inner);
  if (dropped.size === 0) return loops;
  const stages = mapStages(loops.stages, ({ offset, terms }) => ({
    offset,
    terms: terms.filter(({ variable }) => !dropped.has(variable)),
  }));
  return { stages, sizes, outer, inner };
}

function mergeable(
  indices: readonly Index[],
  high: number,
  low: number,
  sizes: readonly number[],
): boolean {
  for (const { terms } of indices) {
    let [a, b] = [0, 0];
    for (const { variable, stride, div, mod } of terms) {
      if (variable !== high && variable !== low) continue;
      if (div !== 1 || mod !== 0) return false;
      if (variable === high) a += stride;
      else b += stride;
    }
    if (a !== b * sizes[low]!) return false;
  }
  return true;
}

// --- invariants ---

/** Code that does not depend on the last loops becomes an outer stage of its own when that spares work. */
function hoist(loops: Loops): Nest {
  const { outer, sizes, stages } = loops;
  const code = stages.flatMap((stage) => stage.code);
  if (stages.length !== 1 || outer.length < 2) return finish(loops);
  // For each value the number of leading loops that it depends on.
  const depth = new Map<number, number>();
  const place = new Map(outer.map((variable, i) => [variable, i + 1]));
  const hoistable = new Array<number>(outer.length + 1).fill(0);
  for (const instruction of code) {
    let level = 0;
    for (const { terms } of indicesOf(instruction)) {
      for (const { variable } of terms) level = Math.max(level, place.get(variable)!);
    }
    for (const arg of argsOf(instruction)) level = Math.max(level, depth.get(arg)!);
    if (instruction.op === 'store') continue;
    depth.set(instruction.id, level);
    if (instruction.op === 'apply') hoistable[level]! += elementCost(instruction.name);
  }
  let gain = 0;
  let split = 0;
  let rows = 1;
  let sum = hoistable[0]!;
  const total = outer.reduce((n, v) => n * sizes[v]!, 1);
  for (let s = 1; s < outer.length; s++) {
    rows *= sizes[outer[s - 1]!]!;
    sum += hoistable[s]!;
    const long = total / Math.max(1, rows) >= SHORT_LOOP;
    const parallel = rows >= FEW_ROWS || total <= SMALL;
    if (sum > gain && sum >= HOIST_COST && long && parallel) [gain, split] = [sum, s];
  }
  if (split === 0) return finish(loops);
  const isOuter = (instruction: Instruction): boolean =>
    instruction.op !== 'store' && depth.get(instruction.id)! <= split;
  return finish({
    sizes,
    outer: outer.slice(0, split),
    inner: outer.slice(split),
    stages: [
      { inner: false, code: code.filter(isOuter) },
      { inner: true, code: code.filter((x) => !isOuter(x)) },
    ],
  });
}

export function argsOf(instruction: Instruction): readonly number[] {
  switch (instruction.op) {
    case 'apply':
      return instruction.args;
    case 'reduce':
    case 'argreduce':
    case 'store':
      return [instruction.arg];
    case 'gather':
      return [instruction.at];
    default:
      return [];
  }
}

/** Variables numbered by their place in the nest. */
function finish({ stages, sizes, outer, inner }: Loops): Nest {
  const loops = [...outer, ...inner];
  const number = new Map(loops.map((variable, i) => [variable, i]));
  const renumber = (index: Index): Index => ({
    offset: index.offset,
    terms: index.terms
      .map((term) => ({ ...term, variable: number.get(term.variable)! }))
      .sort((a, b) => a.variable - b.variable || a.div - b.div),
  });
  return {
    dims: loops.map((variable) => sizes[variable]!),
    outer: outer.length,
    stages: mapStages(stages, renumber),
  };
}
