/**
 * ONNX models as files.
 * Not part of the main entry: workers must not see node:fs.
 */
import { randomBytes } from 'node:crypto';
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { decodeModel, encodeModel } from './codec/messages.ts';
import { DataLocation, DataType } from './codec/dtypes.ts';
import { OnnxFormatError } from './codec/errors.ts';
import { isExternal, loadExternalData } from './codec/external.ts';
import type { DecodeLimits } from './codec/reader.ts';
import type { Draft, ModelProto, TensorProto } from './codec/types.ts';
import { mapTensors, tensorsOf } from './codec/walk.ts';
import { MAX_MESSAGE_BYTES } from './codec/writer.ts';

export interface ReadModelOptions extends DecodeLimits {
  /** `'load'` (default) reads tensors that lie in other files; `'keep'` leaves the references. */
  readonly externalData?: 'load' | 'keep';
}

/**
 * Reads a model and the files beside it that hold its large tensors. Only regular files inside of
 * the model's folder are read: no absolute location, no `..`, no symbolic link that leads out.
 *
 * @throws OnnxFormatError, naming the file, as `decodeModel`, and for external data that is missing,
 *   too short or outside of the folder. Other errors of the file system as Node gives them.
 */
export async function readModelFile(
  path: string,
  options: ReadModelOptions = {},
): Promise<ModelProto> {
  const bytes = await readFile(path);
  const files = new FolderReader(dirname(resolve(path)));
  try {
    const model = alignInPlace(decodeModel(bytes, options), bytes);
    if (options.externalData === 'keep') return model;
    return await loadExternalData(model, (...place) => files.read(...place));
  } catch (error) {
    if (!(error instanceof OnnxFormatError)) throw error;
    throw new OnnxFormatError(`${path}: ${error.message}`, {
      cause: error,
      ...(error.offset === undefined ? {} : { offset: error.offset }),
    });
  } finally {
    await files.close();
  }
}

/** Tag and length before the data of a tensor of this size take more bytes than data of 4-byte numbers moves. */
const longTensor = 1 << 14;

/**
 * Numbers stand in a file wherever they happen to. Moved onto the tag before them, which has been read, they are
 * aligned without a copy: the memory of a model is that of its file.
 */
function alignInPlace(model: ModelProto, bytes: Uint8Array): ModelProto {
  return mapTensors(model, (tensor) => {
    const { rawData, dataType } = tensor;
    const width = widths[dataType ?? 0];
    if (rawData === undefined || width === undefined || rawData.byteLength < longTensor) {
      return tensor;
    }
    const shift = rawData.byteOffset % width;
    if (shift === 0 || rawData.buffer !== bytes.buffer) return tensor;
    const start = rawData.byteOffset - bytes.byteOffset;
    bytes.copyWithin(start - shift, start, start + rawData.byteLength);
    return {
      ...tensor,
      rawData: bytes.subarray(start - shift, start - shift + rawData.byteLength),
    };
  });
}

/** Bytes of the element types that occur in large tensors. */
const widths: Readonly<Record<number, number>> = {
  [DataType.float32]: 4,
  [DataType.int32]: 4,
  [DataType.uint32]: 4,
  [DataType.float16]: 2,
  [DataType.bfloat16]: 2,
  [DataType.int16]: 2,
  [DataType.uint16]: 2,
};

/** Reads parts of the files in one folder, and of no others. */
class FolderReader {
  readonly #folder: string;
  readonly #open = new Map<string, FileHandle>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(location: string, offset: number, length: number): Promise<Uint8Array> {
    const file = this.#open.get(location) ?? (await this.#openInside(location));
    this.#open.set(location, file);
    const { size } = await file.stat();
    // Checked before the allocation: the length is the model's claim.
    if (offset + length > size) {
      throw new OnnxFormatError(
        `external data ${JSON.stringify(location)} has ${size} bytes, ` +
          `but a tensor claims bytes ${offset} to ${offset + length}`,
      );
    }
    const data = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await file.read(data, done, length - done, offset + done);
      if (bytesRead === 0) throw new OnnxFormatError(`${JSON.stringify(location)} became shorter`);
      done += bytesRead;
    }
    return data;
  }

  async #openInside(location: string): Promise<FileHandle> {
    const quoted = JSON.stringify(location);
    checkLocation(location);
    const root = await realpath(this.#folder);
    let target: string;
    try {
      target = await realpath(join(root, location));
    } catch (cause) {
      throw new OnnxFormatError(`external data ${quoted} does not exist`, { cause });
    }
    const inside = root.endsWith(sep) ? root : root + sep;
    if (!target.startsWith(inside)) throw outside(location);
    // Opening a pipe or a device could block for ever.
    if (!(await stat(target)).isFile()) {
      throw new OnnxFormatError(`external data ${quoted} is no regular file`);
    }
    return open(target, 'r');
  }

  async close(): Promise<void> {
    for (const file of this.#open.values()) await file.close();
  }
}

