/**
 * 8-bit codes in the QDQ form: what enters a product is quantised and dequantised again, by ranges that
 * calibration found. Runtimes fuse the three into integer arithmetic; others compute what that would give.
 * Jacob et al. 2018, arXiv:1712.05877.
 */
import type { TensorData } from '../codec/tensor.ts';
import type { GraphProto } from '../codec/types.ts';
import { GraphEdit } from '../convert/edit.ts';
import type { Range } from './calibrate.ts';
import type { Edited, EditOptions } from './dynamic.ts';
import { productOf } from './products.ts';
import { quantizeInt8, roundHalfEven } from './weights.ts';

/** `ranges`: of each value that enters a product; see `calibrate`. */
export function quantizeStatic(
  source: GraphProto,
  ranges: ReadonlyMap<string, Range>,
  { perChannel = true, exclude = [] }: EditOptions = {},
): Edited {
  const edit = new GraphEdit(source);
  const inputs = new Map<string, { readonly name: string; readonly scale: number }>();
  let changed = 0;
  for (const node of source.node) {
    const product = exclude.includes(node.name ?? '') ? undefined : productOf(edit, node);
    const range = product === undefined ? undefined : ranges.get(product.input);
    if (product === undefined || range === undefined) {
      edit.keep(node);
      continue;
    }
    changed += 1;
    const { weight, weightName, axis } = product;
    let input = inputs.get(product.input);
    if (input === undefined)
      inputs.set(product.input, (input = roundTrip(edit, product.input, range)));
    const quantized = quantizeInt8(weight, perChannel ? axis : undefined);
    const given = [
      edit.initializer(`${weightName}_quantized`, quantized.codes),
      edit.initializer(`${weightName}_scale`, quantized.scale),
      edit.initializer(`${weightName}_zero`, quantized.zero),
    ];
    const attributes: Record<string, number> = perChannel ? { axis } : {};
    const [restored] = edit.add('DequantizeLinear', given, 1, { attributes });
    const scales = quantized.scale.data as Float32Array;
    const bias = quantizedBias(edit, product.bias, input.scale, scales);
    edit.keep({ ...node, input: [input.name, restored!, ...(bias === '' ? [] : [bias])] });
  }
  return { graph: edit.result(), changed };
}

/** Scale and zero point of a range as uint8; zero itself is always met. */
export function unsignedScale({ low, high }: Range): { scale: number; zero: number } {
  const [from, to] = [Math.min(0, low), Math.max(0, high)];
  const scale = Math.fround((to - from) / 255) || 1;
  return { scale, zero: Math.max(0, Math.min(255, roundHalfEven(-from / scale))) };
}

function roundTrip(edit: GraphEdit, value: string, range: Range): { name: string; scale: number } {
  const { scale, zero } = unsignedScale(range);
  const parameters = [
    edit.initializer(`${value}_scale`, {
      dtype: 'float32',
      shape: [],
      data: Float32Array.of(scale),
    }),
    edit.initializer(`${value}_zero`, { dtype: 'uint8', shape: [], data: Uint8Array.of(zero) }),
  ];
  const [codes] = edit.add('QuantizeLinear', [value, ...parameters]);
  const [name] = edit.add('DequantizeLinear', [codes!, ...parameters]);
  return { name: name!, scale };
}

/** A bias of one axis in 32 bits, at the scale of the products that it is added to. */
function quantizedBias(
  edit: GraphEdit,
  bias: string,
  inputScale: number,
  weightScales: Float32Array,
): string {
  if (bias === '') return '';
  const tensor = edit.constant(bias);
  if (tensor?.dtype !== 'float32' || tensor.shape.length !== 1) return bias;
  const [count] = tensor.shape as [number];
  if (weightScales.length !== 1 && weightScales.length !== count) return bias;
  const scale = Float32Array.from({ length: count }, (_, i) => {
    return inputScale * weightScales[weightScales.length === 1 ? 0 : i]!;
  });
  const codes = Int32Array.from(tensor.data, (value, i) => {
    return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, roundHalfEven(value / scale[i]!)));
  });
  const shape = [count];
  const of = (part: string, value: TensorData): string =>
    edit.initializer(`${bias}_${part}`, value);
  const [restored] = edit.add(
    'DequantizeLinear',
    [
      of('quantized', { dtype: 'int32', shape, data: codes }),
      of('scale', { dtype: 'float32', shape, data: scale }),
      of('zero', { dtype: 'int32', shape, data: new Int32Array(count) }),
    ],
    1,
    { attributes: { axis: 0 } },
  );
  return restored!;
}
