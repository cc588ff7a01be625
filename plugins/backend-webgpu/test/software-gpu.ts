/** An object like `navigator.gpu` for the tests: Dawn's, over what `setup.js` has prepared. */
import { createRequire } from 'node:module';

let found: GPU | undefined;

/** It is kept: devices die with it. */
export function gpu(): GPU {
  if (found === undefined) {
    const { create } = createRequire(import.meta.url)('webgpu') as {
      create(options: string[]): GPU;
    };
    found = create([]);
  }
  return found;
}
