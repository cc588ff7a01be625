/** What goes wrong with checkpoints. */
import { HebbError } from '@hebb/core';

/** Thrown for checkpoints that are damaged, belong to something else, or cannot be written. */
export class CheckpointError extends HebbError {
  constructor(message: string, details: { readonly cause?: unknown } = {}) {
    super(message, { op: 'checkpoint', path: '', ...details });
    this.name = 'CheckpointError';
  }
}
