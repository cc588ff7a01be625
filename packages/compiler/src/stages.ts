/**
 * A body in stages: outer code, inner loops, outer code ... An inner value that a later inner stage needs
 * is computed there again when that is cheap; an expensive one is kept in memory between the two.
 */
import type { Body, Code, Write } from './emit.ts';
import type { Defining, Index, Instruction, Stage } from './ir.ts';

/** Computing again costs at most this much, in units of an addition, else the value is kept. */
const CHEAP = 9;

export interface SpillTarget {
  readonly buffer: number;
  readonly index: Index;
}

/** A buffer for one value an element of all loops. */
export type MakeTemporary = (instruction: Defining) => SpillTarget;

export interface StageOptions {
  readonly temporary: MakeTemporary;
  readonly isInner: (variable: number) => boolean;
  /** Whether a store's index is different for each turn of all loops, and its buffer of that dtype. */
  readonly canHold: (write: Write, value: Defining) => boolean;
}

export function buildStages({ code, writes }: Body, options: StageOptions): Stage[] {
  return new Stager(code, writes, options).run();
}

class Stager {
  readonly #code: readonly Code[];
  readonly #writes: readonly Write[];
  readonly #options: StageOptions;
  #next: number;
  /** For each inner stage: ids as they are called there, and what is stored at its end. */
  readonly #inner: { code: Instruction[]; names: Map<number, number>; stores: Instruction[] }[] =
    [];
  /** Inner values kept in memory, by id. */
  readonly #kept = new Map<number, SpillTarget>();
  readonly #taken = new Set<number>();
  readonly #last: number;

  constructor(code: readonly Code[], writes: readonly Write[], options: StageOptions) {
    this.#code = code;
    this.#writes = writes;
    this.#options = options;
    this.#next = code.length;
    let last = 0;
    for (const { phase } of code) last = Math.max(last, phase);
    this.#last = last;
  }

  run(): Stage[] {
    const outerNeeded = new Set<number>();
    for (let phase = 0; phase <= this.#last; phase++) this.#innerStage(phase, outerNeeded);
    for (const { arg, index } of this.#writes)
      if (!this.#isInner(arg, index)) this.#needOuter(arg, outerNeeded);
    const stages: Stage[] = [];
    for (let phase = 0; phase <= this.#last; phase++) {
      const outer: Instruction[] = [];
      this.#code.forEach(({ instruction, inner, phase: p }, id) => {
        const reduces = instruction.op === 'reduce' || instruction.op === 'argreduce';
        if (!inner && !reduces && p === phase && outerNeeded.has(id)) outer.push(instruction);
      });
      for (const { buffer, index, arg } of this.#writes) {
        if (!this.#isInner(arg, index) && this.#code[arg]!.phase === phase)
          outer.push({ op: 'store', buffer, index, arg });
      }
      if (outer.length > 0) stages.push({ inner: false, code: outer });
      const { code, stores } = this.#inner[phase]!;
      if (code.length + stores.length > 0) stages.push({ inner: true, code: [...code, ...stores] });
    }
    return stages;
  }

  /** A store of a value that depends on inner loops itself, or through its index. */
  #isInner(arg: number, index: Index): boolean {
    return (
      this.#code[arg]!.inner || index.terms.some(({ variable }) => this.#options.isInner(variable))
    );
  }

  #needOuter(id: number, needed: Set<number>): void {
    const { inner, args, instruction } = this.#code[id]!;
    if (inner || needed.has(id)) return;
    needed.add(id);
    if (instruction.op !== 'reduce' && instruction.op !== 'argreduce') {
      for (const arg of args) this.#needOuter(arg, needed);
    }
  }

