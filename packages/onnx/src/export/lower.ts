/**
 * Traced graphs to ONNX nodes. All traces are walked in step. Composites are written by their record's
 * mapping, or else by their body; broadcasts and constants are left to ONNX where it does them itself.
 */
import { broadcastShapes, convert, dtypeInfo, sameShape } from '@hebb/core';
import type { Aval, DType, Graph, GraphNode, Shape } from '@hebb/core';
import { makeAttribute } from '../codec/attributes.ts';
import { DataType } from '../codec/dtypes.ts';
import { tensorToProto } from '../codec/tensor.ts';
import type { TensorData } from '../codec/tensor.ts';
import { isFixed } from './dims.ts';
import type { Follower, Varying } from './dims.ts';
import { OnnxExportError } from './error.ts';
import { agree, dtypeNumber, isToken, record } from './record.ts';
import type { Recording } from './record.ts';
import { writeScan } from './scan.ts';
import { attributesOf } from './writer.ts';
import type { GraphWriter } from './writer.ts';

/** A value of the traces: written already, or something that many uses never need written. */
export class Entry {
  readonly shapes: readonly Shape[];
  readonly dtype: DType;
  readonly form:
    | { readonly kind: 'written'; readonly name: string }
    /** A broadcast of another value. */
    | { readonly kind: 'expand'; readonly source: Entry }
    /** One repeated number. */
    | { readonly kind: 'full'; readonly value: readonly (number | bigint)[] };
  /** The name once it had to be written after all. */
  written: string | undefined;

  constructor(form: Entry['form'], shapes: readonly Shape[], dtype: DType) {
    this.form = form;
    this.shapes = shapes;
    this.dtype = dtype;
    this.written = form.kind === 'written' ? form.name : undefined;
  }
}

/** Primitives that broadcast their operands in ONNX. */
const broadcasting = new Set(
  'add sub mul div pow fmod atan2 maximum minimum eq lt le and or xor shiftLeft shiftRight where'.split(
    ' ',
  ),
);
const reductions = new Set(['sum', 'prod', 'max', 'min']);

export interface LoweringContext {
  readonly writer: GraphWriter;
  readonly follower: Follower;
  readonly opset: number;
}

export class Lowering {
  readonly context: LoweringContext;

  constructor(context: LoweringContext) {
    this.context = context;
  }

  /** Writes the graphs' nodes on these inputs and returns the outputs. */
  run(graphs: readonly Graph[], inputs: readonly Entry[], path: string): Entry[] {
    const [base] = graphs as [Graph, ...Graph[]];
    requireSameStructure(graphs);
    const values: Entry[] = [];
    base.inputs.forEach((id, i) => (values[id] = inputs[i]!));
    const uses = countUses(base);
    base.nodes.forEach((node, i) => {
      if (node.outputs.every((id) => values[id] !== undefined)) return;
      const nodes = graphs.map((graph) => graph.nodes[i]!);
      const given = node.inputs.map((id) => values[id]!);
      const shapesOf = (id: number): Shape[] => graphs.map((graph) => graph.values[id]!.shape);
      const where = node.path === '' ? path : node.path;
      const kept = this.#keptReduction(node, base, uses);
      const outputs = node.outputs.map((id) => ({
        shapes: shapesOf(kept ?? id),
        dtype: base.values[id]!.dtype,
      }));
      const made = this.#node(nodes, given, outputs, where, kept !== undefined);
      node.outputs.forEach((id, k) => (values[id] = made[k]!));
      if (kept !== undefined) values[kept] = made[0]!;
    });
    return base.outputs.map((id) => values[id]!);
  }

