/** Where the time of a run goes: node by node, one at a time. */
import { Tensor, currentBackend, isDType, realize, scope, tensor } from '@hebb/core';
import { isTensor } from '../codec/value.ts';
import { OnnxImportError } from '../import/error.ts';
import type { OnnxModel, RunInput } from '../import/model.ts';
import type { ProgramNode } from '../import/program.ts';
import { isTensorValue, shapeOf, toTensor } from '../import/value.ts';
import type { Value } from '../import/value.ts';

export interface NodeTime {
  readonly operator: string;
  /** The node's own name, else that of its first output. */
  readonly node: string;
  /** Names of what it makes. */
  readonly outputs: readonly string[];
  /** Shapes of those that are tensors. */
  readonly shapes: readonly (readonly number[])[];
  /** Milliseconds; 0 where the node was worked out on the host: shapes, constants. */
  readonly ms: number;
}

export interface OnnxProfile {
  readonly backend: string;
  /** The nodes of the main graph in the order in which they ran. */
  readonly nodes: readonly NodeTime[];
  /** Sum of all nodes. */
  readonly ms: number;
  /** Milliseconds of a run as `OnnxModel.run` does it, nodes fused, outputs read. */
  readonly fused: number;
}

export interface ProfileOptions {
  /** Runs that are timed after one that is not; a node's time is their median. Default 3. */
  readonly runs?: number;
  readonly signal?: AbortSignal;
  /** Called with the share of the work that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/**
 * Runs a model on the current backend with every node alone, and then whole. The sum of the nodes is more than
 * the whole: what is usually fused is computed and stored apart. Errors as `OnnxModel.run`, and the signal's.
 */
export async function profileOnnx(
  model: OnnxModel,
  inputs: Readonly<Record<string, RunInput>>,
  options: ProfileOptions = {},
): Promise<OnnxProfile> {
  return scope(() => profile(model, inputs, options));
}

async function profile(
  model: OnnxModel,
  inputs: Readonly<Record<string, RunInput>>,
  { runs = 3, signal, onProgress }: ProfileOptions,
): Promise<OnnxProfile> {
  if (!Number.isInteger(runs) || runs < 1) {
    throw new OnnxImportError('invalid', `runs is a positive whole number, got ${runs}`, {
      op: 'profileOnnx',
    });
  }
  const backend = currentBackend('profileOnnx');
  const finish = await fenceOf();
  const given = uploaded(inputs);
  const times = new Map<ProgramNode, number[]>();
  const shapes = new Map<ProgramNode, readonly (readonly number[])[]>();
  const total = (runs + 1) * Math.max(1, model.program.nodes.length);
  let done = 0;
  for (let run = 0; run <= runs; run++) {
    let last = performance.now();
    await model.walk(given, async (node, values) => {
      signal?.throwIfAborted();
      const tensors = values.filter((value): value is Tensor => value instanceof Tensor);
      const waiting = tensors.filter((made) => !made.node.isRealized(made.output));
      // What a branch or loop computed on the way counts as well.
      const started = node.graphs.size > 0 ? last : performance.now();
      if (waiting.length > 0) {
        await realize(...waiting);
        await finish.wait();
      }
      const took = performance.now() - started - (waiting.length > 0 ? finish.cost : 0);
      const counts = waiting.length > 0 || node.graphs.size > 0;
      if (run > 0) times.set(node, [...(times.get(node) ?? []), counts ? Math.max(0, took) : 0]);
      shapes.set(node, shapesOf(values));
      done += 1;
      onProgress?.(done / total);
      last = performance.now();
    });
  }
  const nodes = [...times].map(([node, all]) => ({
    operator: node.domain === '' ? node.op : `${node.domain}.${node.op}`,
    node: node.label,
    outputs: node.outputs.filter((name) => name !== ''),
    shapes: shapes.get(node) ?? [],
    ms: median(all),
  }));
  const whole: number[] = [];
  for (let run = 0; run <= runs; run++) {
    signal?.throwIfAborted();
    const started = performance.now();
    await model.runValues(inputs);
    if (run > 0) whole.push(performance.now() - started);
  }
  return {
    backend: backend.name,
    nodes,
    ms: nodes.reduce((sum, { ms }) => sum + ms, 0),
    fused: median(whole),
  };
}

/** Small values that lie on the host would be computed with there. */
const uploaded = (inputs: Readonly<Record<string, RunInput>>): Record<string, RunInput> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => {
      const plain = !(value instanceof Tensor) && isTensor(value) && isDType(value.dtype);
      return [name, plain ? toTensor(name, value) : value];
    }),
  );

const shapesOf = (values: readonly (Value | undefined)[]): (readonly number[])[] =>
  values.filter(isTensorValue).map(shapeOf);

/**
 * Waits until the backend has done what it was given: a number behind it is read. What that costs by itself
 * is taken off.
 */
async function fenceOf(): Promise<{ wait(): Promise<void>; cost: number }> {
  const backend = currentBackend('profileOnnx');
  if (backend.capabilities.sync) return { wait: () => Promise.resolve(), cost: 0 };
  const mark = tensor(Float32Array.of(0)).add(1);
  await realize(mark);
  const wait = async (): Promise<void> => void (await mark.data());
  const costs: number[] = [];
  for (let i = 0; i < 7; i++) {
    const started = performance.now();
    await wait();
    costs.push(performance.now() - started);
  }
  return { wait, cost: median(costs) };
}
