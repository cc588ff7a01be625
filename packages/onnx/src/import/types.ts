/** Types of a model's inputs and outputs, as its author declared them. */
import { dtypeName } from '../codec/dtypes.ts';
import type { OnnxDtype } from '../codec/dtypes.ts';
import type { TypeProto, ValueInfoProto } from '../codec/types.ts';

/** A size, the name of a dynamic one, or null where nothing is said. */
export type Dim = number | string | null;

export interface ValueType {
  readonly name: string;
  readonly kind: 'tensor' | 'sparse' | 'sequence' | 'optional' | 'map' | 'unknown';
  /** Element type of a tensor, or of the tensors in a sequence or optional. */
  readonly dtype?: OnnxDtype;
  /** Missing where even the number of axes is open. */
  readonly shape?: readonly Dim[];
}

export function valueType(info: ValueInfoProto): ValueType {
  return { name: info.name ?? '', ...typeOf(info.type, info.name ?? '') };
}

function typeOf(type: TypeProto | undefined, name: string): Omit<ValueType, 'name'> {
  const tensor = type?.tensorType ?? type?.sparseTensorType;
  if (tensor !== undefined) {
    const dtype =
      tensor.elemType === undefined || tensor.elemType === 0
        ? {}
        : { dtype: dtypeName(tensor.elemType, `value ${name}`) };
    const kind = type?.tensorType === undefined ? 'sparse' : 'tensor';
    if (tensor.shape === undefined) return { kind, ...dtype };
    const shape = tensor.shape.dim.map(
      (dim): Dim => dim.dimValue ?? (dim.dimParam ? dim.dimParam : null),
    );
    return { kind, ...dtype, shape };
  }
  const nested = type?.sequenceType?.elemType ?? type?.optionalType?.elemType;
  if (type?.sequenceType !== undefined || type?.optionalType !== undefined) {
    const { dtype } = typeOf(nested, name);
    const kind = type.sequenceType === undefined ? 'optional' : 'sequence';
    return { kind, ...(dtype === undefined ? {} : { dtype }) };
  }
  if (type?.mapType !== undefined) return { kind: 'map' };
  return { kind: 'unknown' };
}

/** `float32[batch,3,?]`, as messages and tables show it. */
export function formatType({ kind, dtype, shape }: Omit<ValueType, 'name'>): string {
  const dims = shape === undefined ? '[...]' : `[${shape.map((dim) => dim ?? '?').join(',')}]`;
  if (kind === 'tensor') return `${dtype ?? '?'}${dims}`;
  return dtype === undefined ? kind : `${kind} of ${dtype}`;
}