  /** The reshape, if it is the only use, that puts the reduced axes back: ONNX keeps them itself. */
  #keptReduction(
    node: GraphNode,
    graph: Graph,
    uses: readonly (readonly GraphNode[])[],
  ): number | undefined {
    if (!reductions.has(node.op.name) && node.op.name !== 'argmax' && node.op.name !== 'argmin') {
      return undefined;
    }
    const id = node.outputs[0]!;
    const [use] = uses[id] ?? [];
    if (uses[id]?.length !== 1 || use?.op.name !== 'reshape' || graph.outputs.includes(id)) {
      return undefined;
    }
    const axes = (node.attrs.axes as Shape | undefined) ?? [node.attrs.axis as number];
    const wanted = graph.values[node.inputs[0]!]!.shape.map((dim, i) =>
      axes.includes(i) ? 1 : dim,
    );
    const target = use.outputs[0]!;
    return sameShape(wanted, graph.values[target]!.shape) ? target : undefined;
  }

  #node(
    nodes: readonly GraphNode[],
    given: readonly Entry[],
    outputs: readonly { shapes: readonly Shape[]; dtype: DType }[],
    path: string,
    keep: boolean,
  ): Entry[] {
    const [node] = nodes as [GraphNode, ...GraphNode[]];
    const [out] = outputs;
    switch (node.op.name) {
      case 'alias':
      case 'stopGradient':
        return [given[0]!];
      case 'full': {
        const value = nodes.map((n) => n.attrs.value as number | bigint);
        return [new Entry({ kind: 'full', value }, out!.shapes, out!.dtype)];
      }
      case 'expand': {
        const source = given[0]!;
        if (source.form.kind === 'full') return [new Entry(source.form, out!.shapes, out!.dtype)];
        const root = source.form.kind === 'expand' ? source.form.source : source;
        return [new Entry({ kind: 'expand', source: root }, out!.shapes, out!.dtype)];
      }
      case 'reshape':
        // A number repeated in another shape is still that number.
        if (given[0]!.form.kind === 'full') {
          return [new Entry(given[0]!.form, out!.shapes, out!.dtype)];
        }
        break;
      case 'cast':
        if (given[0]!.form.kind === 'full') {
          const { value } = given[0]!.form;
          return [
            new Entry(
              { kind: 'full', value: castNumbers(value, out!.dtype) },
              out!.shapes,
              out!.dtype,
            ),
          ];
        }
        break;
      case 'iota':
        return [
          this.iota(
            nodes.map((n) => n.attrs.length as number),
            out!.dtype,
          ),
        ];
      case 'scan':
        return writeScan(this, nodes, given, outputs, path);
    }
    const written = this.#byMapping(nodes, given, outputs, path, keep);
    if (written !== undefined) return written;
    if (node.op.expand === undefined) {
      throw new OnnxExportError(`has no ONNX form at opset ${this.context.opset}`, {
        op: node.op.name,
        path,
      });
    }
    const bodies = nodes.map((n, t) =>
      n.op.expand!(
        given.map((entry): Aval => ({ shape: entry.shapes[t]!, dtype: entry.dtype })),
        n.attrs,
      ),
    );
    return this.run(bodies, given, path);
  }

  #byMapping(
    nodes: readonly GraphNode[],
    given: readonly Entry[],
    outputs: readonly { shapes: readonly Shape[]; dtype: DType }[],
    path: string,
    keep: boolean,
  ): Entry[] | undefined {
    const [node] = nodes as [GraphNode, ...GraphNode[]];
    const { opset } = this.context;
    if (node.op.onnx === undefined || node.op.onnx.since > opset) return undefined;
    const inputs = broadcasting.has(node.op.name)
      ? this.#broadcastNames(given, outputs[0]!.shapes)
      : given.map((entry) => this.name(entry));
    const recordings: Recording[] = [];
    for (const [t, n] of nodes.entries()) {
      const inputAvals = given.map((entry): Aval => ({
        shape: entry.shapes[t]!,
        dtype: entry.dtype,
      }));
      const outputAvals = outputs.map(({ shapes, dtype }): Aval => ({ shape: shapes[t]!, dtype }));
      const attrs = keep ? { ...n.attrs, keepdim: true } : n.attrs;
      const recording = record(n.op, attrs, opset, inputs, inputAvals, outputAvals);
      if (recording === undefined) return undefined;
      recordings.push(recording);
    }
    if (!agree(recordings) || !this.#canFollow(recordings)) return undefined;
    const names = this.#write(recordings, given, path);
    return outputs.map(({ shapes, dtype }, i) => {
      this.context.follower.register(names[i]!, shapes);
      return new Entry({ kind: 'written', name: names[i]! }, shapes, dtype);
    });
  }

  /** Names of operands before their broadcast, as many as the result's shape allows. */
  #broadcastNames(given: readonly Entry[], shapes: readonly Shape[]): string[] {
    const spread = given.map(
      (entry) => entry.form.kind !== 'written' && entry.written === undefined,
    );
    const shapeAt = (entry: Entry, k: number, t: number): Shape => {
      if (!spread[k]) return entry.shapes[t]!;
      if (entry.form.kind === 'full') return [];
      return entry.form.kind === 'expand' ? entry.form.source.shapes[t]! : entry.shapes[t]!;
    };
    const fits = () =>
      shapes.every((shape, t) =>
        sameShape(
          broadcastShapes('export', ...given.map((entry, k) => shapeAt(entry, k, t))),
          shape,
        ),
      );
    for (let k = 0; !fits() && k < spread.length; k++) spread[k] = false;
    return given.map((entry, k) => {
      if (!spread[k]) return this.name(entry);
      if (entry.form.kind === 'expand') return this.name(entry.form.source);
      return entry.form.kind === 'full'
        ? this.#scalar(entry.form.value, entry.dtype)
        : this.name(entry);
    });
  }

  /** The value's name, writing it now if that was put off. */
  name(entry: Entry): string {
    if (entry.written !== undefined) return entry.written;
    const { form } = entry;
    if (form.kind === 'expand') {
      const target = this.#list(
        entry.shapes[0]!.map((_, axis) => entry.shapes.map((s) => s[axis]!)),
      );
      const source = this.name(form.source);
      entry.written = this.context.writer.node('Expand', '', [source, target], [], 1)[0]!;
    } else if (form.kind === 'full') entry.written = this.#full(entry, form.value);
    this.context.follower.register(entry.written!, entry.shapes);
    return entry.written!;
  }

  #full(entry: Entry, value: readonly (number | bigint)[]): string {
    const { shapes, dtype } = entry;
    const { writer } = this.context;
    const fixedShape = shapes.every((shape) => sameShape(shape, shapes[0]!));
    const fixedValue = value.every((v) => Object.is(v, value[0]));
    const size = shapes[0]!.reduce((n, dim) => n * dim, 1);
    if (shapes[0]!.length === 0) return this.#scalar(value, dtype);
    if (fixedShape && fixedValue && size <= 16) {
      return writer.constant(new Array<number | bigint>(size).fill(value[0]!), shapes[0]!, dtype);
    }
    const target = this.#list(shapes[0]!.map((_, axis) => shapes.map((s) => s[axis]!)));
    if (!fixedValue) {
      return writer.node('Expand', '', [this.#scalar(value, dtype), target], [], 1)[0]!;
    }
    const data = convert([value[0]!], dtype);
    const tensor = { dtype, shape: [1], data } as TensorData;
    const attribute = makeAttribute('value', { type: 'tensor', value: tensorToProto(tensor) });
    return writer.node('ConstantOfShape', '', [target], [attribute], 1)[0]!;
  }

  #list(numbers: readonly Varying[]): string {
    return this.context.follower.list(numbers) ?? this.#lost(numbers.find((v) => !isFixed(v))!);
  }

  #lost(v: Varying): never {
    throw new OnnxExportError(
      `a size that is ${v.join(' or ')} at different dynamic sizes follows none of them`,
      { op: 'export' },
    );
  }

  /** A number, which may follow dynamic sizes: the count that a mean divides by, say. */
  #scalar(value: readonly (number | bigint)[], dtype: DType): string {
    const { writer, follower } = this.context;
    if (value.every((v) => Object.is(v, value[0]))) return writer.constant([value[0]!], [], dtype);
    const numbers = value.map(Number);
    const direct = follower.size(numbers);
    const inverse =
      direct === undefined ? follower.size(numbers.map((x) => Math.round(1 / x))) : undefined;
    const size = direct ?? inverse ?? this.#lost(numbers);
    const flat = writer.node(
      'Reshape',
      'shape',
      [size, writer.constant([], [0], 'int64')],
      [],
      1,
    )[0]!;
    const cast =
      dtype === 'int64'
        ? flat
        : writer.node('Cast', 'shape', [flat], attributesOf({ to: DataType[dtype] }), 1)[0]!;
    return direct === undefined ? writer.node('Reciprocal', 'shape', [cast], [], 1)[0]! : cast;
  }

  /** 0, 1, ... as a value; the length may follow dynamic sizes. */
  iota(lengths: Varying, dtype: DType): Entry {
    const { writer, follower } = this.context;
    const shapes = lengths.map((n) => [n]);
    if (isFixed(lengths)) {
      const values = Array.from({ length: lengths[0]! }, (_, i) => i);
      const name = writer.constant(values, [lengths[0]!], dtype, 'range');
      return new Entry({ kind: 'written', name }, shapes, dtype);
    }
    const bound = this.#scalar(lengths, 'int64');
    const [zero, one] = [writer.constant([0], [], 'int64'), writer.constant([1], [], 'int64')];
    let [name] = writer.node('Range', '', [zero, bound, one], [], 1);
    if (dtype !== 'int64') {
      [name] = writer.node('Cast', '', [name!], attributesOf({ to: dtypeNumber(dtype) }), 1);
    }
    follower.register(name!, shapes);
    return new Entry({ kind: 'written', name: name! }, shapes, dtype);
  }

  /** Whether every number that differs between the traces can be computed from known sizes. */
  #canFollow(recordings: readonly Recording[]): boolean {
    return recordings[0]!.steps.every((step, k) => {
      if (step.kind !== 'list') return true;
      const lists = recordings.map((r) => (r.steps[k] as typeof step).values);
      return step.values.every((_, i) =>
        this.context.follower.follows(lists.map((list) => list[i]!)),
      );
    });
  }

  #write(recordings: readonly Recording[], given: readonly Entry[], path: string): string[] {
    const { writer } = this.context;
    const [base] = recordings as [Recording, ...Recording[]];
    const names = new Map<string, string>();
    const lists = new Map<string, { numbers: Varying[]; shape: Shape | undefined }>();
    const resolve = (token: string): string => {
      if (!isToken(token)) return token;
      const known = names.get(token);
      if (known !== undefined) return known;
      const { numbers, shape } = lists.get(token)!;
      const name = shape?.length === 0 ? this.#scalar(numbers[0]!, 'int64') : this.#list(numbers);
      names.set(token, name);
      return name;
    };
    base.steps.forEach((step, k) => {
      if (step.kind === 'list') {
        const each = recordings.map((r) => (r.steps[k] as typeof step).values);
        const numbers = step.values.map((_, i) => each.map((list) => list[i]!));
        lists.set(step.token, { numbers, shape: step.shape });
      } else if (step.kind === 'scalar') {
        const value = recordings.map((r) => (r.steps[k] as typeof step).value);
        names.set(step.token, this.#scalar(value, step.dtype));
      } else {
        const target = lists.get(step.inputs[1] ?? '');
        const source = given.find((entry) => entry.written === step.inputs[0]);
        const inputs =
          step.op === 'Reshape' && target !== undefined
            ? [resolve(step.inputs[0]!), this.#reshapeTarget(target.numbers, source)]
            : step.inputs.map(resolve);
        // A 0 in a target means "as in the input" unless this says otherwise.
        const empty = step.op === 'Reshape' && target?.numbers.some((v) => v.includes(0));
        const attrs = empty === true ? { ...step.attrs, allowzero: 1 } : step.attrs;
        const made = writer.node(step.op, path, inputs, attributesOf(attrs), step.outputs.length);
        step.outputs.forEach((token, i) => names.set(token, made[i]!));
      }
    });
    return base.outputs.map(resolve);
  }

  /** With 0 for sizes copied from the input and -1 for one that follows, nothing has to be computed. */
  #reshapeTarget(numbers: readonly Varying[], source: Entry | undefined): string {
    const open: number[] = [];
    const dims = numbers.map((v, axis) => {
      if (isFixed(v)) return v[0]!;
      const same = source?.shapes.every((shape, t) => shape[axis] === v[t]) ?? false;
      if (same) return 0;
      open.push(axis);
      return -1;
    });
    const empty = numbers.some((v) => v.includes(0));
    if (open.length > 1 || empty) return this.#list(numbers);
    return this.context.writer.constant(dims, [dims.length], 'int64');
  }
}

