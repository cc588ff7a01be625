/**
 * Loop kernels as WebAssembly. Rows (everything outside the vector's axis) are the parallel axis; along the
 * row, vectors of four lanes, several of them at once where that hides latency. Reductions either run along
 * the vector (lanes are added up at the end) or stand still in each lane.
 */
import type { Instruction, LoopKernel, Stage } from '@hebb/compiler';
import { i32 } from '../wasm/index.ts';
import type { Code, I32, Local } from '../wasm/index.ts';
import type { KernelPlan } from '../routines/kernel.ts';
import { conditionsMention, mentions } from './affine.ts';
import { chooseDirection } from './choose.ts';
import type { Direction } from './choose.ts';
import { Evaluator } from './evaluate.ts';
import type { BufferAccess, CodeContext, Hoisting, Lanes } from './evaluate.ts';
import type { Helpers } from './helpers.ts';
import { specialized } from './specialize.ts';
import { Accumulator, Search, finishReduction } from './reduce.ts';
import type { ArgReduce, Reduce } from './reduce.ts';
import { forRows } from './rows.ts';
import { lanesOf } from './vector.ts';

/** Elements of a long axis that make one work item. */
const chunk = 2048;
/** Single values that are computed side by side. */
const scalarGroup = 4;
/** Inner loops of at most so many turns are written out. */
const mostUnrolled = 16;

export function loopKernel(given: LoopKernel, helpers: Helpers, buffers: BufferAccess): KernelPlan {
  const kernel = specialized(given);
  const { dims, outer } = kernel;
  const direction = chooseDirection(kernel, (buffer) => buffers.dtype(buffer));
  // The axis that is walked within an item, and split among items when it is long: that of the vectors, or
  // the last one where there are none.
  const line = direction.inner ? -1 : direction.variable < 0 ? outer - 1 : direction.variable;
  const lineSize = line < 0 ? 1 : dims[line]!;
  const rowVariables = dims.map((_, v) => v).filter((v) => v < outer && v !== line);
  const rowSizes = rowVariables.map((v) => dims[v]!);
  const rows = rowSizes.reduce((product, n) => product * n, 1);
  const perTurn = line < 0 ? 1 : dims.slice(outer).reduce((p, n) => p * n, 1);
  const chunkSize = Math.max(16, Math.ceil(chunk / perTurn / 16) * 16);
  const chunks = rows >= 64 || line < 0 ? 1 : Math.max(1, Math.ceil(lineSize / chunkSize));

  const emit: KernelPlan['emit'] = (f, begin, end) => {
    const context: CodeContext = { f, helpers, buffers };
    const coordinates: I32[] = dims.map(() => i32.const(0));
    forRows(f, [...rowSizes, chunks], begin, end, (at) => {
      rowVariables.forEach((variable, i) => (coordinates[variable] = at[i]!));
      const emitter = new Emitter(context, kernel, direction, coordinates);
      if (line < 0) emitter.row();
      else if (chunks === 1) emitter.line(line, i32.const(0), i32.const(lineSize));
      else {
        const start = f.local('i32', i32.mul(at.at(-1)!, i32.const(chunkSize)));
        const stop = f.local('i32', i32.add(start, i32.const(chunkSize)));
        f.if(i32.gtS(stop, i32.const(lineSize)), () => f.set(stop, i32.const(lineSize)));
        emitter.line(line, start, stop);
      }
    });
  };
  const empty = dims.slice(0, outer).includes(0);
  return { items: empty ? 0 : rows * chunks, scratch: 0, emit };
}

/** One of the vectors that are worked on at the same time. */
interface Copy {
  readonly evaluator: Evaluator;
}

class Emitter {
  readonly #context: CodeContext;
  readonly #kernel: LoopKernel;
  readonly #direction: Direction;
  readonly #coordinates: readonly I32[];

  constructor(
    context: CodeContext,
    kernel: LoopKernel,
    direction: Direction,
    coordinates: readonly I32[],
  ) {
    this.#context = context;
    this.#kernel = kernel;
    this.#direction = direction;
    this.#coordinates = [...coordinates];
  }

  /** All stages at one outer index, in single values but for vectorised inner loops. */
  row(): void {
    this.#stages([{ evaluator: new Evaluator(this.#context, this.#coordinates, undefined) }]);
  }

