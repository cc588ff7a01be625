/** Attributes of nodes as JavaScript values. */
import { AttributeType } from './dtypes.ts';
import { OnnxFormatError } from './errors.ts';
import type { AttributeProto, GraphProto, SparseTensorProto } from './types.ts';
import type { TensorProto, TypeProto } from './types.ts';

/** An attribute's value with its kind, after {@link AttributeType}. */
export type AttributeValue =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: TensorProto }
  | { readonly type: 'graph'; readonly value: GraphProto }
  | { readonly type: 'sparse_tensor'; readonly value: SparseTensorProto }
  | { readonly type: 'type_proto'; readonly value: TypeProto }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'ints'; readonly value: readonly bigint[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensors'; readonly value: readonly TensorProto[] }
  | { readonly type: 'graphs'; readonly value: readonly GraphProto[] }
  | { readonly type: 'sparse_tensors'; readonly value: readonly SparseTensorProto[] }
  | { readonly type: 'type_protos'; readonly value: readonly TypeProto[] };

/**
 * The value of an attribute. Numbers and strings that the file leaves out are 0 and ''.
 * @throws OnnxFormatError when the attribute has no type, refers to a function's attribute (resolve
 *   that first), or lacks the message that its type promises.
 */
export function attributeValue(attribute: AttributeProto): AttributeValue {
  const utf8 = new TextDecoder();
  const { name = '', refAttrName, type } = attribute;
  if (refAttrName) {
    throw new OnnxFormatError(`attribute ${name}: it refers to attribute ${refAttrName}`);
  }
  const present = <T>(value: T | undefined): T => {
    if (value === undefined) throw new OnnxFormatError(`attribute ${name}: it has no value`);
    return value;
  };
  switch (type) {
    case AttributeType.FLOAT:
      return { type: 'float', value: attribute.f ?? 0 };
    case AttributeType.INT:
      return { type: 'int', value: attribute.i ?? 0n };
    case AttributeType.STRING:
      return { type: 'string', value: utf8.decode(attribute.s ?? new Uint8Array()) };
    case AttributeType.TENSOR:
      return { type: 'tensor', value: present(attribute.t) };
    case AttributeType.GRAPH:
      return { type: 'graph', value: present(attribute.g) };
    case AttributeType.SPARSE_TENSOR:
      return { type: 'sparse_tensor', value: present(attribute.sparseTensor) };
    case AttributeType.TYPE_PROTO:
      return { type: 'type_proto', value: present(attribute.tp) };
    case AttributeType.FLOATS:
      return { type: 'floats', value: attribute.floats };
    case AttributeType.INTS:
      return { type: 'ints', value: attribute.ints };
    case AttributeType.STRINGS:
      return { type: 'strings', value: attribute.strings.map((text) => utf8.decode(text)) };
    case AttributeType.TENSORS:
      return { type: 'tensors', value: attribute.tensors };
    case AttributeType.GRAPHS:
      return { type: 'graphs', value: attribute.graphs };
    case AttributeType.SPARSE_TENSORS:
      return { type: 'sparse_tensors', value: attribute.sparseTensors };
    case AttributeType.TYPE_PROTOS:
      return { type: 'type_protos', value: attribute.typeProtos };
    default:
      throw new OnnxFormatError(`attribute ${name}: unknown attribute type ${type ?? '(none)'}`);
  }
}

const EMPTY = Object.freeze({
  floats: [],
  ints: [],
  strings: [],
  tensors: [],
  graphs: [],
  sparseTensors: [],
  typeProtos: [],
});

/** The attribute `name` with `value`, ready to be written. Integers may be given as numbers. */
export function makeAttribute(
  name: string,
  value:
    | AttributeValue
    | { readonly type: 'int'; readonly value: number }
    | { readonly type: 'ints'; readonly value: readonly number[] },
): AttributeProto {
  const utf8 = new TextEncoder();
  const head = { ...EMPTY, name };
  const T = AttributeType;
  switch (value.type) {
    case 'float':
      return { ...head, type: T.FLOAT, f: value.value };
    case 'int':
      return { ...head, type: T.INT, i: BigInt(value.value) };
    case 'string':
      return { ...head, type: T.STRING, s: utf8.encode(value.value) };
    case 'tensor':
      return { ...head, type: T.TENSOR, t: value.value };
    case 'graph':
      return { ...head, type: T.GRAPH, g: value.value };
    case 'sparse_tensor':
      return { ...head, type: T.SPARSE_TENSOR, sparseTensor: value.value };
    case 'type_proto':
      return { ...head, type: T.TYPE_PROTO, tp: value.value };
    case 'floats':
      return { ...head, type: T.FLOATS, floats: value.value };
    case 'ints':
      return { ...head, type: T.INTS, ints: value.value.map((int) => BigInt(int)) };
    case 'strings':
      return { ...head, type: T.STRINGS, strings: value.value.map((text) => utf8.encode(text)) };
    case 'tensors':
      return { ...head, type: T.TENSORS, tensors: value.value };
    case 'graphs':
      return { ...head, type: T.GRAPHS, graphs: value.value };
    case 'sparse_tensors':
      return { ...head, type: T.SPARSE_TENSORS, sparseTensors: value.value };
    case 'type_protos':
      return { ...head, type: T.TYPE_PROTOS, typeProtos: value.value };
  }
}
