/** A graph planned into a list of steps over numbered storages, and the loop that runs it. */
import { HebbError, dtypeInfo, lower, sizeOf } from '@hebb/core';
import type { Attrs, Aval, DType, Graph, HostArray } from '@hebb/core';
import { isContiguous, rowMajor } from './layout.ts';
import type { Layout } from './layout.ts';
import type { Pool } from './pool.ts';

/** A value while planning: which storage it lies in, and how. All of it is known before anything runs. */
export interface Operand extends Layout {
  readonly storage: number;
}

/** Arrays by storage number while a program runs. */
export type Memory = HostArray[];
export type Kernel = (memory: Memory) => void;

/** One node as planners see it. */
export interface PlanNode {
  readonly op: string;
  readonly attrs: Attrs;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Aval[];
  /** The layer that made it; empty outside modules. */
  readonly path: string;
}

export type NodePlanner = (planner: Planner, node: PlanNode) => Operand[];

interface Storage {
  readonly dtype: DType;
  readonly length: number;
  readonly kind: 'input' | 'constant' | 'temporary';
}

interface Step {
  readonly run: Kernel;
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  /** Operands whose memory the first result may take over: they are read no later than it is written. */
  readonly inPlace: readonly number[];
}

export class Planner {
  readonly storages: Storage[] = [];
  readonly constants: (HostArray | undefined)[] = [];
  readonly steps: Step[] = [];
  readonly #copies = new Map<string, Operand>();

  #storage(kind: Storage['kind'], dtype: DType, length: number): number {
    return this.storages.push({ kind, dtype, length }) - 1;
  }

  input(aval: Aval): Operand {
    const storage = this.#storage('input', aval.dtype, sizeOf(aval.shape));
    return { ...rowMajor(aval.shape, aval.dtype), storage };
  }

  /** A value known now, with the given layout. */
  constant(data: HostArray, layout: Layout): Operand {
    const storage = this.#storage('constant', layout.dtype, data.length);
    this.constants[storage] = data;
    return { ...layout, storage };
  }

  /** A new contiguous value, for a step to write. */
  result(aval: Aval): Operand {
    return {
      ...rowMajor(aval.shape, aval.dtype),
      storage: this.temporary(aval.dtype, sizeOf(aval.shape)),
    };
  }

  /** Working memory; a step that lists it under `writes` alone has it for its own duration. */
  temporary(dtype: DType, length: number): number {
    return this.#storage('temporary', dtype, length);
  }

  step(
    reads: readonly Operand[],
    writes: readonly (Operand | number)[],
    run: Kernel,
    { elementwise = false }: { elementwise?: boolean } = {},
  ): void {
    const [out] = writes;
    // Elementwise steps read element i before they write it, so an operand with the result's own layout
    // may share its memory; one that is also read in another order may not.
    const inPlace =
      elementwise && typeof out === 'object'
        ? reads
            .map((x) => x.storage)
            .filter((storage) =>
              reads.every(
                (x) =>
                  x.storage !== storage ||
                  (x.offset === 0 && isContiguous(x) && sizeOf(x.shape) === sizeOf(out.shape)),
              ),
            )
        : [];
    this.steps.push({
      run,
      reads: [...new Set(reads.map((x) => x.storage))],
      writes: writes.map((x) => (typeof x === 'number' ? x : x.storage)),
      inPlace,
    });
  }

  /** The same value, row-major and from the start of its storage; a copy only where it has to be. */
  contiguous(x: Operand): Operand {
    const whole = x.offset === 0 && this.storages[x.storage]!.length === sizeOf(x.shape);
    return whole && isContiguous(x) ? x : this.copy(x);
  }

  /** The same value without gaps, maybe inside a larger storage. */
  dense(x: Operand): Operand {
    return isContiguous(x) ? x : this.copy(x);
  }

  /** A copy of its own that the next step may write to. */
  fresh(x: Operand): Operand {
    return copyStep(this, x);
  }

  copy(x: Operand): Operand {
    const key = `${x.storage}:${x.offset}:${x.shape.join()}:${x.strides.join()}:${x.dtype}`;
    let copy = this.#copies.get(key);
    if (copy === undefined) {
      copy = copyStep(this, x);
      this.#copies.set(key, copy);
    }
    return copy;
  }
}

/** Set by the movement planners, which need this module's types: breaks the import cycle. */
let copyStep: (planner: Planner, x: Operand) => Operand;
export function setCopyStep(step: typeof copyStep): void {
  copyStep = step;
}

