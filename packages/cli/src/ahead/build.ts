/**
 * Compiles functions ahead of time: constant parts taken out and computed, graphs to kernels, kernels to one
 * WebAssembly module for each set of instructions, everything laid out in one memory. Pure but for the
 * numbers of the constants: equal functions give equal files.
 */
import { compileGraph } from '@hebb/compiler';
import type { Program } from '@hebb/compiler';
import { fail, lower } from '@hebb/core';
import type { Graph } from '@hebb/core';
import { checkPlan, checksum } from '@hebb/runtime';
import type {
  ElementType,
  EntryCall,
  KernelInfo,
  Plan,
  PlanFunction,
  PlanModule,
  Signature,
  Slot,
  StateSlot,
  TensorType,
} from '@hebb/runtime';
import { codegen, reservedBytes } from './codegen.ts';
import type { NamedProgram, Simd } from './codegen.ts';
import { ConstantPool, bytesOf, computeAhead, graphOf, rawBytes, takeOut } from './constants.ts';
import type { Constant, Kept, Reduced } from './constants.ts';
import { Region, alignUp, placeProgram, stateCopies, tableBytes } from './layout.ts';
import type { Needs } from './layout.ts';
import type { NamedValue, ProgramToCompile, Sink, StateToCompile, Traced } from './types.ts';

export interface BuildOptions {
  /**
   * Instruction sets, best first, one module each: `relaxed` fuses multiplications with additions and needs
   * relaxed SIMD, `plain` runs wherever WebAssembly has SIMD.
   */
  readonly simd?: readonly Simd[];
}

export interface Built {
  readonly plan: Plan;
  /** The modules by file name. */
  readonly modules: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly weights: Uint8Array<ArrayBuffer>;
}

/** Vector loads may reach past the last element. */
const slack = 256;

export function build(
  source: ProgramToCompile,
  { simd = ['relaxed', 'plain'] }: BuildOptions = {},
): Built {
  const generators = simd.map((name) => ({ name, ...codegen(name) }));
  const [first] = generators;
  if (first === undefined) fail('compile', 'there is no instruction set to compile for');
  const pool = new ConstantPool();
  const reduced = source.functions.map(({ signatures }) =>
    signatures.map((signature): Reduced & Pick<Traced, 'sinks'> => {
      const { sources, sinks } = signature;
      const graph = lower(signature.graph, first.options.keep, true);
      return { ...takeOut(pool, { graph, sources }), sinks };
    }),
  );
  const used = constantsOf(reduced.flat());
  const atLoad = computeAhead(used);
  const preparation = atLoad.length === 0 ? undefined : graphOf(atLoad);

  // --- weights and state, at the addresses that all signatures share ---
  const region = new Region(reservedBytes);
  const start = region.end;
  const addresses = new Map<Constant, number>();
  const images: { readonly address: number; readonly bytes: Uint8Array }[] = [];
  const inImage = [...used, ...(preparation?.sources ?? [])].filter(
    ({ data }) => data !== undefined,
  );
  for (const constant of new Set(inImage)) {
    const bytes = rawBytes(constant.data!);
    const address = region.take(bytes.length);
    addresses.set(constant, address);
    images.push({ address, bytes });
  }
  const state = new Map<string, StateSlot & { bytes: number }>();
  const place = ({ name, dtype, shape, data }: StateToCompile): void => {
    const bytes = bytesOf({ dtype, shape });
    const address = region.take(bytes);
    state.set(name, { name, dtype, shape, address, bytes });
    if (data !== undefined) images.push({ address, bytes: rawBytes(data) });
  };
  const isZero = ({ data }: StateToCompile): boolean =>
    data === undefined || rawBytes(data).every((byte) => byte === 0);
  for (const slot of source.state) if (!isZero(slot)) place(slot);
  const weights = new Uint8Array(region.end - start);
  for (const { address, bytes } of images) weights.set(bytes, address - start);
  // Memory is zero at the start.
  for (const slot of source.state) if (isZero(slot)) place({ ...slot, data: undefined });
  for (const constant of atLoad) addresses.set(constant, region.take(bytesOf(constant)));

  // --- programs ---
  const id = checksum(
    new TextEncoder().encode(
      reduced
        .flat()
        .map(({ graph }) => graph.hash)
        .join() + simd.join(),
    ),
  );
  const jobs: Job[] = [];
  if (preparation !== undefined) {
    jobs.push(job(`prepare_${id}`, preparation.graph, undefined));
  }
  for (const signature of reduced.flat()) {
    const aliases = (output: number, input: number): boolean =>
      mayAlias(signature.sinks[output]!, signature.sources[input]!);
    jobs.push(job(`run${jobs.length}_${id}`, signature.graph, aliases));
  }
  const compiled = generators.map(({ name, options, assemble }) => {
    const programs = jobs.map(({ name, graph, aliases }): NamedProgram => ({
      name,
      program: compileGraph(graph, { ...options, mayAlias: aliases ?? (() => false) }),
    }));
    const { bytes, needs } = assemble(programs);
    return { name, programs, wasm: bytes, needs };
  });
  const programs = new Map(compiled[0]!.programs.map(({ name, program }) => [name, program]));
  /** What any of the modules needs. */
  const needsOf = (name: string): Needs => {
    const all = compiled.map(({ needs }) => needs[jobs.findIndex((x) => x.name === name)]!);
    return {
      arenaBytes: Math.max(...all.map(({ arenaBytes }) => arenaBytes)),
      scratchBytes: Math.max(...all.map(({ scratchBytes }) => scratchBytes)),
    };
  };

  // --- where they find what they work on ---
  const tables = new Region(region.end);
  const allTables = [...programs.values()].map((program) => alignUp(tableBytes(program)));
  const workStart = tables.end + allTables.reduce((a, b) => a + b, 0);
  let end = workStart;
  const within = <T>(body: (work: Region) => T): T => {
    const work = new Region(workStart);
    const result = body(work);
    end = Math.max(end, work.end);
    return result;
  };
  const prepare: EntryCall[] = [];
  if (preparation !== undefined) {
    const { name } = jobs[0]!;
    const inputs = preparation.sources.map((constant) => addresses.get(constant)!);
    const outputs = atLoad.map((constant) => addresses.get(constant)!);
    within((work) => {
      const placed = placeProgram(
        name,
        programs.get(name)!,
        needsOf(name),
        { inputs, outputs },
        tables,
        work,
      );
      prepare.push(placed.call);
      atLoad.forEach((constant, i) => addresses.set(constant, placed.outputs[i]!));
    });
  }
  let next = prepare.length;
  const functions = source.functions.map((fn, f): PlanFunction => {
    const signatures = reduced[f]!.map(({ graph, sources, sinks }) => {
      const { name } = jobs[next++]!;
      const program = programs.get(name)!;
      return within((work): Signature => {
        const inputs = sources.map((source) => addressOf(source, addresses, state));
        const placed = placeProgram(name, program, needsOf(name), { inputs }, tables, work);
        const slots = (kind: 'argument' | 'result', count: number) =>
          Array.from({ length: count }, (_, position) => {
            const list: readonly (Kept | Sink)[] = kind === 'argument' ? sources : sinks;
            const at = list.findIndex((x) => x.kind === kind && x.position === position);
            const ids = kind === 'argument' ? graph.inputs : graph.outputs;
            const where = kind === 'argument' ? placed.inputs : placed.outputs;
            return { shape: graph.values[ids[at]!]!.shape, address: where[at]! };
          });
        return {
          ...placed.call,
          inputs: slots('argument', fn.arguments.length),
          outputs: slots('result', fn.results.length),
          copies: stateCopies(sinks, placed.outputs, state, work),
          kernels: kernelsOf(program),
        };
      });
    });
    return {
      name: fn.name,
      inputs: fn.arguments.map((x, i) =>
        tensorType(
          x,
          signatures.map((s) => s.inputs[i]!),
        ),
      ),
      outputs: fn.results.map((x, i) =>
        tensorType(
          x,
          signatures.map((s) => s.outputs[i]!),
        ),
      ),
      signatures,
    };
  });

  const modules = compiled.map(({ name, wasm }, i): [PlanModule, Uint8Array<ArrayBuffer>] => [
    {
      file: i === 0 ? 'model.wasm' : `model.${name}.wasm`,
      features: name === 'relaxed' ? ['simd', 'relaxed-simd'] : ['simd'],
    },
    wasm,
  ]);
  const plan: Plan = {
    format: 'hebb-plan',
    version: 1,
    name: source.name,
    modules: modules.map(([module]) => module),
    memory: end + slack,
    weights: {
      file: 'weights.bin',
      bytes: weights.length,
      checksum: checksum(weights),
      address: start,
      tensors: [...addresses]
        .filter(([{ data }]) => data !== undefined)
        .map(([{ name, dtype, shape }, address]) => ({
          name,
          dtype,
          shape,
          offset: address - start,
        })),
    },
    prepare,
    state: source.state.map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape,
      address: state.get(name)!.address,
    })),
    functions,
  };
  return {
    plan: checkPlan(plan),
    modules: new Map(modules.map(([{ file }, wasm]) => [file, wasm])),
    weights,
  };
}