  /** The stages along one outer variable, from one coordinate to another. */
  line(variable: number, start: I32, stop: I32): void {
    const { f } = this.#context;
    const vector = this.#direction.variable === variable;
    const row = new Evaluator(this.#context, this.#coordinates, undefined);
    const only = this.#kernel.stages.length === 1 && !this.#kernel.stages[0]!.inner;
    const code = only ? this.#kernel.stages[0]!.code : [];
    const at = f.local('i32', start);
    let hoisting: Hoisting | undefined;
    if (only) {
      const fixed = code.filter((x) => !this.#depends(x, variable));
      row.run(fixed);
      hoisting = row.hoist(
        code.filter((x) => !fixed.includes(x)),
        variable,
      );
    }
    const moving = code.filter((x) => this.#depends(x, variable));
    const turn = (copies: number, count: number): void => {
      const list = Array.from({ length: copies }, (_, i) =>
        this.#copy(
          row,
          variable,
          i32.add(at, i32.const(vector ? i * 4 : i)),
          vector ? count : 0,
          hoisting,
        ),
      );
      if (only)
        runTogether(
          list.map(({ evaluator }) => evaluator),
          moving,
        );
      else this.#stages(list);
    };
    const size = this.#kernel.dims[variable]!;
    if (!vector) {
      // Sums of neighbours side by side: what they have in common is in the cache, and none waits for another.
      if (!only && size >= scalarGroup) {
        const last = f.let(i32.sub(stop, i32.const(scalarGroup - 1)));
        f.forLocal(at, last, scalarGroup, () => f.scope(() => turn(scalarGroup, 1)));
      }
      f.forLocal(at, stop, 1, () => f.scope(() => turn(1, 1)));
      return;
    }
    const most = this.#copies(size, this.#kernel.stages);
    this.#vectorLoop(at, stop, size, most, turn);
  }

  /**
   * Groups of vectors, then single ones, then a last one with fewer lanes. `stop` is a multiple of 4 unless
   * it is the end of the axis.
   */
  #vectorLoop(
    at: Local<'i32'>,
    stop: I32,
    size: number,
    most: number,
    turn: (copies: number, count: number) => void,
  ): void {
    const { f } = this.#context;
    const rest = size % 4;
    const group = most * 4;
    const scoped = (copies: number, count: number) => (): void =>
      f.scope(() => turn(copies, count));
    if (most > 1 && size >= group) {
      const last = f.let(i32.sub(stop, i32.const(group - 1)));
      f.forLocal(at, last, group, scoped(most, 4));
    }
    const singles = stop.constant === undefined || stop.constant % group >= 4 || most === 1;
    if (singles && size >= 4) f.forLocal(at, f.let(i32.sub(stop, i32.const(3))), 4, scoped(1, 4));
    if (rest > 0) f.if(i32.ltS(at, stop), scoped(1, rest));
  }

  /** Vectors at once: fewer where the code is long. */
  #copies(size: number, stages: readonly Stage[]): number {
    const length = stages.reduce((sum, { code }) => sum + code.length, 0);
    if (size >= 16 && length <= 8) return 4;
    return size >= 8 && length <= 32 ? 2 : 1;
  }