/** Locations are relative POSIX paths; a drive letter or backslash means something on Windows. */
function checkLocation(location: string): void {
  const parts = location.split('/');
  if (/^\/|[\\\0]|^[A-Za-z]:/.test(location) || parts.includes('..')) throw outside(location);
}

function outside(location: string): OnnxFormatError {
  return new OnnxFormatError(
    `external data ${JSON.stringify(location)} lies outside of the model's folder`,
  );
}

export interface WriteModelOptions {
  /**
   * Puts initialisers of at least `minBytes` (default 1024) into one file beside the model, named
   * `location` (default: the model's name with `.data`). Without it this happens only when the
   * tensors exceed the 2 GB that one file may have.
   */
  readonly externalData?: { readonly minBytes?: number; readonly location?: string };
}

/** As the format advises, so that readers can map tensors into memory. */
const ALIGNMENT = 4096;

/** What a model's structure may take beside its tensors before external data is used unasked. */
const MARGIN = 64 * 1024 * 1024;

/**
 * Writes a model, whole or not at all: to temporary files in the same folder, which are renamed
 * when all are complete.
 * @throws OnnxFormatError as `encodeModel`; errors of the file system as Node gives them.
 */
export async function writeModelFile(
  path: string,
  model: Draft<ModelProto>,
  options: WriteModelOptions = {},
): Promise<void> {
  const target = resolve(path);
  let external = options.externalData;
  if (external === undefined) {
    let total = 0;
    for (const { rawData } of tensorsOf(model)) total += rawData?.byteLength ?? 0;
    if (total > MAX_MESSAGE_BYTES - MARGIN) external = {};
  }
  const files = new AtomicFiles();
  try {
    if (external !== undefined) {
      const location = external.location ?? `${basename(target)}.data`;
      checkDataName(model, location, basename(target));
      const data = await files.create(join(dirname(target), location));
      model = await moveOut(model, data, location, external.minBytes ?? 1024);
    }
    const bytes = encodeModel(model);
    const file = await files.create(target);
    await file.writeFile(bytes);
    await files.commit();
  } finally {
    await files.discard();
  }
}

function checkDataName(model: Draft<ModelProto>, location: string, modelName: string): void {
  if (location !== basename(location) || location === modelName) {
    throw new OnnxFormatError(`external data needs the name of another file, got '${location}'`);
  }
  for (const tensor of tensorsOf(model)) {
    const uses = tensor.externalData?.some((e) => e.key === 'location' && e.value === location);
    if (isExternal(tensor) && uses) {
      throw new OnnxFormatError(
        `tensor ${JSON.stringify(tensor.name ?? '')} still lies in '${location}', which would be ` +
          `overwritten: load it first, or choose another location`,
      );
    }
  }
}

/** Writes the large initialisers to `file` and refers to them instead. */
async function moveOut(
  model: Draft<ModelProto>,
  file: FileHandle,
  location: string,
  minBytes: number,
): Promise<Draft<ModelProto>> {
  let end = 0;
  const initializer: Draft<TensorProto>[] = [];
  for (const tensor of model.graph?.initializer ?? []) {
    const { rawData, ...rest } = tensor;
    if (rawData === undefined || rawData.byteLength < minBytes) {
      initializer.push(tensor);
      continue;
    }
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    for (let done = 0; done < rawData.byteLength;) {
      const { bytesWritten } = await file.write(
        rawData,
        done,
        rawData.byteLength - done,
        offset + done,
      );
      done += bytesWritten;
    }
    end = offset + rawData.byteLength;
    const externalData = [
      { key: 'location', value: location },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(rawData.byteLength) },
    ];
    initializer.push({ ...rest, externalData, dataLocation: DataLocation.EXTERNAL });
  }
  return { ...model, graph: { ...model.graph, initializer } };
}

/** Files that appear together, when all are written, or not at all. */
class AtomicFiles {
  readonly #pending: { file: FileHandle; temporary: string; target: string }[] = [];

  async create(target: string): Promise<FileHandle> {
    const name = `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`;
    const temporary = join(dirname(target), name);
    const file = await open(temporary, 'wx');
    this.#pending.push({ file, temporary, target });
    return file;
  }

  async commit(): Promise<void> {
    for (const { file } of this.#pending) {
      await file.sync();
      await file.close();
    }
    for (const { temporary, target } of this.#pending) await rename(temporary, target);
    this.#pending.length = 0;
  }

  /** Removes what was not committed. */
  async discard(): Promise<void> {
    for (const { file, temporary } of this.#pending) {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
    }
  }
}
