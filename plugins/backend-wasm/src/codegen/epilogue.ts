/** Code attached to a routine, run on each vector of results while it is in registers. */
import type { Index, Instruction, Term } from '@hebb/compiler';
import type { FunctionBuilder, I32 } from '../wasm/index.ts';
import type { ResultVector, StoreResult } from '../routines/store.ts';
import { Evaluator } from './evaluate.ts';
import type { BufferAccess } from './evaluate.ts';
import { isWide } from './helpers.ts';
import type { Helpers } from './helpers.ts';
import { laneType } from './types.ts';

/** Variables of the flattened code: all leading axes as one, all trailing ones as one. */
const rowVariable = 0;
const columnVariable = 1;

/** Terms over some axes as terms over their flat position; `undefined` where they cannot be written so. */
function flatten(
  terms: readonly Term[],
  axes: readonly number[],
  sizes: readonly number[],
  variable: number,
): Term[] | undefined {
  const used = axes.filter((axis) => sizes[axis] !== 1);
  const after = (axis: number): number =>
    axes.filter((other) => other > axis).reduce((p, other) => p * sizes[other]!, 1);
  const own = terms.filter((term) => used.includes(term.variable));
  if (own.length === 0) return [];
  const plain = own.every(({ div, mod }) => div === 1 && mod === 0);
  if (plain) {
    const strides = used.map((axis) =>
      own.reduce((sum, term) => sum + (term.variable === axis ? term.stride : 0), 0),
    );
    const even = strides.every(
      (stride, i) => i + 1 >= used.length || stride === strides[i + 1]! * sizes[used[i + 1]!]!,
    );
    if (even) return [{ variable, stride: strides.at(-1)!, div: 1, mod: 0 }];
  }
  const result: Term[] = [];
  for (const { variable: axis, stride, div, mod } of own) {
    const size = sizes[axis]!;
    if (size % div !== 0 && axis !== used[0]) return undefined;
    const left = size % div === 0 ? size / div : Infinity;
    if (mod !== 0 && Number.isFinite(left) && left % mod !== 0 && left > mod) return undefined;
    // The outermost axis needs no remainder.
    const rest = mod !== 0 && mod < left ? mod : axis === used[0] ? 0 : left;
    result.push({ variable, stride, div: after(axis) * div, mod: rest });
  }
  return result;
}

function flattenIndex(index: Index, sizes: readonly number[], lead: number): Index | undefined {
  const axes = sizes.map((_, i) => i);
  const rows = flatten(index.terms, axes.slice(0, lead), sizes, rowVariable);
  const columns = flatten(index.terms, axes.slice(lead), sizes, columnVariable);
  if (rows === undefined || columns === undefined) return undefined;
  return { offset: index.offset, terms: [...rows, ...columns] };
}

function flattenCode(
  code: readonly Instruction[],
  sizes: readonly number[],
  lead: number,
): Instruction[] | undefined {
  const result: Instruction[] = [];
  for (const instruction of code) {
    let next: Instruction = instruction;
    if ('index' in next) {
      const index = flattenIndex(next.index, sizes, lead);
      if (index === undefined) return undefined;
      next = { ...next, index };
    }
    if ('conditions' in next && next.conditions !== undefined) {
      const conditions = [];
      for (const condition of next.conditions) {
        const index = flattenIndex(condition.index, sizes, lead);
        if (index === undefined) return undefined;
        conditions.push({ ...condition, index });
      }
      next = { ...next, conditions };
    }
    result.push(next);
  }
  return result;
}

export interface EpilogueSpec {
  readonly code: readonly Instruction[];
  /** Shape of the result, and how many of its axes make up the rows. */
  readonly shape: readonly number[];
  readonly lead: number;
  /** Columns of vectors are multiples of 4. */
  readonly aligned: boolean;
}

/** `undefined` where the code cannot run on vectors. */
export function epilogue(
  { code, shape, lead, aligned }: EpilogueSpec,
  helpers: Helpers,
  buffers: BufferAccess,
): StoreResult | undefined {
  const fits = code.every((instruction) => {
    const dtype =
      instruction.op === 'store' ? buffers.dtype(instruction.buffer) : instruction.dtype;
    return laneType(dtype) !== undefined;
  });
  const flat = flattenCode(code, shape, lead);
  if (!fits || flat === undefined) return undefined;
  const evaluatorOf = (
    f: FunctionBuilder,
    { value, row, column, lanes, step = 1 }: ResultVector,
  ): Evaluator => {
    const coordinates: I32[] = [f.let(row), f.let(column)];
    const vector = { variable: columnVariable, count: lanes, step, aligned };
    const evaluator = new Evaluator({ f, helpers, buffers }, coordinates, vector);
    for (const instruction of flat) {
      if (instruction.op === 'result') {
        evaluator.define(instruction.id, { dtype: instruction.dtype, code: value, vector: true });
      }
    }
    return evaluator;
  };
  const store: StoreResult = (f, result) => f.scope(() => evaluatorOf(f, result).run(flat));
  // Without long functions the registers are better used by the sums that wait.
  if (!code.some((x) => x.op === 'apply' && isWide(x.name))) return store;
  const together: StoreResult['together'] = (f, results) =>
    f.scope(() => {
      const list = results.map((result) => evaluatorOf(f, result));
      for (const instruction of flat) Evaluator.stepAll(list, instruction);
    });
  return Object.assign(store, { together });
}
