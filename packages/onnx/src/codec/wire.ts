/** How the generated code is typed: each message can be read and written, fields are untyped. */
import type { Reader, Writer } from 'protobufjs/minimal.js';

/** A message class of the generated code. What it decodes is typed by {@link plain}'s callers. */
export interface WireType {
  decode(reader: Reader): object;
  encode(message: object, writer: Writer): Writer;
}

/** The messages that occur as whole files. */
export interface WireRoot {
  readonly ModelProto: WireType;
  readonly GraphProto: WireType;
  readonly FunctionProto: WireType;
  readonly TensorProto: WireType;
  readonly SparseTensorProto: WireType;
  readonly SequenceProto: WireType;
  readonly MapProto: WireType;
  readonly OptionalProto: WireType;
  readonly TypeProto: WireType;
}
