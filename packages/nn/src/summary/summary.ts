/** What a model is made of and what it costs, layer by layer, without computing anything. */
import { capture, fail, isDType, lower, placeholder, sizeOf, treeLeaves } from '@hebb/core';
import type { Aval, DType, Shape, Tensor } from '@hebb/core';
import type { Module } from '../module/module.ts';
import type { Parameter } from '../module/parameter.ts';
import { withMode } from '../module/run.ts';
import { bytesOf, multiplyAddsByPath, peakBytes } from './cost.ts';
import { recordCalls } from './record.ts';
import type { LayerCall } from './record.ts';
import { summaryTable } from './table.ts';

/** A shape (of float32), a shape and dtype, or a tensor, whose values are not looked at. */
export type SummaryInput = Shape | { readonly shape: Shape; readonly dtype?: DType } | Tensor;

export interface SummaryOptions {
  /** Trace in training mode; default false. */
  readonly training?: boolean;
  /** How many levels of layers the table shows; default all. */
  readonly depth?: number;
}

export interface LayerSummary {
  readonly path: string;
  /** The class of the layer. */
  readonly type: string;
  /** Path of the layer that holds it. */
  readonly parent: string;
  /** 0 for the model itself. */
  readonly depth: number;
  readonly calls: number;
  /** Shapes of the tensors that the first call took and gave; none where the layer is not called. */
  readonly inputs: readonly Shape[];
  readonly outputs: readonly Shape[];
  /** Elements of the parameters of this layer and all below, and of those that are not frozen. */
  readonly parameters: number;
  readonly trainable: number;
  /** Multiply-adds of the layer and all below, over all calls. */
  readonly multiplyAdds: number;
}

export interface ModelSummary {
  /** The model first, then its layers in the order of its fields. */
  readonly layers: readonly LayerSummary[];
  /** Elements of all parameters (shared ones once), and of those that are not frozen. */
  readonly parameters: number;
  readonly trainable: number;
  /** Elements of all buffers. */
  readonly buffers: number;
  /** Multiply-adds of matrix products and convolutions for the whole input; element-wise work does not count. */
  readonly multiplyAdds: number;
  readonly inputBytes: number;
  readonly parameterBytes: number;
  readonly bufferBytes: number;
  /** Outputs of all layers that hold no others: about what a training step keeps for its gradients. */
  readonly activationBytes: number;
  /** State and the most intermediate values alive at once in inference; an upper bound, fusion needs less. */
  readonly peakBytes: number;
  /** The table. */
  toString(): string;
}

/**
 * Traces the model at inputs of the given shapes: `console.log(String(summary(model, [1, 3, 224, 224])))`.
 * Several inputs go in a list. Start values of parameters are not computed for it.
 *
 * @throws HebbError what the model throws for such inputs.
 */
export function summary(
  model: Module,
  input: SummaryInput | readonly SummaryInput[],
  { training = false, depth = Infinity }: SummaryOptions = {},
): ModelSummary {
  const args = inputsOf(input).map((aval) => placeholder(aval));
  const forward = model.forward as (...inputs: Tensor[]) => unknown;
  let calls: LayerCall[] = [];
  const { graph } = withMode(model, training, () =>
    capture((...inner: Tensor[]) => {
      const recorded = recordCalls(model, () => forward(...inner));
      ({ calls } = recorded);
      return recorded.result;
    }, args),
  );
  const lowered = lower(graph);
  const counts = multiplyAddsByPath(lowered);
  const places = placesOf(model);
  const layers = [...model.namedModules()].map(([path, module]) =>
    layerSummary(path, module, { ...places.get(module)!, calls, counts }),
  );
  const [parameters, buffers] = [model.parameters(), model.buffers()];
  const total = (list: readonly Aval[], of: (aval: Aval) => number): number =>
    list.reduce((sum, aval) => sum + of(aval), 0);
  const size = ({ shape }: Aval): number => sizeOf(shape);
  const result = {
    layers,
    parameters: total(parameters, size),
    trainable: total(
      parameters.filter(({ requiresGrad }) => requiresGrad),
      size,
    ),
    buffers: total(buffers, size),
    multiplyAdds: [...counts.values()].reduce((a, b) => a + b, 0),
    inputBytes: total(args, bytesOf),
    parameterBytes: total(parameters, bytesOf),
    bufferBytes: total(buffers, bytesOf),
    activationBytes: total(
      calls
        .filter(({ module }) => module.children().length === 0)
        .flatMap(({ output }) => treeLeaves(output)),
      bytesOf,
    ),
    peakBytes: peakBytes(lowered),
  };
  return { ...result, toString: () => summaryTable(result, depth) };
}

function inputsOf(input: SummaryInput | readonly SummaryInput[]): Aval[] {
  const single = !Array.isArray(input) || input.every((item) => typeof item === 'number');
  const list = (single ? [input] : input) as readonly SummaryInput[];
  return list.map((item): Aval => {
    const { shape, dtype = 'float32' } = isShape(item) ? { shape: item } : item;
    if (!isDType(dtype)) fail('summary', 'an input has an unknown dtype', String(dtype));
    if (!Array.isArray(shape) || shape.some((size) => !Number.isSafeInteger(size) || size < 0)) {
      fail('summary', 'an input is no shape', JSON.stringify(shape), '[1, 3, 224, 224], say');
    }
    return { shape, dtype };
  });
}
const isShape = (item: SummaryInput): item is Shape => Array.isArray(item);

interface Place {
  readonly parent: string;
  readonly depth: number;
}

/** Where each module hangs in the tree: a path's dots also come from arrays of modules. */
function placesOf(model: Module): Map<Module, Place> {
  const places = new Map<Module, Place>([[model, { parent: '', depth: 0 }]]);
  for (const [path, module] of model.namedModules()) {
    const { depth } = places.get(module)!;
    for (const child of module.children()) {
      if (!places.has(child)) places.set(child, { parent: path, depth: depth + 1 });
    }
  }
  return places;
}

function layerSummary(
  path: string,
  module: Module,
  {
    parent,
    depth,
    calls: all,
    counts,
  }: Place & {
    readonly calls: readonly LayerCall[];
    readonly counts: ReadonlyMap<string, number>;
  },
): LayerSummary {
  const calls = all.filter((call) => call.module === module);
  const shapes = (values: unknown): Shape[] => treeLeaves(values).map(({ shape }) => shape);
  const parameters = module.parameters();
  const elements = (list: readonly Parameter[]): number =>
    list.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  let work = 0;
  for (const [at, count] of counts) {
    if (path === '' || at === path || at.startsWith(`${path}.`)) work += count;
  }
  return {
    path,
    type: module.constructor.name,
    parent,
    depth,
    calls: calls.length,
    inputs: shapes(calls[0]?.inputs),
    outputs: shapes(calls[0]?.output),
    parameters: elements(parameters),
    trainable: elements(parameters.filter(({ requiresGrad }) => requiresGrad)),
    multiplyAdds: work,
  };
}
