/** Exit codes: 0 all well, 1 something failed, 2 the command was not understood. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
