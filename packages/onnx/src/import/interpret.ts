/**
 * Runs a program over values: lazy tensors flow through it and become one graph; what is known on the host
 * is worked out at once. A generator, because numbers may be needed on the way: whoever drives it decides
 * whether they can be had.
 */
import { HebbError, Tensor, withPath } from '@hebb/core';
import { OnnxFormatError } from '../codec/errors.ts';
import { Call } from './call.ts';
import type { CallScope } from './call.ts';
import { OnnxImportError, invalid } from './error.ts';
import { evaluateOnHost } from './evaluate.ts';
import { NeedsValue } from './need.ts';
import type { Steps } from './need.ts';
import type { Program, ProgramNode } from './program.ts';
import type { Built } from './table.ts';
import { int64, isHost } from './value.ts';
import type { HostTensor, Value } from './value.ts';

/** Host constants up to this many elements are worked out while the graph is built. */
const foldLimit = 1 << 12;

/** 2 GiB of float32: a file of a few bytes must not ask for more by a shape in it. */
const defaultMaxElements = 2 ** 29;

export interface Interpretation {
  /** The value of an initialiser: a parameter, or its numbers. */
  initializer(host: HostTensor, name: string): Value;
  /** When to give up, on the clock of `performance.now()`. */
  readonly deadline?: number;
  /** Steps of a loop that are written out; a longer one throws `LoopTooLong`. Unbounded when left out. */
  readonly maxUnrolled?: number;
  /** Most elements that a node may make; more is an error before anything is computed. */
  readonly maxElements?: number;
  /** Dropout drops and BatchNormalization normalises by the batch, whatever the file says. */
  readonly training?: boolean;
  /** Called with every value that a node makes, for tools that compare. */
  readonly trace?: (node: ProgramNode, output: string, value: Value) => void;
  /** Waited for after each node of the main graph, with what it made, for tools that take times. */
  readonly after?: AfterNode;
}

/** Values in the order of the node's outputs; `undefined` for one that is left out. */
export type AfterNode = (
  node: ProgramNode,
  values: readonly (Value | undefined)[],
) => Promise<void>;

/** What a wait is resumed with: no numbers were asked for. */
const nothing = int64([]);

class Scope {
  readonly #values = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): Value | undefined {
    return this.#values.get(name) ?? this.#outer?.get(name);
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }

  drop(name: string): void {
    this.#values.delete(name);
  }
}

/** The outputs of the program, in order. `inputs` may also give values for initialisers of that name. */
export function* interpret(
  program: Program,
  inputs: ReadonlyMap<string, Value>,
  context: Interpretation,
): Steps<readonly Value[]> {
  const limit = context.maxElements ?? defaultMaxElements;
  for (const [name, value] of inputs) {
    if (value instanceof Tensor && tooLarge(value, limit)) {
      invalid(program.name || 'graph', `input ${name} is [${value.shape.join(',')}]: too large`);
    }
  }
  const known = new WeakMap<Tensor, HostTensor>();
  return yield* runProgram(program, inputs, undefined, context, known, context.after);
}

function* runProgram(
  program: Program,
  inputs: ReadonlyMap<string, Value>,
  outer: Scope | undefined,
  context: Interpretation,
  known: WeakMap<Tensor, HostTensor>,
  after?: AfterNode,
): Steps<readonly Value[]> {
  const scope = new Scope(outer);
  for (const [name, host] of program.initializers) {
    scope.set(name, context.initializer(host, name));
  }
  for (const [name, value] of inputs) scope.set(name, value);
  for (const node of program.nodes) {
    if (context.deadline !== undefined && performance.now() > context.deadline) {
      fault(node, 'the time that was given for the run is over');
    }
    const given = node.inputs.map((name) =>
      name === '' ? undefined : (scope.get(name) ?? invalid(node.op, `input ${name} has no value`)),
    );
    const results = yield* runNode(node, given, scope, context, known);
    node.outputs.forEach((name, i) => {
      if (name === '') return;
      const value = results[i];
      if (value === undefined) {
        throw new OnnxImportError('unsupported', `output ${i} is not available`, {
          op: node.op,
          path: node.label,
        });
      }
      if (value instanceof Tensor) checkSizes(node, value, context.maxElements);
      scope.set(name, value);
      context.trace?.(node, name, value);
    });
    if (after !== undefined) yield { pending: after(node, results).then(() => nothing) };
    for (const name of node.lastUses) scope.drop(name);
  }
  return program.outputs.map(
    (name) => scope.get(name) ?? invalid(program.name, `output ${name} has no value`),
  );
}

/** An empty tensor may have a huge axis, along which something else is then made. */
const tooLarge = ({ size, shape }: Tensor, limit: number): boolean =>
  !(size <= limit) || shape.some((dim) => !(dim >= 0 && dim <= limit));

const checked = new WeakSet<object>();

