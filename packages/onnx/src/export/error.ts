/** What cannot be exported, and why. */
import { HebbError } from '@hebb/core';

export class OnnxExportError extends HebbError {
  constructor(
    message: string,
    details: { readonly op: string; readonly path?: string; readonly cause?: unknown },
  ) {
    super(message, details);
    this.name = 'OnnxExportError';
  }
}
