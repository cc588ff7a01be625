/** A model that was dropped on the page: what is in it, its drawing, its runs. */
import { boxesOf, drawing } from '@hebb/cli/graph';
import type { Box, Wire } from '@hebb/cli/graph';
import { cpu } from '@hebb/backend-cpu';
import { HebbError, decode, isDType, withBackend } from '@hebb/core';
import type { HostArray } from '@hebb/core';
import {
  OnnxFormatError,
  OnnxModel,
  decodeModel,
  formatType,
  inspectOnnx,
  isExternal,
  isTensor,
  profileOnnx,
  tensorFromProto,
} from '@hebb/onnx';
import type {
  ExternalResolver,
  ModelProto,
  NodeProto,
  OnnxValue,
  TensorData,
  ValueType,
} from '@hebb/onnx';
import { inputValue } from './inputs.ts';
import { histogramOf, statsOf } from './numbers.ts';
import { drawnAtOnce, mostBytes } from './settings.ts';
import type {
  InputChoice,
  ModelInfo,
  NodeRow,
  OutputRow,
  ProfileResult,
  RunResult,
  WeightRow,
} from './settings.ts';

export interface GivenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Weights whose numbers are looked at, and how many of these. */
const [countedWeights, countedNumbers] = [200, 200_000];

const plural = (n: number, what: string): string =>
  `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

/** @throws Error that says what the file is instead of a model. */
function decodeFile({ name, bytes }: GivenFile): ModelProto {
  if (bytes.length > mostBytes) {
    throw new Error(
      `${name} has ${Math.round(bytes.length / 1e6)} MB: models up to ${mostBytes / 1e6} MB are opened here. ` +
        'The command `hebb inspect` opens larger ones.',
    );
  }
  let proto: ModelProto;
  try {
    proto = decodeModel(bytes);
  } catch (error) {
    if (!(error instanceof OnnxFormatError)) throw error;
    throw new Error(
      `${name} is no ONNX model, or a damaged one. Choose a file that ends in .onnx.\n${error.message}`,
      {
        cause: error,
      },
    );
  }
  if (proto.graph === undefined || proto.graph.node.length + proto.graph.output.length === 0) {
    throw new Error(
      `${name} is no ONNX model: there is no graph in it. Choose a file that ends in .onnx.`,
    );
  }
  return proto;
}

/** Gives the bytes of files that were dropped beside the model. */
function resolverOf(files: readonly GivenFile[]): ExternalResolver {
  return (location, offset, length) => {
    const last = location.split('/').at(-1);
    const file = files.find(({ name }) => name === last);
    if (file === undefined) {
      throw new Error(
        `The model keeps weights in the file ${last}: drop it together with the model.`,
      );
    }
    if (offset + length > file.bytes.length) {
      throw new Error(`The file ${last} is too short for the weights that the model seeks in it.`);
    }
    return file.bytes.subarray(offset, offset + length);
  };
}

export class Opened {
  readonly info: ModelInfo;
  /** Nodes that are boxes, in their order there. */
  readonly #nodes: readonly NodeProto[];
  readonly #model: OnnxModel | undefined;
  readonly #boxes: readonly Box[];
  readonly #wires: readonly Wire[];

  private constructor(
    proto: ModelProto,
    model: OnnxModel | undefined,
    info: Omit<ModelInfo, 'nodes'>,
    types: ReadonlyMap<string, ValueType>,
  ) {
    this.#nodes = (proto.graph?.node ?? []).filter(({ opType }) => opType !== 'Constant');
    this.#model = model;
    const { boxes, wires } = boxesOf(proto, types);
    this.#boxes = boxes;
    this.#wires = wires;
    this.info = { ...info, nodes: this.#rows(types) };
  }

  static async open(file: GivenFile, others: readonly GivenFile[]): Promise<Opened> {
    const proto = decodeFile(file);
    const common = { file: file.name, fileBytes: file.bytes.length };
    const resolve = resolverOf(others);
    let model: OnnxModel;
    try {
      model = new OnnxModel(proto, { resolve });
    } catch (error) {
      return new Opened(
        proto,
        undefined,
        { ...common, ...plainInfo(proto), problem: sentence(error) },
        new Map(),
      );
    }
    // Constants that decide shapes may have to be computed, and at once: the interpreter can.
    const report = await withBackend(cpu(), () => inspectOnnx(model));
    const types = new Map(
      [...report.inputs, ...report.outputs, ...report.values].map((type) => [type.name, type]),
    );
    const { name, producer, opset, inputs, outputs, parameters, parameterBytes, note } = report;
    const info = {
      ...common,
      ...{ name, producer, opset, inputs, outputs, parameters, parameterBytes },
      operators: Object.entries(report.operators),
      ...(report.multiplyAdds === undefined ? {} : { multiplyAdds: report.multiplyAdds }),
      ...(report.peakMemory === undefined ? {} : { peakMemory: report.peakMemory }),
      ...(note === undefined ? {} : { problem: `There are no estimates: ${note}` }),
      weights: weightsOf(proto, resolve),
      runs: true,
    };
    return new Opened(proto, model, info, types);
  }

  #rows(types: ReadonlyMap<string, ValueType>): NodeRow[] {
    const details = new Map(this.#boxes.map(({ id, detail }) => [id, detail]));
    return this.#nodes.map(({ opType = '?', name = '', output }, i) => {
      const makes = output.filter((value) => value !== '');
      return {
        id: `node:${i}`,
        operator: opType,
        name: name || (makes[0] ?? ''),
        makes: makes
          .map((value) => {
            const type = types.get(value);
            return type === undefined ? value : formatType(type);
          })
          .join(', '),
        detail: details.get(`node:${i}`) ?? '',
      };
    });
  }

  /**
   * Draws `drawnAtOnce` boxes from one on. What leads out of them ends in a box that says so.
   */
  draw(from: number): { svg: string; from: number; to: number; total: number } {
    const total = this.#boxes.length;
    const to = Math.min(total, from + drawnAtOnce);
    const boxes = this.#boxes.slice(from, to);
    const inside = new Set(boxes.map(({ id }) => id));
    const elsewhere = new Map<string, Box>();
    const wires = this.#wires.filter((wire) => inside.has(wire.from) || inside.has(wire.to));
    for (const { from: a, to: b, label } of wires) {
      for (const [id, title] of [
        [a, 'from before'],
        [b, 'to what follows'],
      ] as const) {
        if (inside.has(id) || elsewhere.has(id)) continue;
        elsewhere.set(id, {
          id,
          kind: 'elsewhere',
          title,
          lines: label === '' ? [] : [label],
          detail: id,
        });
      }
    }
    return { svg: drawing([...boxes, ...elsewhere.values()], wires), from, to, total };
  }

  async run(choices: readonly InputChoice[], seed: number): Promise<RunResult> {
    const model = this.#runnable();
    const inputs = this.#inputs(model, choices, seed);
    const times: number[] = [];
    let outputs: Readonly<Record<string, OnnxValue>> = {};
    const begun = performance.now();
    // A slow model runs fewer times.
    while (times.length < 4 && (times.length < 1 || performance.now() - begun < 3000)) {
      const started = performance.now();
      outputs = await model.runValues(inputs);
      times.push(performance.now() - started);
    }
    const later = times.length > 1 ? times.slice(1) : times;
    return {
      outputs: Object.entries(outputs).map(([name, value]) => summary(name, value)),
      first: times[0]!,
      median: later.toSorted((a, b) => a - b)[later.length >> 1]!,
    };
  }

  async profile(
    choices: readonly InputChoice[],
    seed: number,
    signal: AbortSignal,
    onProgress: (share: number) => void,
  ): Promise<ProfileResult> {
    const model = this.#runnable();
    const found = await profileOnnx(model, this.#inputs(model, choices, seed), {
      runs: 3,
      signal,
      onProgress,
    });
    const ids = new Map(
      this.#nodes.flatMap(({ output }, i) => output.map((name) => [name, `node:${i}`] as const)),
    );
    return {
      rows: found.nodes.map(({ operator, node, outputs, shapes, ms }) => ({
        id: ids.get(outputs[0] ?? ''),
        operator,
        node,
        shapes: shapes.map((shape) => `[${shape.join(',')}]`).join(', '),
        ms,
      })),
      ms: found.ms,
      fused: found.fused,
    };
  }

  #runnable(): OnnxModel {
    if (this.#model === undefined) throw new Error(this.info.problem ?? 'This model cannot run.');
    return this.#model;
  }

  #inputs(
    model: OnnxModel,
    choices: readonly InputChoice[],
    seed: number,
  ): Record<string, OnnxValue> {
    const types = new Map(model.inputs.map((type) => [type.name, type]));
    return Object.fromEntries(
      choices.map((choice, i) => [
        choice.name,
        inputValue(types.get(choice.name)!, choice, seed + i),
      ]),
    );
  }
}

/** What can be said of a model that the library cannot run. */
function plainInfo(proto: ModelProto): Omit<ModelInfo, 'nodes' | 'file' | 'fileBytes'> {
  const { graph } = proto;
  const counts = new Map<string, number>();
  for (const { opType = '?' } of graph?.node ?? [])
    counts.set(opType, (counts.get(opType) ?? 0) + 1);
  const weights = weightsOf(proto, () => {
    throw new Error('not looked at');
  });
  return {
    name: graph?.name ?? '',
    producer: [proto.producerName, proto.producerVersion].filter(Boolean).join(' '),
    opset: proto.opsetImport[0]?.version ?? 0,
    inputs: (graph?.input ?? []).map(({ name = '' }) => ({ name, kind: 'unknown' })),
    outputs: (graph?.output ?? []).map(({ name = '' }) => ({ name, kind: 'unknown' })),
    operators: [...counts].sort((a, b) => b[1] - a[1]),
    parameters: 0,
    parameterBytes: weights.reduce((sum, { bytes }) => sum + bytes, 0),
    weights,
    runs: false,
  };
}

function sentence(error: unknown): string {
  if (!(error instanceof HebbError) && !(error instanceof Error)) return String(error);
  return error instanceof HebbError
    ? `The graph can be looked at, but not run: ${error.message}`
    : error.message;
}

/** The largest first. */
function weightsOf(proto: ModelProto, resolve: ExternalResolver): WeightRow[] {
  const all = (proto.graph?.initializer ?? []).toSorted(
    (a, b) => b.dims.reduce((n, d) => n * d, 1) - a.dims.reduce((n, d) => n * d, 1),
  );
  return all.map((tensor, i): WeightRow => {
    const plain = { name: tensor.name ?? '', shape: `[${tensor.dims.join(',')}]` };
    try {
      const { dtype, data } = tensorFromProto(tensor, { resolve });
      const bytes = ArrayBuffer.isView(data) ? data.byteLength : 0;
      if (i >= countedWeights || !isDType(dtype) || !ArrayBuffer.isView(data)) {
        return { ...plain, dtype, bytes };
      }
      const { stats } = statsOf(decode(data as HostArray, dtype), countedNumbers);
      return { ...plain, dtype, bytes, ...(stats === undefined ? {} : { stats }) };
    } catch {
      return { ...plain, dtype: isExternal(tensor) ? 'in another file' : '?', bytes: 0 };
    }
  });
}

const number = (x: number | bigint): string =>
  typeof x === 'bigint' ? String(x) : String(Number(x.toPrecision(5)));

function summary(name: string, value: OnnxValue): OutputRow {
  if (!isTensor(value)) return { name, type: value.kind, notFinite: 0, values: describe(value) };
  const { dtype, shape, data } = value as TensorData;
  const type = `${dtype}[${shape.join(',')}]`;
  if (!isDType(dtype)) {
    return {
      name,
      type,
      notFinite: 0,
      values: Array.from(data as ArrayLike<unknown>)
        .slice(0, 12)
        .join(' '),
    };
  }
  const numbers = decode(data as HostArray, dtype);
  const { stats, notFinite } = statsOf(numbers);
  const values = Array.from(numbers.slice(0, 12) as ArrayLike<number | bigint>, number).join('  ');
  return {
    name,
    type,
    values: numbers.length > 12 ? `${values} …` : values,
    ...(stats ?? {}),
    notFinite,
    ...(stats === undefined || numbers.length < 2
      ? {}
      : { histogram: histogramOf(numbers, stats) }),
  };
}

function describe(value: Exclude<OnnxValue, TensorData>): string {
  if (value.kind === 'sequence') return plural(value.items.length, 'item');
  return value.kind;
}