  #copy(
    parent: Evaluator | undefined,
    variable: number,
    coordinate: I32,
    count: number,
    hoisting?: Hoisting,
  ): Copy {
    const coordinates = this.#coordinates.map((x, v) => (v === variable ? coordinate : x));
    const lanes: Lanes | undefined =
      count === 0 ? undefined : { variable, count, step: 1, aligned: true };
    return { evaluator: new Evaluator(this.#context, coordinates, lanes, parent, hoisting) };
  }

  #stages(copies: readonly Copy[]): void {
    for (const stage of this.#kernel.stages) {
      if (!stage.inner) for (const { evaluator } of copies) evaluator.run(stage.code);
      else this.#innerStage(stage, copies);
    }
  }

  #innerStage(stage: Stage, copies: readonly Copy[]): void {
    const { code } = stage;
    const { dims, outer } = this.#kernel;
    const inside = this.#direction.inner ? this.#direction.variable : -1;
    const searched = new Map(code.flatMap((x) => ('id' in x ? [[x.id, x] as const] : [])));
    const most = inside < 0 ? 1 : this.#copies(dims[inside]!, [stage]);
    const sums = code.flatMap((x) =>
      x.op === 'reduce' || x.op === 'argreduce'
        ? [
            new Reduction(
              this.#context,
              x,
              copies,
              inside < 0 ? 0 : most,
              (id) => this.#isVector(id),
              searched,
            ),
          ]
        : [],
    );
    const variables = dims.map((_, v) => v).filter((v) => v >= outer && v !== inside);
    const turns = variables.reduce((product, v) => product * dims[v]!, 1);
    if (!dims.slice(outer).includes(0)) {
      if (inside < 0 && turns <= mostUnrolled && turns * code.length <= 160) {
        this.#unrolled(code, copies, variables, sums);
      } else this.#looped(code, copies, variables, inside, most, sums);
    }
    for (const sum of sums) sum.finish();
  }

  /** Every turn of the inner loops written out, coordinates known. */
  #unrolled(
    code: readonly Instruction[],
    copies: readonly Copy[],
    variables: readonly number[],
    sums: readonly Reduction[],
  ): void {
    const { f } = this.#context;
    const { dims } = this.#kernel;
    const turn = (at: number, coordinates: ReadonlyMap<number, I32>): void => {
      const variable = variables[at];
      if (variable === undefined) {
        f.scope(() => {
          copies.forEach(({ evaluator }, c) => {
            const here = this.#inner(evaluator, coordinates);
            here.run(code);
            this.#addTo(sums, here, c, 0, 4);
          });
        });
        return;
      }
      for (let i = 0; i < dims[variable]!; i++) {
        turn(at + 1, new Map([...coordinates, [variable, i32.const(i)]]));
      }
    };
    turn(0, new Map());
  }

  #looped(
    code: readonly Instruction[],
    copies: readonly Copy[],
    variables: readonly number[],
    inside: number,
    most: number,
    sums: readonly Reduction[],
  ): void {
    const { f } = this.#context;
    const { dims } = this.#kernel;
    const last = inside >= 0 ? inside : variables.at(-1)!;
    const outside = variables.filter((v) => v !== last);
    const nest = (at: number, coordinates: ReadonlyMap<number, I32>): void => {
      const variable = outside[at];
      if (variable !== undefined) {
        f.for(i32.const(0), i32.const(dims[variable]!), 1, (i) =>
          nest(at + 1, new Map([...coordinates, [variable, i]])),
        );
        return;
      }
      // Before the innermost loop: what does not depend on it, and the common parts of addresses.
      const fixed = code.filter((x) => !this.#depends(x, last) && x.op !== 'store');
      const moving = code.filter(
        (x) => !fixed.includes(x) || x.op === 'reduce' || x.op === 'argreduce',
      );
      const before = copies.map(({ evaluator }) => {
        const here = this.#inner(evaluator, coordinates);
        here.run(fixed);
        return { here, hoisting: here.hoist(moving, last) };
      });
      if (inside < 0) {
        f.for(i32.const(0), i32.const(dims[last]!), 1, (i) => {
          const all = new Map([...coordinates, [last, i]]);
          before.forEach(({ here, hoisting }, c) => {
            const now = this.#inner(here, all, hoisting);
            now.run(moving);
            this.#addTo(sums, now, c, 0, 4);
          });
        });
        return;
      }
      const [{ here, hoisting }] = before as [(typeof before)[number]];
      const i = f.local('i32', i32.const(0));
      this.#vectorLoop(i, i32.const(dims[last]!), dims[last]!, most, (many, count) => {
        const list = Array.from({ length: many }, (_, copy) => {
          const at = i32.add(i, i32.const(copy * 4));
          const lanes = { variable: last, count, step: 1, aligned: true };
          const now = new Evaluator(
            this.#context,
            this.#placed(here.coordinates, new Map([[last, at]])),
            lanes,
            here,
            hoisting,
          );
          return now;
        });
        runTogether(
          list,
          moving.filter((x) => x.op !== 'store'),
        );
        list.forEach((now, copy) => this.#addTo(sums, now, 0, copy, count));
        runTogether(
          list,
          moving.filter((x) => x.op === 'store'),
        );
      });
    };
    nest(0, new Map());
  }

  #addTo(
    sums: readonly Reduction[],
    evaluator: Evaluator,
    copy: number,
    unroll: number,
    count: number,
  ): void {
    for (const sum of sums) sum.add(evaluator, copy, unroll, count, (x) => this.#position(x));
  }

  /** Row-major position over the inner loops of lane 0. */
  #position(evaluator: Evaluator): I32 {
    const { dims, outer } = this.#kernel;
    let position: I32 = i32.const(0);
    for (let v = outer; v < dims.length; v++) {
      position = i32.add(i32.mul(position, i32.const(dims[v]!)), evaluator.coordinates[v]!);
    }
    return position;
  }

  #inner(parent: Evaluator, coordinates: ReadonlyMap<number, I32>, hoisting?: Hoisting): Evaluator {
    return new Evaluator(
      this.#context,
      this.#placed(parent.coordinates, coordinates),
      parent.lanes,
      parent,
      hoisting,
    );
  }

  #placed(all: readonly I32[], coordinates: ReadonlyMap<number, I32>): readonly I32[] {
    return all.map((x, variable) => coordinates.get(variable) ?? x);
  }

  readonly #dependence = new Map<number, Map<number, boolean>>();

  /** Whether an instruction's value or place differs along a variable. */
  #depends(instruction: Instruction, variable: number): boolean {
    if (instruction.op === 'store') return true;
    if (instruction.op === 'reduce' || instruction.op === 'argreduce') {
      return variable >= this.#kernel.outer || this.#idDepends(instruction.arg, variable);
    }
    if ('index' in instruction && mentions(instruction.index, variable)) return true;
    if ('conditions' in instruction && conditionsMention(instruction.conditions, variable))
      return true;
    if (instruction.op === 'apply')
      return instruction.args.some((id) => this.#idDepends(id, variable));
    return instruction.op === 'gather' && this.#idDepends(instruction.at, variable);
  }

  #idDepends(id: number, variable: number): boolean {
    let known = this.#dependence.get(variable);
    if (known === undefined) {
      known = new Map();
      this.#dependence.set(variable, known);
      for (const { code } of this.#kernel.stages) {
        for (const x of code) {
          if (x.op === 'reduce' || x.op === 'argreduce') {
            // A finished reduction stands outside the inner loops.
            known.set(x.id, variable < this.#kernel.outer && (known.get(x.arg) ?? false));
          } else if (x.op !== 'store') known.set(x.id, this.#depends(x, variable));
        }
      }
    }
    return known.get(id) ?? false;
  }

  /** Whether a value has lanes. */
  #isVector(id: number): boolean {
    const { variable } = this.#direction;
    return variable >= 0 && this.#idDepends(id, variable);
  }
}

