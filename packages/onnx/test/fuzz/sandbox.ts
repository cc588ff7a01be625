/** A folder that models with external data are read from, beside what they must not read. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const secret = 0x5a;

export interface Sandbox {
  readonly model: string;
  /** Whether bytes come from outside of the folder. */
  leaked(bytes: Uint8Array): boolean;
  remove(): Promise<void>;
}

export async function makeSandbox(): Promise<Sandbox> {
  const root = await mkdtemp(join(tmpdir(), 'hebb-fuzz-'));
  const folder = join(root, 'model');
  await mkdir(join(folder, 'inner'), { recursive: true });
  await writeFile(join(root, 'secret.bin'), new Uint8Array(4096).fill(secret));
  await writeFile(join(folder, 'inside.bin'), new Uint8Array(4096));
  await writeFile(join(folder, 'inner', 'inside.bin'), new Uint8Array(4096));
  await symlink('../secret.bin', join(folder, 'link.bin'));
  await symlink('..', join(folder, 'linked'));
  return {
    model: join(folder, 'model.onnx'),
    leaked: (bytes) => bytes.length >= 4 && bytes.every((byte) => byte === secret),
    remove: () => rm(root, { recursive: true }),
  };
}
