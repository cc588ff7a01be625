/** Where there is no terminal (browsers, workers): callers use `onProgress`. */
import { silent } from './progress.ts';
import type { Reporter } from './progress.ts';

export type ProgressStyle = 'auto' | 'bar' | 'lines' | 'none';

export function reporterFor(_style: ProgressStyle): Reporter {
  return silent;
}
