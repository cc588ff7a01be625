/** Node 20 cannot run TypeScript: it gets the files that are published. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export async function buildForNode20(): Promise<void> {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const project = fileURLToPath(new URL('../../tsconfig.lib.json', import.meta.url));
  const child = spawn(process.execPath, [compiler, '--build', project], { stdio: 'inherit' });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error('the build failed: see above');
}
