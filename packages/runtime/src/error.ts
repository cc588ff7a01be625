/** One error class for all that can go wrong while a plan is loaded or played. */

/**
 * - `plan`: not a plan, of another version, or it contradicts itself;
 * - `module`: the WebAssembly module belongs to another plan;
 * - `weights`: the weights belong to another plan, or are truncated or altered;
 * - `features`: the module was made for features that the host lacks;
 * - `memory`: the host does not give the memory that the plan needs;
 * - `input`: a value is missing, unknown, or of the wrong type or size;
 * - `shape`: a shape that the plan was not compiled for.
 */
export type PlayerErrorCode =
  'plan' | 'module' | 'weights' | 'features' | 'memory' | 'input' | 'shape';

/** Carries what was found and what was expected, for programs; the message says both, for people. */
export class PlayerError extends Error {
  readonly code: PlayerErrorCode;
  readonly got: string | undefined;
  readonly wanted: string | undefined;

  constructor(code: PlayerErrorCode, message: string, got?: string, wanted?: string) {
    const parts = [
      got === undefined ? '' : `got ${got}`,
      wanted === undefined ? '' : `wanted ${wanted}`,
    ].filter((part) => part !== '');
    super(parts.length === 0 ? message : `${message} (${parts.join(', ')})`);
    this.name = 'PlayerError';
    this.code = code;
    this.got = got;
    this.wanted = wanted;
  }
}
