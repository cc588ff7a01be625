/** @hebb/create: `npm create @hebb FOLDER`. */
import { main } from '@hebb/cli';
import type { Output } from '@hebb/cli';

/** `hebb create` with these arguments. Returns the exit code, as `hebb` has them. */
export const create = (args: readonly string[], output?: Output): Promise<number> =>
  main(['create', ...args], output);
