/** Smaller models: weights, or weights and arithmetic, in fewer bits. */
import type { TensorData } from '../codec/tensor.ts';
import type { ModelProto } from '../codec/types.ts';
import { foldModelConstants } from '../convert/fold.ts';
import { upgradeToOpset13 } from '../convert/upgrade.ts';
import { OnnxImportError } from '../import/error.ts';
import { calibrate } from './calibrate.ts';
import type { CalibrateOptions } from './calibrate.ts';
import { quantizeDynamic } from './dynamic.ts';
import type { EditOptions, Edited } from './dynamic.ts';
import { narrowToFloat16, quantizeWeights4 } from './narrow-weights.ts';
import type { Int4Options } from './narrow-weights.ts';
import { quantizeStatic } from './static.ts';

/**
 * - `dynamic`: 8 bits, ranges of activations found at each run; nothing to prepare
 * - `static`: 8 bits, ranges found beforehand on examples
 * - `float16`: weights in half precision
 * - `int4`: matrices in four bits
 */
export const quantizeModes = ['dynamic', 'static', 'float16', 'int4'] as const;
export type QuantizeMode = (typeof quantizeModes)[number];

export interface QuantizeOptions extends EditOptions, Int4Options, CalibrateOptions {
  readonly mode: QuantizeMode;
  /** Examples for `static`: inputs by name. */
  readonly examples?: Iterable<Readonly<Record<string, TensorData>>>;
}

export interface Quantized {
  readonly model: ModelProto;
  /** Nodes (`float16`: tensors) that were changed. */
  readonly changed: number;
}

/**
 * The model with products of constants in fewer bits. Constants are worked out first, on the current
 * backend; models before opset 13 are brought there.
 * @throws OnnxImportError for `static` without examples, and where nothing could be changed.
 */
export async function quantizeOnnx(
  source: ModelProto,
  options: QuantizeOptions,
): Promise<Quantized> {
  const model = upgradeToOpset13(await foldModelConstants(source));
  const { graph, changed } = await edited(model, options);
  if (changed === 0) fault(`the model has nothing that ${options.mode} quantisation changes`);
  const domains = new Set(model.opsetImport.map(({ domain = '' }) => domain));
  const more =
    options.mode === 'int4' && !domains.has('com.microsoft')
      ? [{ domain: 'com.microsoft', version: 1 }]
      : [];
  return {
    changed,
    // Declared types of intermediate values may no longer hold.
    model: {
      ...model,
      opsetImport: [...model.opsetImport, ...more],
      graph: { ...graph, valueInfo: [] },
    },
  };
}

async function edited(model: ModelProto, options: QuantizeOptions): Promise<Edited> {
  const graph = model.graph ?? fault('the model has no graph');
  switch (options.mode) {
    case 'dynamic':
      return quantizeDynamic(graph, options);
    case 'static': {
      if (options.examples === undefined) fault('static quantisation needs examples');
      const ranges = await calibrate(model, options.examples, options);
      if (ranges.size === 0) fault('static quantisation needs examples: there was none');
      return quantizeStatic(graph, ranges, options);
    }
    case 'float16':
      return narrowToFloat16(graph);
    case 'int4':
      return quantizeWeights4(graph, options);
  }
}

function fault(message: string): never {
  throw new OnnxImportError('invalid', message, { op: 'quantize' });
}
