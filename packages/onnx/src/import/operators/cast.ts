/** Conversion between element types, text and the narrow types included. */
import { cast, isDType } from '@hebb/core';
import type { OnnxDtype } from '../../codec/dtypes.ts';
import type { Call } from '../call.ts';
import { isHost } from '../value.ts';
import type { Value } from '../value.ts';

export function castTo(c: Call, value: Value, dtype: OnnxDtype): Value {
  if (isHost(value) && value.dtype === dtype) return value;
  if (!isDType(dtype)) return c.unsupported(`conversion to ${dtype}`);
  return cast(c.asTensor(value), dtype);
}