  #innerStage(phase: number, outerNeeded: Set<number>): void {
    const stage = {
      code: [] as Instruction[],
      names: new Map<number, number>(),
      stores: [] as Instruction[],
    };
    this.#inner.push(stage);
    const roots: { id: number; finish: (name: number) => void }[] = [];
    this.#code.forEach(({ instruction, args, phase: p }) => {
      if ((instruction.op !== 'reduce' && instruction.op !== 'argreduce') || p !== phase + 1)
        return;
      roots.push({ id: args[0]!, finish: (arg) => stage.code.push({ ...instruction, arg }) });
    });
    for (const { buffer, index, arg } of this.#writes) {
      if (!this.#isInner(arg, index) || this.#code[arg]!.phase !== phase) continue;
      roots.push({
        id: arg,
        finish: (name) => stage.stores.push({ op: 'store', buffer, index, arg: name }),
      });
    }
    for (const { id, finish } of roots) finish(this.#place(id, phase, outerNeeded));
  }

  /** The value's id within the inner stage of the phase, computed or loaded there. */
  #place(id: number, phase: number, outerNeeded: Set<number>): number {
    const { instruction, inner, args } = this.#code[id]!;
    if (!inner) {
      this.#needOuter(id, outerNeeded);
      return id;
    }
    const stage = this.#inner[phase]!;
    const known = stage.names.get(id);
    if (known !== undefined) return known;
    const earlier = this.#inner.findIndex(({ names }, p) => p < phase && names.has(id));
    const kept = earlier < 0 ? undefined : this.#keep(id, earlier, phase);
    // The first stage to compute a value calls it by its own id.
    const name = earlier < 0 ? id : this.#next++;
    if (kept !== undefined) {
      stage.code.push({ op: 'load', id: name, dtype: instruction.dtype, ...kept });
    } else {
      const moved = args.map((arg) => this.#place(arg, phase, outerNeeded));
      stage.code.push(renamed(instruction, name, moved));
    }
    stage.names.set(id, name);
    return name;
  }

  /** Where to find an inner value of an earlier stage, if it is better loaded than computed again. */
  #keep(id: number, stage: number, phase: number): SpillTarget | undefined {
    const known = this.#kept.get(id);
    if (known !== undefined) return known;
    const instruction = this.#code[id]!.instruction;
    if (instruction.op === 'load' || instruction.op === 'const' || instruction.op === 'index')
      return undefined;
    const cost = this.#costAgain(id, phase, new Set());
    const stored = this.#writes.find(
      (write) => write.arg === id && this.#options.canHold(write, instruction),
    );
    if (stored !== undefined && cost > 2 && this.#code[id]!.phase <= stage) {
      return this.#remember(id, { buffer: stored.buffer, index: stored.index });
    }
    if (cost <= CHEAP) return undefined;
    // The row of an output that is written when the value is no longer needed.
    const lastUse = this.#lastUse(id);
    const free = this.#writes.find(
      (write) =>
        !this.#taken.has(write.buffer) &&
        this.#code[write.arg]!.inner &&
        this.#code[write.arg]!.phase >= lastUse &&
        this.#options.canHold(write, instruction),
    );
    const target =
      free === undefined
        ? this.#options.temporary(instruction)
        : { buffer: free.buffer, index: free.index };
    this.#taken.add(target.buffer);
    const first = this.#inner[stage]!;
    first.stores.push({ op: 'store', ...target, arg: first.names.get(id)! });
    return this.#remember(id, target);
  }

  #remember(id: number, target: SpillTarget): SpillTarget {
    this.#kept.set(id, target);
    return target;
  }

  #costAgain(id: number, phase: number, seen: Set<number>): number {
    const { inner, cost, args } = this.#code[id]!;
    if (!inner || seen.has(id) || this.#kept.has(id) || this.#inner[phase]!.names.has(id)) return 0;
    seen.add(id);
    return args.reduce((sum, arg) => sum + this.#costAgain(arg, phase, seen), cost);
  }

  /** The last inner stage in which anything that is made from the value is computed. */
  #lastUse(id: number): number {
    const depends = new Set([id]);
    let last = 0;
    this.#code.forEach(({ args, inner, phase, instruction }, other) => {
      if (other <= id || !args.some((arg) => depends.has(arg))) return;
      const reduces = instruction.op === 'reduce' || instruction.op === 'argreduce';
      last = Math.max(last, reduces ? phase - 1 : phase);
      if (inner) depends.add(other);
    });
    return last;
  }
}

function renamed(instruction: Defining, id: number, args: readonly number[]): Instruction {
  switch (instruction.op) {
    case 'apply':
      return { ...instruction, id, args };
    case 'gather':
      return { ...instruction, id, at: args[0]! };
    default:
      return { ...instruction, id };
  }
}
