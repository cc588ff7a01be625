/** @hebb/edge: fetch handlers that serve models. */
export { serve } from './handler.ts';
export type { Handler, ServeOptions } from './handler.ts';
export type {
  Decoder,
  InputArray,
  ModelEntry,
  ServedModel,
  ServedTensor,
  ServedValue,
  ValueSignature,
} from './model.ts';
export { RequestError } from './error.ts';
export type { ErrorCode } from './error.ts';
