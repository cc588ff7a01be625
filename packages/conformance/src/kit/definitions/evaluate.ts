/** Evaluates graphs by the definitions of their primitives, one element at a time. Slow, and meant to be obvious. */
import { HebbError, lower, stridesOf } from '@hebb/core';
import type { Attrs, Aval, Graph } from '@hebb/core';
import { elementwise } from './elementwise.ts';
import { movementRules } from './movement.ts';
import { philoxWords } from './philox.ts';
import { reduceRules } from './reduce.ts';
import { build } from './values.ts';
import type { Num, Value } from './values.ts';

/** Outputs of one primitive. */
export function evaluatePrimitive(
  name: string,
  inputs: readonly Value[],
  attrs: Attrs,
  outs: readonly Aval[],
): Value[] {
  const out = outs[0]!;
  switch (name) {
    case 'full':
      return [build(out, () => attrs['value'] as Num)];
    case 'iota':
      return [build(out, (_, i) => i)];
    case 'randomBits': {
      const [a, b] = inputs[0]!.data;
      const size = out.shape.reduce((n, d) => n * d, 1);
      const words = philoxWords([Number(a), Number(b)], size);
      return [build(out, (_, i) => words[i]!)];
    }
    case 'scan':
      return evaluateScan(inputs, attrs, outs);
    default: {
      const rule = movementRules[name] ?? reduceRules[name];
      const result = rule?.(inputs, attrs, out) ?? elementwise(name, inputs, attrs, out);
      if (result === undefined) throw new HebbError('the definitions lack this op', { op: name });
      return Array.isArray(result) ? result : [result];
    }
  }
}

function evaluateScan(inputs: readonly Value[], attrs: Attrs, outs: readonly Aval[]): Value[] {
  const body = attrs['body'] as Graph;
  const [constants, carries, length] = ['constants', 'carries', 'length'].map(
    (name) => attrs[name] as number,
  ) as [number, number, number];
  let state = inputs.slice(constants, constants + carries);
  const stacked: Value[][] = [];
  for (let i = 0; i < length; i++) {
    const step = attrs['reverse'] === true ? length - 1 - i : i;
    const elements = inputs.slice(constants + carries).map((x) => {
      const size = stridesOf(x.shape)[0]!;
      return {
        shape: x.shape.slice(1),
        dtype: x.dtype,
        data: x.data.slice(step * size, (step + 1) * size),
      };
    });
    const results = evaluateGraph(body, [...inputs.slice(0, constants), ...state, ...elements]);
    state = results.slice(0, carries);
    stacked[step] = results.slice(carries);
  }
  return [
    ...state,
    ...outs.slice(carries).map((out, k) => ({ ...out, data: stacked.flatMap((s) => s[k]!.data) })),
  ];
}

/** Outputs of a graph, composites expanded. */
export function evaluateGraph(graph: Graph, inputs: readonly Value[]): Value[] {
  const lowered = lower(graph);
  const values: Value[] = [];
  lowered.inputs.forEach((id, i) => (values[id] = inputs[i]!));
  for (const node of lowered.nodes) {
    const outs = node.outputs.map((id) => lowered.values[id]!);
    const results = evaluatePrimitive(
      node.op.name,
      node.inputs.map((id) => values[id]!),
      node.attrs,
      outs,
    );
    node.outputs.forEach((id, i) => (values[id] = results[i]!));
  }
  return lowered.outputs.map((id) => values[id]!);
}