interface Job {
  readonly name: string;
  readonly graph: Graph;
  readonly aliases: ((output: number, input: number) => boolean) | undefined;
}
const job = (name: string, graph: Graph, aliases: Job['aliases']): Job => ({
  name,
  graph,
  aliases,
});

/** State is updated in place; arguments are written anew at each call, so results may take their memory. */
function mayAlias(sink: Sink, source: Kept): boolean {
  if (sink.kind === 'result') return source.kind === 'argument';
  return source.kind === 'state' && source.name === sink.name;
}

function constantsOf(signatures: readonly Reduced[]): Constant[] {
  const found = new Set<Constant>();
  for (const { sources } of signatures) {
    for (const source of sources) if (source.kind === 'constant') found.add(source.constant);
  }
  return [...found];
}

function addressOf(
  source: Kept,
  constants: ReadonlyMap<Constant, number>,
  state: ReadonlyMap<string, StateSlot>,
): number | undefined {
  if (source.kind === 'constant') return constants.get(source.constant)!;
  return source.kind === 'state' ? state.get(source.name)!.address : undefined;
}

/** Sizes where all signatures agree; the axis' name, or `?`, where they do not. */
function tensorType({ name, dtype, axes }: NamedValue, slots: readonly Slot[]): TensorType {
  const [first] = slots as [Slot, ...Slot[]];
  const shape = first.shape.map((dim, axis) => {
    const open = axes?.[axis];
    if (slots.every((slot) => slot.shape[axis] === dim)) return dim;
    return typeof open === 'string' ? open : '?';
  });
  return { name, dtype: dtype satisfies ElementType, shape };
}

const kernelsOf = ({ kernels }: Program): KernelInfo[] =>
  kernels.map(({ name, cost: { flops, bytes } }) => ({ name, flops, bytes }));