/** Refuses what is too large in the part of the graph that a node has just made. */
function checkSizes(node: ProgramNode, made: Tensor, limit = defaultMaxElements): void {
  const waiting = [made];
  while (waiting.length > 0) {
    const x = waiting.pop()!;
    if (tooLarge(x, limit) && x.node.op !== null) {
      fault(node, `it makes [${x.shape.join(',')}]: too large`);
    }
    if (checked.has(x.node) || x.node.isRealized(x.output)) continue;
    checked.add(x.node);
    waiting.push(...x.node.inputs);
  }
}

function* runNode(
  node: ProgramNode,
  inputs: readonly (Value | undefined)[],
  scope: Scope,
  context: Interpretation,
  known: WeakMap<Tensor, HostTensor>,
): Steps<readonly (Value | undefined)[]> {
  const { body } = node;
  if (body.kind === 'function') {
    const { program } = body;
    if (inputs.length > program.inputs.length) {
      fault(node, `function ${program.name} takes ${program.inputs.length} inputs`);
    }
    const bound = new Map<string, Value>();
    inputs.forEach((value, i) => {
      if (value !== undefined) bound.set(program.inputs[i]!, value);
    });
    return yield* runFunction(program, bound, context, known);
  }
  const lent: CallScope = {
    known: (tensor) => known.get(tensor),
    named: (name) => scope.get(name),
    maxUnrolled: context.maxUnrolled ?? Infinity,
    maxElements: context.maxElements ?? defaultMaxElements,
    training: context.training ?? false,
    *subgraph(program, values) {
      const bound = new Map(program.inputs.map((name, i) => [name, values[i]!]));
      return yield* runProgram(program, bound, scope, context, known);
    },
  };
  const call = new Call(node, inputs, lent);
  const { entry } = body;
  if (entry.run !== undefined) {
    try {
      return asList(yield* entry.run(call));
    } catch (error) {
      throw located(error, node);
    }
  }
  for (;;) {
    try {
      return withPath(node.label, () => build(call, inputs));
    } catch (error) {
      if (!(error instanceof NeedsValue) || known.has(error.tensor)) throw located(error, node);
      known.set(error.tensor, yield { tensor: error.tensor });
    }
  }
}

/** Optional inputs of a function that the call leaves out stay undefined inside it. */
function* runFunction(
  program: Program,
  bound: ReadonlyMap<string, Value>,
  context: Interpretation,
  known: WeakMap<Tensor, HostTensor>,
): Steps<readonly Value[]> {
  const missing = new Set(program.inputs.filter((name) => !bound.has(name)));
  if (missing.size === 0) return yield* runProgram(program, bound, undefined, context, known);
  const without: Program = {
    ...program,
    nodes: program.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => (missing.has(name) ? '' : name)),
    })),
  };
  return yield* runProgram(without, bound, undefined, context, known);
}

/** Outputs of known inputs become known at once where that is cheap: shapes, axes, bounds. */
function build(call: Call, inputs: readonly (Value | undefined)[]): readonly (Value | undefined)[] {
  const { body } = call.node;
  if (body.kind !== 'operator') return [];
  const built = asList(body.entry.build?.(call) ?? []);
  const fixed = inputs.every((value) => value === undefined || isHost(value));
  if (!fixed) return built;
  return built.map((value) =>
    value instanceof Tensor ? (evaluateOnHost(value, foldLimit) ?? value) : value,
  );
}

function asList(built: Built): readonly (Value | undefined)[] {
  return isList(built) ? built : [built];
}

function isList(built: Built): built is readonly (Value | undefined)[] {
  return Array.isArray(built);
}

function fault(node: ProgramNode, message: string, cause?: unknown): never {
  throw new OnnxImportError('invalid', message, { op: node.op, path: node.label, cause });
}

/** The error in the name of the node; anything unforeseen in an operator's builder included. */
function located(error: unknown, node: ProgramNode): unknown {
  if (error instanceof NeedsValue) return error;
  if (error instanceof OnnxImportError) {
    return error.path === ''
      ? new OnnxImportError(error.kind, error.problem, {
          op: error.op,
          path: node.label,
          cause: error,
        })
      : error;
  }
  if (error instanceof HebbError || error instanceof OnnxFormatError) {
    const op = error instanceof HebbError && error.op !== node.op ? `${error.op}: ` : '';
    const problem = error instanceof HebbError ? error.problem : error.message;
    return new OnnxImportError('invalid', `${op}${problem}`, {
      op: node.op,
      path: node.label,
      cause: error,
    });
  }
  // Errors of drivers (a value that cannot be had) pass through; faults of builders get a name.
  if (error instanceof TypeError || error instanceof RangeError) {
    return new OnnxImportError('invalid', `cannot be built: ${error.message}`, {
      op: node.op,
      path: node.label,
      cause: error,
    });
  }
  return error;
}
