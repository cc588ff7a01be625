/** What can be wrong with a model that is a well-formed ONNX file. */
import { HebbError } from '@hebb/core';

export type ImportProblem =
  /** The bridge has no such operator, type or attribute value. */
  | 'unsupported'
  /** The graph itself is wrong: a cycle, a missing value, a wrong type. */
  | 'invalid';

/**
 * A model that cannot be imported or run, with the node at fault:
 * `Foo at node_7: operator Foo of domain ai.onnx is not supported at opset 17`.
 */
export class OnnxImportError extends HebbError {
  readonly kind: ImportProblem;

  constructor(
    kind: ImportProblem,
    message: string,
    details: { readonly op: string; readonly path?: string; readonly cause?: unknown },
  ) {
    super(message, details);
    this.name = 'OnnxImportError';
    this.kind = kind;
  }
}

export function unsupported(op: string, message: string): never {
  throw new OnnxImportError('unsupported', message, { op });
}

export function invalid(op: string, message: string): never {
  throw new OnnxImportError('invalid', message, { op });
}
