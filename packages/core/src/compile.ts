/** Compiled functions: traced once for each input signature, then replayed without building a graph. */
import { placeholder } from './apply.ts';
import type { Backend, DeviceBuffer, Executable } from './backend.ts';
import { bring, bufferOn, currentBackend, realize } from './context.ts';
import { fail } from './error.ts';
import { traceGraph } from './graph.ts';
import type { Graph } from './graph.ts';
import { announceRealized } from './lifetime.ts';
import { Node } from './node.ts';
import type { Aval } from './op.ts';
import { alias } from './primitives/elementwise.ts';
import { Tensor } from './tensor.ts';
import { treeLeaves, treeMap, treeSignature } from './tree.ts';
import { dirtyVariables, setVariableTrace } from './variable.ts';
import type { Variable } from './variable.ts';

export interface CompileFunctionOptions {
  /** For errors and dumps; the function's name when left out. */
  readonly name?: string;
  /**
   * Positions of arguments whose tensors the call may consume (JAX's `donate_argnums`): their memory is
   * reused for results and they cannot be used afterwards. Variables that the function writes are always
   * updated in place.
   */
  readonly donate?: readonly number[];
}

/** What a trace of a function found: the graph and where its inputs and outputs belong. */
export interface CapturedFunction {
  /** Inputs: argument tensors, then variables read, then captured tensors. Outputs: results, then writes. */
  readonly graph: Graph;
  readonly argumentCount: number;
  readonly variables: readonly Variable[];
  readonly captures: readonly Tensor[];
  /** Variables written, in the order of the last outputs. */
  readonly written: readonly Variable[];
  /** The result with a tensor of the right type at each leaf. */
  readonly result: unknown;
}

/**
 * Traces `fn` at the given arguments. Tensors among them become graph inputs, everything else is fixed.
 * Variables that are read become inputs and those written become outputs.
 */
export function capture<Args extends readonly unknown[]>(
  fn: (...args: Args) => unknown,
  args: Args,
): CapturedFunction {
  const holders: Tensor[] = [];
  const inner = args.map((arg) =>
    treeMap(arg, (tensor) => {
      const holder = placeholder(tensor);
      holders.push(holder);
      return holder;
    }),
  );
  const reads = new Map<Variable, Tensor>();
  const writes = new Map<Variable, Tensor>();
  const saved = setVariableTrace({
    read: (variable) => {
      const known = writes.get(variable) ?? reads.get(variable);
      if (known !== undefined) return known;
      const holder = placeholder(variable);
      reads.set(variable, holder);
      return holder;
    },
    write: (variable, value) => void writes.set(variable, value),
  });
  const before = new Set(dirtyVariables);
  let result: unknown;
  try {
    result = fn(...(inner as readonly unknown[] as Args));
  } finally {
    setVariableTrace(saved);
  }
  if (result instanceof Promise) {
    result.catch(() => undefined);
    fail(
      'compile',
      'the function is asynchronous: a compiled function only builds tensors',
      'a Promise',
    );
  }
  for (const variable of dirtyVariables) {
    if (before.has(variable)) continue;
    const { captures } = traceGraph([variable.peek()], []);
    if (captures.every(({ node, output }) => node.isRealized(output))) continue;
    dirtyVariables.delete(variable);
    fail(
      'compile',
      'a variable made inside the function depends on its arguments: make it outside, then write to it',
    );
  }
  const outputs = [...treeLeaves(result), ...writes.values()];
  const { graph, captures } = traceGraph(outputs, [...holders, ...reads.values()]);
  return {
    graph,
    argumentCount: holders.length,
    variables: [...reads.keys()],
    captures,
    written: [...writes.keys()],
    result,
  };
}

interface Program {
  readonly captured: CapturedFunction;
  readonly executable: Executable;
  readonly donated: readonly number[];
}

/** A compiled function. Calls are queued: each starts when the one before has been handed to the backend. */
export interface Compiled<Args extends readonly unknown[], Out> {
  (...args: Args): Promise<Out>;
  /** The graph for these arguments, without running it. */
  graph(...args: Args): Graph;
  /** How many signatures have been traced. */
  readonly signatures: number;
  /** Variables that the programs traced so far write, in the order of their first write. */
  readonly written: readonly Variable[];
  /** Frees the programs; a later call compiles again. */
  dispose(): void;
}

const manySignatures = 16;
const REPLACED =
  'replaced the variable it was read from; read the variable again, or realize `alias(value)` before';

/**
 * A function that is traced at its first call with given shapes, dtypes and plain values, compiled for the
 * current backend, and replayed from then on. Arguments and results are tensors, plain values, and arrays
 * and objects of them; plain values are part of the signature, so pass a number that changes at every
 * call as a tensor. Reads and writes of `Variable`s inside (parameters, optimizer state, running
 * statistics, random generators) act at each call. Results are realised tensors.
 */
