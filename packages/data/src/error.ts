/** The one error of this package; its `kind` is what a server turns into an HTTP status. */

import { HebbError } from '@hebb/core';
import type { HebbErrorDetails } from '@hebb/core';

/**
 * - `invalid`: the call is wrong (option, shape, dtype, index out of range)
 * - `corrupt`: the bytes are not what they claim to be, or end too early
 * - `unsupported`: well-formed, but a variant that is not read
 * - `too-large`: larger than the limit given; nothing was allocated for it
 * - `missing`: a file or folder is not there, or a data set is empty
 */
export type DataErrorKind = 'invalid' | 'corrupt' | 'unsupported' | 'too-large' | 'missing';

export interface DataErrorOptions {
  readonly kind?: DataErrorKind;
  readonly got?: string;
  readonly wanted?: string;
  readonly cause?: unknown;
}

/** Thrown for data that cannot be used. The message reads `op: what is wrong (got ..., wanted ...)`. */
export class DataError extends HebbError {
  readonly kind: DataErrorKind;

  constructor(op: string, message: string, options: DataErrorOptions = {}) {
    const { kind = 'invalid', got, wanted, cause } = options;
    const tail = [
      got === undefined ? '' : `got ${got}`,
      wanted === undefined ? '' : `wanted ${wanted}`,
    ]
      .filter((part) => part !== '')
      .join(', ');
    const details: HebbErrorDetails = {
      op,
      // Data is read outside any layer, so no layer path belongs into the message.
      path: '',
      ...(got === undefined ? {} : { got }),
      ...(wanted === undefined ? {} : { wanted }),
      ...(cause === undefined ? {} : { cause }),
    };
    super(tail === '' ? message : `${message} (${tail})`, details);
    this.name = 'DataError';
    this.kind = kind;
  }
}

/** A text property of whatever was thrown; errors of another realm are no instances of this one's. */
function textOf(error: unknown, property: 'message' | 'code'): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const value: unknown = Reflect.get(error, property);
  return typeof value === 'string' ? value : undefined;
}

/** The message of whatever was thrown, for one that wraps it. */
export function reasonOf(error: unknown): string {
  return textOf(error, 'message') ?? String(error);
}

/** The code of an error of Node's own, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return textOf(error, 'code');
}
