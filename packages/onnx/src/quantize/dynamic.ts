/**
 * 8-bit arithmetic with scales of activations found as they come: DynamicQuantizeLinear before, MatMulInteger
 * or ConvInteger, scales after.
 */
import type { GraphProto } from '../codec/types.ts';
import { GraphEdit } from '../convert/edit.ts';
import type { AttributeInput } from '../codec/build.ts';
import { Attributes } from '../import/attributes.ts';
import { productOf, transposed } from './products.ts';
import type { Product } from './products.ts';
import { quantizeInt8 } from './weights.ts';

export interface EditOptions {
  /** A scale for each output channel of a weight; default true. */
  readonly perChannel?: boolean;
  /** Names of nodes that stay as they are. */
  readonly exclude?: readonly string[];
}

export interface Edited {
  readonly graph: GraphProto;
  /** Nodes that were replaced. */
  readonly changed: number;
}

export function quantizeDynamic(
  source: GraphProto,
  { perChannel = true, exclude = [] }: EditOptions = {},
): Edited {
  const edit = new GraphEdit(source);
  const inputs = new Map<string, string[]>();
  let changed = 0;
  for (const node of source.node) {
    const product = exclude.includes(node.name ?? '') ? undefined : productOf(edit, node);
    if (product === undefined) {
      edit.keep(node);
      continue;
    }
    changed += 1;
    let input = inputs.get(product.input);
    if (input === undefined) {
      input = edit.add('DynamicQuantizeLinear', [product.input], 3);
      inputs.set(product.input, input);
    }
    if (product.kind === 'Conv') convolution(edit, product, input, perChannel);
    else matrixProduct(edit, product, input, perChannel);
  }
  return { graph: edit.result(), changed };
}

function matrixProduct(
  edit: GraphEdit,
  { node, weight, weightName, bias, byRow }: Product,
  input: readonly string[],
  perChannel: boolean,
): void {
  const [codes, scale, zero] = input as [string, string, string];
  const quantized = quantizeInt8(byRow ? transposed(weight) : weight, perChannel ? 1 : undefined);
  const matrix = edit.initializer(`${weightName}_quantized`, quantized.codes);
  const weightScale = edit.initializer(`${weightName}_scale`, quantized.scale);
  const [total] = edit.add('MatMulInteger', [codes, matrix, zero]);
  scaled(edit, node.output[0]!, total!, edit.add('Mul', [scale, weightScale])[0]!, bias);
}

function convolution(
  edit: GraphEdit,
  { node, weight, weightName, bias }: Product,
  input: readonly string[],
  perChannel: boolean,
): void {
  const [codes, scale, zero] = input as [string, string, string];
  // ONNX Runtime's ConvInteger multiplies unsigned codes only.
  const quantized = quantizeInt8(weight, perChannel ? 0 : undefined, { unsigned: true });
  const kernel = edit.initializer(`${weightName}_quantized`, quantized.codes);
  const kernelZero = edit.numbers([128], 'uint8', []);
  const spatial = new Array<number>(weight.shape.length - 2).fill(1);
  const shape = perChannel ? [weight.shape[0]!, ...spatial] : [];
  const weightScale = edit.initializer(`${weightName}_scale`, { ...quantized.scale, shape });
  const [total] = edit.add('ConvInteger', [codes, kernel, zero, kernelZero], 1, {
    attributes: attributesOf(new Attributes('Conv', node.attribute)),
  });
  const factor = edit.add('Mul', [scale, weightScale])[0]!;
  if (bias === '') return scaled(edit, node.output[0]!, total!, factor, '');
  const size = edit.numbers([-1, ...spatial], 'int64');
  scaled(edit, node.output[0]!, total!, factor, edit.add('Reshape', [bias, size])[0]!);
}

/** What Conv and ConvInteger have in common. */
function attributesOf(attr: Attributes): Record<string, AttributeInput> {
  const result: Record<string, AttributeInput> = {};
  for (const name of ['dilations', 'kernel_shape', 'pads', 'strides']) {
    const list = attr.ints(name);
    if (list !== undefined) result[name] = list;
  }
  if (attr.has('group')) result['group'] = attr.int('group');
  if (attr.has('auto_pad')) result['auto_pad'] = attr.string('auto_pad');
  return result;
}

function scaled(
  edit: GraphEdit,
  output: string,
  total: string,
  factor: string,
  bias: string,
): void {
  const [wide] = edit.add('Cast', [total], 1, { attributes: { to: 1 } });
  if (bias === '') edit.add('Mul', [wide!, factor], [output]);
  else edit.add('Add', [edit.add('Mul', [wide!, factor])[0]!, bias], [output]);
}