export function compile<Args extends readonly unknown[], Out>(
  fn: (...args: Args) => Out,
  {
    name = fn.name === '' ? 'compiled function' : fn.name,
    donate = [],
  }: CompileFunctionOptions = {},
): Compiled<Args, Out> {
  let programs = new WeakMap<Backend, Map<string, Promise<Program>>>();
  let signatures = 0;
  let queue: Promise<unknown> = Promise.resolve();
  const made = new Set<Program>();

  const build = async (backend: Backend, args: Args): Promise<Program> => {
    signatures += 1;
    if (signatures === manySignatures) {
      console.warn(
        `hebb: ${name} has been compiled for ${signatures} signatures. A plain number that changes at each ` +
          'call is a new signature: pass it as a tensor; pad batches to one size.',
      );
    }
    const captured = capture(fn, args);
    const donatedArguments = donatedLeaves(args, donate);
    const written = new Set(captured.written);
    const donated = [
      ...donatedArguments,
      ...captured.variables.flatMap((variable, i) =>
        written.has(variable) ? [captured.argumentCount + i] : [],
      ),
    ];
    const executable = await backend.compile(captured.graph, { donated });
    const program = { captured, executable, donated };
    made.add(program);
    for (const { node } of captured.captures) node.held += 1;
    return program;
  };

  const call = async (args: Args): Promise<Out> => {
    const backend = currentBackend('compile');
    const leaves = args.flatMap((arg) => treeLeaves(arg));
    const key = args.map(treeSignature).join(';');
    let cache = programs.get(backend);
    if (cache === undefined) programs.set(backend, (cache = new Map()));
    let pending = cache.get(key);
    if (pending === undefined) {
      pending = build(backend, args);
      cache.set(key, pending);
      pending.catch(() => cache.delete(key));
    }
    const program = await pending;
    separate(program, leaves);
    const sources = sourcesOf(program, leaves);
    await realize(...sources);
    await bring(backend, sources, name);
    return run(backend, program, leaves, name) as Out;
  };

  const compiled = (...args: Args): Promise<Out> => {
    const result = queue.then(() => call(args));
    queue = result.catch(() => undefined);
    return result;
  };
  return Object.defineProperties(compiled as Compiled<Args, Out>, {
    graph: { value: (...args: Args) => capture(fn, args).graph },
    signatures: { get: () => signatures },
    written: {
      get: () => [...new Set([...made].flatMap(({ captured }) => [...captured.written]))],
    },
    dispose: {
      value: () => {
        programs = new WeakMap();
        for (const { executable, captured } of made) {
          executable.dispose?.();
          for (const { node } of captured.captures) node.held -= 1;
        }
        made.clear();
      },
    },
  });
}

/** Positions among all tensor arguments of those inside donated arguments. */
function donatedLeaves(args: readonly unknown[], donate: readonly number[]): number[] {
  const positions: number[] = [];
  let next = 0;
  args.forEach((arg, i) => {
    const count = treeLeaves(arg).length;
    if (donate.includes(i)) for (let k = 0; k < count; k++) positions.push(next + k);
    next += count;
  });
  return positions;
}

function sourcesOf({ captured }: Program, leaves: readonly Tensor[]): Tensor[] {
  return [...leaves, ...captured.variables.map((v) => v.peek()), ...captured.captures];
}

/** How often a tensor's buffer is among the sources. */
function countUses(sources: readonly Tensor[]): (tensor: Tensor) => number {
  const uses = new Map<Node, number[]>();
  for (const { node, output } of sources) {
    const counts = uses.get(node) ?? [];
    counts[output] = (counts[output] ?? 0) + 1;
    uses.set(node, counts);
  }
  return ({ node, output }) => uses.get(node)?.[output] ?? 0;
}

/**
 * Tensors are immutable, so two variables may hold the same one, or a variable's value may be an argument
 * as well. A variable that is about to be updated in place gets a buffer of its own first.
 */
function separate(program: Program, leaves: readonly Tensor[]): void {
  const { captured, donated } = program;
  const uses = countUses(sourcesOf(program, leaves));
  for (const position of donated) {
    const variable = captured.variables[position - captured.argumentCount];
    if (variable === undefined) continue;
    const value = variable.peek();
    if (value.node.held > 1 || uses(value) > 1) variable.set(alias(value));
  }
}

function run(backend: Backend, program: Program, leaves: readonly Tensor[], name: string): unknown {
  const { captured, executable, donated } = program;
  const sources = sourcesOf(program, leaves);
  const uses = countUses(sources);
  for (const position of donated) {
    if (uses(sources[position]!) > 1) {
      fail(name, 'a tensor that it consumes (donated) is also given to it in another place');
    }
  }
  const inputs = sources.map((tensor) => bufferOn(backend, tensor, name));
  const outputs = executable.run(inputs);
  for (const position of donated) {
    const { node, output } = sources[position]!;
    node.surrender(
      output,
      position < captured.argumentCount ? `${name} consumed it (donated)` : `${name} ${REPLACED}`,
    );
  }
  const results = treeLeaves(captured.result).length;
  const made = outputs.map((buffer, i) =>
    leafOn(backend, buffer, captured.graph.values[captured.graph.outputs[i]!]!),
  );
  captured.written.forEach((variable, i) => {
    const old = variable.peek();
    variable.set(made[results + i]!);
    // Written without being read: the old value was no input, so nobody consumed it.
    if (old.node.held === 0 && old.node.storage[old.output]?.kind === 'device') {
      old.node.release(old.output, `${name} ${REPLACED}`);
    }
  });
  let next = 0;
  return treeMap(captured.result, () => made[next++]!);
}

function leafOn(backend: Backend, buffer: DeviceBuffer, aval: Aval): Tensor {
  const node = new Node(null, {}, [], [aval]);
  node.setDevice(0, backend, buffer);
  const tensor = new Tensor(node, 0);
  announceRealized(tensor);
  return tensor;
}
