/**
 * Bytes or objects that are no valid ONNX: not an ONNX file, truncated, inconsistent or hostile
 * input. The message says what is wrong and where.
 */
export class OnnxFormatError extends Error {
  /** Where in the bytes it went wrong, when that is known. */
  readonly offset: number | undefined;

  constructor(message: string, options: { offset?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OnnxFormatError';
    this.offset = options.offset;
  }
}
