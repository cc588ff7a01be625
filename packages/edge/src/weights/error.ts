/** What may be wrong with stored weights; clients only learn that the model is not there now. */

/**
 * - `missing`: the store has no such object;
 * - `corrupt`: the bytes are others than the manifest says, or fewer;
 * - `unreadable`: the store failed;
 * - `slow`: nothing came for too long;
 * - `key`: there is no key, or it is the wrong one.
 */
export type WeightsProblem = 'missing' | 'corrupt' | 'unreadable' | 'slow' | 'key';

export class WeightsError extends Error {
  readonly problem: WeightsProblem;

  constructor(problem: WeightsProblem, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'WeightsError';
    this.problem = problem;
  }
}
