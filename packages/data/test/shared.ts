/** Where data that is not in the repository may be. */
import { join, resolve } from 'node:path';

/** A path under HEBB_DATA, or under `shared/data` beside the workspace. */
export const shared = (path: string): string =>
  join(process.env['HEBB_DATA'] ?? resolve(import.meta.dirname, '../../../../shared/data'), path);