/** Throws in the name of a node. */
export function failAt(
  node: { readonly op: string; readonly path: string },
  message: string,
  got?: string,
  wanted?: string,
): never {
  const tail = [
    got === undefined ? '' : `got ${got}`,
    wanted === undefined ? '' : `wanted ${wanted}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
  throw new HebbError(tail === '' ? message : `${message} (${tail})`, {
    op: node.op,
    path: node.path,
    ...(got === undefined ? {} : { got }),
    ...(wanted === undefined ? {} : { wanted }),
  });
}

interface PlannedStep {
  readonly run: Kernel;
  readonly allocate: readonly { storage: number; dtype: DType; length: number }[];
  /** `[result, operand]` when the result takes over the operand's memory. */
  readonly takeOver: readonly [number, number] | undefined;
  /** Storages that nothing needs after this step. */
  readonly release: readonly number[];
}

/** Something that runs: arrays in, freshly owned contiguous arrays out. */
export class Program {
  readonly graph: Graph;
  readonly #pool: Pool;
  readonly #inputs: readonly Operand[];
  readonly #outputs: readonly Operand[];
  readonly #constants: readonly (HostArray | undefined)[];
  readonly #steps: readonly PlannedStep[];

  constructor(
    graph: Graph,
    planners: { readonly [op: string]: NodePlanner },
    pool: Pool,
    lowered = false,
  ) {
    this.graph = graph;
    this.#pool = pool;
    const plain = lowered ? graph : lower(graph);
    const planner = new Planner();
    const values: Operand[] = [];
    this.#inputs = plain.inputs.map((id) => (values[id] = planner.input(plain.values[id]!)));
    for (const node of plain.nodes) {
      const plan = Object.hasOwn(planners, node.op.name) ? planners[node.op.name] : undefined;
      if (plan === undefined) {
        failAt({ op: node.op.name, path: node.path }, 'backend cpu does not know this op');
      }
      const outputs = plan(planner, {
        op: node.op.name,
        attrs: node.attrs,
        path: node.path,
        inputs: node.inputs.map((id) => values[id]!),
        outputs: node.outputs.map((id) => plain.values[id]!),
      });
      node.outputs.forEach((id, i) => (values[id] = outputs[i]!));
    }
    // Outputs own their memory: what is an input, a constant, a part of something or given twice is copied.
    const owned = new Set<number>();
    this.#outputs = plain.outputs.map((id) => {
      let out = planner.contiguous(values[id]!);
      if (planner.storages[out.storage]!.kind !== 'temporary' || owned.has(out.storage)) {
        out = planner.fresh(out);
      }
      owned.add(out.storage);
      return out;
    });
    this.#constants = planner.constants;
    this.#steps = schedule(planner, owned);
  }

  /** The arrays given are only read; those returned are the caller's. */
  run(inputs: readonly HostArray[]): HostArray[] {
    const memory: Memory = this.#constants.slice() as Memory;
    const pool = this.#pool;
    this.#inputs.forEach((x, i) => (memory[x.storage] = inputs[i]!));
    for (const step of this.#steps) {
      if (step.takeOver !== undefined) memory[step.takeOver[0]] = memory[step.takeOver[1]]!;
      for (const { storage, dtype, length } of step.allocate) {
        memory[storage] = pool.take(dtype, length);
      }
      step.run(memory);
      for (const storage of step.release) pool.give(memory[storage]!);
    }
    return this.#outputs.map((x) => memory[x.storage]!);
  }

  /** Gives arrays that `run` returned back for reuse. */
  recycle(array: HostArray): void {
    this.#pool.give(array);
  }
}

function schedule(planner: Planner, owned: ReadonlySet<number>): PlannedStep[] {
  const { storages, steps } = planner;
  const lastUse = new Map<number, number>();
  steps.forEach((step, i) => {
    for (const storage of [...step.reads, ...step.writes]) lastUse.set(storage, i);
  });
  return steps.map((step, i) => {
    const ends = (storage: number): boolean =>
      lastUse.get(storage) === i && storages[storage]!.kind === 'temporary' && !owned.has(storage);
    const [first] = step.writes;
    const source = step.inPlace.find((storage) => {
      const [a, b] = [storages[storage]!, storages[first!]!];
      return ends(storage) && a.length === b.length && sameArray(a.dtype, b.dtype);
    });
    return {
      run: step.run,
      takeOver: source === undefined ? undefined : ([first!, source] as const),
      allocate: step.writes
        .filter((storage) => source === undefined || storage !== first)
        .map((storage) => ({
          storage,
          dtype: storages[storage]!.dtype,
          length: storages[storage]!.length,
        })),
      release: [...step.reads, ...step.writes].filter(
        (storage) => ends(storage) && storage !== source,
      ),
    };
  });
}

const sameArray = (a: DType, b: DType): boolean =>
  a === b || dtypeInfo(a).allocate(0).constructor === dtypeInfo(b).allocate(0).constructor;
