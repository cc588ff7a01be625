/** What is wrong with a path, in words: the system's own name calls, codes and temporary files. */
import { stat } from 'node:fs/promises';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EISDIR: 'it is a folder, not a file',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EEXIST: 'a file stands where a folder is needed',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the disk is read-only',
  ENOSPC: 'no space is left on the disk',
  ENAMETOOLONG: 'the name is too long',
};

// By its fields: an error of another realm is no instance of this one's class.
const isError = (error: unknown): error is Error =>
  typeof error === 'object' && error !== null && 'message' in error;

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  isError(error) && 'syscall' in error && 'code' in error;

export const reasonOf = (error: NodeJS.ErrnoException): string =>
  reasons[error.code ?? ''] ?? error.message;

/** One line for the user; an error of the file system's, or one with such a cause, is put into words. */
export function messageOf(error: unknown): string {
  if (!isError(error)) return String(error);
  if (isSystemError(error)) {
    const { dest } = error as { dest?: string };
    const path = dest ?? error.path;
    return path === undefined ? reasonOf(error) : `${withoutSuffix(path)}: ${reasonOf(error)}`;
  }
  const { cause } = error;
  return isSystemError(cause)
    ? error.message.replace(cause.message, reasonOf(cause))
    : error.message;
}

/** What a file is called that is written beside its place first. */
const withoutSuffix = (path: string): string =>
  path.replace(/\.?([^/\\]*)\.[0-9a-f-]{12,36}\.(tmp|old)$/, '$1');

/** @throws Error that says what is there where a file is wanted, `wanted` being "an .onnx file", say. */
export async function checkFile(path: string, wanted: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: ${reasonOf(error)}; ${wanted} is wanted`, { cause: error });
  });
  if (!found.isFile()) throw new Error(`${path} is a folder; ${wanted} is wanted`);
}
