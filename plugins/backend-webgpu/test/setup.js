/**
 * WebGPU without a graphics processor: Dawn (the package `webgpu`) on SwiftShader, which `@sparticuz/chromium`
 * ships. Runs before Jest's workers start, since a library path is read when a process does. With HEBB_GPU=hardware
 * the machine's own adapter is taken.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';

const require = createRequire(import.meta.url);

/** Folder with SwiftShader's libraries, unpacked once. */
async function unpacked() {
  // The package exports its script alone; its root is where its libraries are.
  let root = dirname(require.resolve('@sparticuz/chromium'));
  while (!existsSync(join(root, 'bin'))) root = dirname(root);
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const home = join(tmpdir(), `hebb-swiftshader-${version}`);
  if (existsSync(join(home, 'vk_swiftshader_icd.json'))) return home;
  // Beside it first: other processes may be doing the same.
  const fresh = await mkdtemp(join(tmpdir(), 'hebb-swiftshader-'));
  const packed = await readFile(join(root, 'bin/swiftshader.tar.br'));
  await writeFile(join(fresh, 'swiftshader.tar'), await promisify(brotliDecompress)(packed));
  await promisify(execFile)('tar', ['xf', 'swiftshader.tar'], { cwd: fresh });
  await rename(fresh, home).catch(() => rm(fresh, { recursive: true, force: true }));
  return home;
}

// Jest takes the default export of a setup.
// eslint-disable-next-line no-restricted-syntax
export default async function setup() {
  if (process.env.HEBB_GPU === 'hardware') return;
  const home = await unpacked();
  process.env.VK_ICD_FILENAMES = join(home, 'vk_swiftshader_icd.json');
  process.env.VK_DRIVER_FILES = process.env.VK_ICD_FILENAMES;
  const { LD_LIBRARY_PATH } = process.env;
  process.env.LD_LIBRARY_PATH = LD_LIBRARY_PATH ? `${home}:${LD_LIBRARY_PATH}` : home;
  try {
    // Where Jest runs tests in this very process the path above comes too late. It is no Node module, and
    // Node closes what is none: RTLD_NODELETE (0x1000, of which Node has no constant) keeps it.
    const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen;
    process.dlopen({ exports: {} }, join(home, 'libvulkan.so.1'), RTLD_NOW | RTLD_GLOBAL | 0x1000);
  } catch {
    // "Module did not self-register": expected.
  }
}