function castNumbers(value: readonly (number | bigint)[], dtype: DType): (number | bigint)[] {
  const { big, kind } = dtypeInfo(dtype);
  return value.map((v) => {
    if (kind === 'bool') return Number(v) !== 0 ? 1 : 0;
    if (kind === 'float') return Number(v);
    return big ? BigInt(typeof v === 'bigint' ? v : Math.trunc(v)) : Math.trunc(Number(v));
  });
}

function countUses(graph: Graph): (readonly GraphNode[])[] {
  const uses: GraphNode[][] = [];
  for (const node of graph.nodes) {
    for (const id of node.inputs) (uses[id] ??= []).push(node);
  }
  return uses;
}

function requireSameStructure(graphs: readonly Graph[]): void {
  const [base, ...rest] = graphs as [Graph, ...Graph[]];
  for (const other of rest) {
    base.nodes.forEach((node, i) => {
      const twin = other.nodes[i];
      const same =
        twin !== undefined &&
        twin.op === node.op &&
        sameShape(twin.inputs, node.inputs) &&
        sameShape(twin.outputs, node.outputs);
      if (!same) {
        throw new OnnxExportError(
          'the computation itself changes with the dynamic sizes, so one graph cannot stand for all',
          { op: node.op.name, path: node.path },
        );
      }
    });
    if (other.nodes.length !== base.nodes.length) {
      throw new OnnxExportError('the computation itself changes with the dynamic sizes', {
        op: 'export',
      });
    }
  }
}
