/**
 * How one op writes itself. Its record's `emit` runs once for each trace and only notes what it wants;
 * notes that agree become nodes, and numbers in them that differ follow the dynamic sizes.
 */
import type { Attrs, Aval, DType, OnnxAttrs, OnnxEmitter, Op, Shape } from '@hebb/core';
import { argumentLayout } from '@hebb/core';
import { DataType } from '../codec/dtypes.ts';

export type Step =
  | {
      readonly kind: 'node';
      readonly op: string;
      readonly inputs: readonly string[];
      readonly attrs: OnnxAttrs;
      readonly outputs: readonly string[];
    }
  | {
      readonly kind: 'list';
      readonly values: readonly number[];
      readonly shape: Shape | undefined;
      readonly token: string;
    }
  | {
      readonly kind: 'scalar';
      readonly value: number | bigint;
      readonly dtype: DType;
      readonly token: string;
    };

export interface Recording {
  readonly steps: readonly Step[];
  readonly outputs: readonly string[];
}

/** Names that only notes know begin with a character that no ONNX name has. */
const mark = '\u0001';
export const isToken = (name: string): boolean => name.startsWith(mark);

class Recorder implements OnnxEmitter {
  readonly opset: number;
  readonly inputs: readonly string[];
  readonly inputAvals: readonly Aval[];
  readonly outputAvals: readonly Aval[];
  readonly steps: Step[] = [];
  #next = 0;

  constructor(
    opset: number,
    inputs: readonly string[],
    inputAvals: readonly Aval[],
    outputAvals: readonly Aval[],
  ) {
    this.opset = opset;
    this.inputs = inputs;
    this.inputAvals = inputAvals;
    this.outputAvals = outputAvals;
  }

  #token(): string {
    return `${mark}${this.#next++}`;
  }

  node(
    op: string,
    inputs: readonly (string | undefined)[],
    attrs: OnnxAttrs = {},
    outputs = 1,
  ): string[] {
    const names = Array.from({ length: outputs }, () => this.#token());
    this.steps.push({
      kind: 'node',
      op,
      inputs: inputs.map((name) => name ?? ''),
      attrs,
      outputs: names,
    });
    return names;
  }

  int64(values: readonly number[], shape?: Shape): string {
    const token = this.#token();
    this.steps.push({ kind: 'list', values: [...values], shape, token });
    return token;
  }

  shape(dims: Shape): string {
    return this.int64(dims);
  }

  scalar(value: number | bigint, dtype: DType): string {
    const token = this.#token();
    this.steps.push({ kind: 'scalar', value, dtype, token });
    return token;
  }

  dtype(dtype: DType): number {
    return dtypeNumber(dtype);
  }

  cast(input: string, to: DType): string {
    return this.node('Cast', [input], { to: dtypeNumber(to) })[0]!;
  }
}

/** What the op wants written; undefined when it has no ONNX form at this opset. */
export function record(
  op: Op,
  attrs: Attrs,
  opset: number,
  inputs: readonly string[],
  inputAvals: readonly Aval[],
  outputAvals: readonly Aval[],
): Recording | undefined {
  const { onnx } = op;
  if (onnx === undefined || onnx.since > opset) return undefined;
  const recorder = new Recorder(opset, inputs, inputAvals, outputAvals);
  let outputs: string[] | undefined;
  if (onnx.emit === undefined) {
    const nodeAttrs = onnx.attrs?.(attrs, inputAvals) ?? {};
    outputs = recorder.node(onnx.op, placed(attrs, inputs), nodeAttrs, outputAvals.length);
  } else outputs = onnx.emit(recorder, attrs);
  return outputs === undefined ? undefined : { steps: recorder.steps, outputs };
}

/** Inputs at the positions of the op's arguments: ONNX leaves gaps for optional ones as composites do. */
function placed(attrs: Attrs, inputs: readonly string[]): (string | undefined)[] {
  const layout = argumentLayout(attrs);
  if (layout === undefined) return [...inputs];
  const result: (string | undefined)[] = [];
  let next = 0;
  for (const entry of layout) {
    if (entry === '-') result.push(undefined);
    else {
      const count = entry === 'x' ? 1 : Number(entry);
      for (let k = 0; k < count; k++) result.push(inputs[next++]);
    }
  }
  return result;
}

/** Whether all traces want the same nodes with the same attributes. */
export function agree(recordings: readonly Recording[]): boolean {
  const [first, ...rest] = recordings.map(structure);
  return rest.every((other) => other === first);
}

function structure({ steps, outputs }: Recording): string {
  return JSON.stringify([
    steps.map((step) =>
      step.kind === 'node'
        ? [step.op, step.inputs, step.attrs, step.outputs]
        : [step.kind, step.token, step.kind === 'list' ? step.values.length : step.dtype],
    ),
    outputs,
  ]);
}

export const dtypeNumber = (dtype: DType): number => DataType[dtype];
