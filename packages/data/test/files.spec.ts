/** Files are written whole or not at all. */
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from '../src/index.ts';
import { writeBytes } from '../src/node.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hebb-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('makes folders, and replaces what was there', async () => {
  const file = join(folder, 'a/b/c.bin');
  await writeBytes(file, Uint8Array.of(1, 2));
  await writeBytes(file, Uint8Array.of(3));
  expect([...(await readFile(file))]).toEqual([3]);
  expect(await readdir(join(folder, 'a/b'))).toEqual(['c.bin']);
});

it('names the file that cannot be written, and leaves nothing half-written', async () => {
  const taken = join(folder, 'model.onnx');
  await mkdir(join(taken, 'inside'), { recursive: true });
  const error: unknown = await writeBytes(taken, Uint8Array.of(1)).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).toContain(`${taken} cannot be written`);
  expect(await readdir(folder)).toEqual(['model.onnx']);

  await writeFile(join(folder, 'file'), 'kept');
  await expect(writeBytes(join(folder, 'file/below'), Uint8Array.of(1))).rejects.toThrow();
  expect(await readFile(join(folder, 'file'), 'utf8')).toBe('kept');
});