/**
 * Each instruction for all vectors before the next one: long chains of dependent operations stand beside each
 * other, close enough for the machine to overlap them.
 */
function runTogether(evaluators: readonly Evaluator[], code: readonly Instruction[]): void {
  for (const instruction of code) Evaluator.stepAll(evaluators, instruction);
}

/** One reduction of an inner stage, for all copies. */
class Reduction {
  readonly #context: CodeContext;
  readonly #instruction: Reduce | ArgReduce;
  readonly #copies: readonly Copy[];
  /** Vectorised along an inner loop: accumulators, one for each unrolled vector. */
  readonly #along: boolean;
  readonly #parts: (Accumulator | Search)[][];
  readonly #dtype: Reduce['dtype'];

  constructor(
    context: CodeContext,
    instruction: Reduce | ArgReduce,
    copies: readonly Copy[],
    unroll: number,
    isVector: (id: number) => boolean,
    code: ReadonlyMap<number, Instruction>,
  ) {
    this.#context = context;
    this.#instruction = instruction;
    this.#copies = copies;
    this.#along = unroll > 0;
    const vector = this.#along || isVector(instruction.arg);
    const source = code.get(instruction.arg);
    this.#dtype =
      source !== undefined && source.op !== 'store'
        ? source.dtype
        : copies[0]!.evaluator.get(instruction.arg).dtype;
    this.#parts = copies.map(() =>
      Array.from({ length: Math.max(1, unroll) }, () =>
        instruction.op === 'reduce'
          ? new Accumulator(context, instruction, vector)
          : new Search(context, instruction, this.#dtype, vector),
      ),
    );
    this.#vector = vector;
  }
  readonly #vector: boolean;

  add(
    evaluator: Evaluator,
    copy: number,
    unroll: number,
    count: number,
    position: (evaluator: Evaluator) => I32,
  ): void {
    const part = this.#parts[copy]![unroll]!;
    const value = evaluator.get(this.#instruction.arg);
    const code: Code = this.#vector ? lanesOf(value) : value.code;
    if (part instanceof Accumulator) {
      part.add(code, count);
      return;
    }
    const at = position(evaluator);
    if (!this.#vector) part.add(code, at);
    else part.add(code, positions(at, this.#along), count);
  }

  /** Defines the result in each copy. */
  finish(): void {
    const { f } = this.#context;
    const { id, dtype } = this.#instruction;
    this.#copies.forEach(({ evaluator }, copy) => {
      const parts = this.#parts[copy]!;
      let code: Code;
      if (parts[0] instanceof Accumulator) {
        const list = parts as Accumulator[];
        const total = this.#along ? Accumulator.total(this.#context, list) : list[0]!.value();
        code = f.let(finishReduction(f, dtype, total));
      } else {
        const list = parts as Search[];
        code = this.#along ? Search.total(this.#context, list) : list[0]!.position;
      }
      evaluator.define(id, { dtype, code, vector: this.#vector && !this.#along });
    });
  }
}

import { i32x4, v128 } from '../wasm/index.ts';
import type { V128 } from '../wasm/index.ts';
function positions(at: I32, along: boolean): V128 {
  const first = i32x4.splat(at);
  return along ? i32x4.add(first, v128.constI32x4(0, 1, 2, 3)) : first;
}
