import { mkdtemp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeModel, OnnxFormatError, tensorFromProto, tensorToProto } from './codec/index.ts';
import type { Draft, ModelProto } from './codec/index.ts';
import { readModelFile, writeModelFile } from './node.ts';

let root: string;
let folder: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hebb-onnx-'));
  folder = join(root, 'model');
  await mkdir(folder);
});
afterEach(() => rm(root, { recursive: true }));

const weights = Float32Array.from({ length: 1000 }, (_, i) => i / 8);

const model: Draft<ModelProto> = {
  irVersion: 10,
  graph: {
    name: 'g',
    initializer: [
      tensorToProto({ name: 'w', dtype: 'float32', shape: [10, 100], data: weights }),
      tensorToProto({ name: 'b', dtype: 'int4', shape: [3], data: Uint8Array.of(0x21, 0x03) }),
      tensorToProto({ name: 'v', dtype: 'float32', shape: [1000], data: weights }),
    ],
  },
};

/** A model whose only weight lies elsewhere. */
const referring = (location: string, more: Record<string, string> = {}): Draft<ModelProto> => ({
  irVersion: 10,
  graph: {
    initializer: [
      {
        name: 'w',
        dims: [2],
        dataType: 1,
        dataLocation: 1,
        externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
      },
    ],
  },
});

it('writes a model and reads it again', async () => {
  const path = join(folder, 'm.onnx');
  await writeModelFile(path, model);
  expect(await readdir(folder)).toEqual(['m.onnx']);
  expect(new Uint8Array(await readFile(path))).toEqual(encodeModel(model));
  const again = await readModelFile(path);
  expect(encodeModel(again)).toEqual(encodeModel(model));
});

it('large numbers are read where they stand in the file, whatever their place', async () => {
  const path = join(folder, 'large.onnx');
  const large = Float32Array.from({ length: 10_000 }, (_, i) => Math.sin(i));
  for (let k = 0; k < 4; k++) {
    // Names of different length move what follows.
    const tensors = ['a', 'b', 'c'].map((name) =>
      tensorToProto({
        name: name + '-'.repeat(k),
        dtype: 'float32',
        shape: [100, 100],
        data: large.map((x) => x + name.charCodeAt(0)),
      }),
    );
    const half = Uint16Array.from({ length: 20_000 }, (_, i) => i);
    tensors.push(tensorToProto({ name: 'h', dtype: 'float16', shape: [20_000], data: half }));
    await writeFile(path, encodeModel({ irVersion: 10, graph: { initializer: tensors } }));
    const read = (await readModelFile(path)).graph!.initializer;
    const buffers = new Set(read.map((tensor) => tensorFromProto(tensor).data).map(bufferOf));
    expect(buffers.size).toBe(1);
    read.slice(0, 3).forEach((tensor, i) => {
      expect(tensorFromProto(tensor).data).toEqual(large.map((x) => x + 97 + i));
    });
    expect(tensorFromProto(read[3]!).data).toEqual(half);
  }
});

const bufferOf = (data: unknown): unknown => (ArrayBuffer.isView(data) ? data.buffer : undefined);

it('puts large tensors into a file beside the model, and finds them there', async () => {
  const path = join(folder, 'm.onnx');
  await writeModelFile(path, model, { externalData: {} });
  expect((await readdir(folder)).sort()).toEqual(['m.onnx', 'm.onnx.data']);
  const kept = await readModelFile(path, { externalData: 'keep' });
  const places = kept.graph!.initializer.map((t) => t.externalData.map(({ value }) => value));
  expect(places).toEqual([['m.onnx.data', '0', '4000'], [], ['m.onnx.data', '4096', '4000']]);
  const loaded = await readModelFile(path);
  expect(tensorFromProto(loaded.graph!.initializer[2]!).data).toEqual(weights);
  expect(encodeModel(loaded)).toEqual(encodeModel(model));
});

it('does not overwrite the file that the model still lies in', async () => {
  const path = join(folder, 'm.onnx');
  await writeModelFile(path, model, { externalData: {} });
  const kept = await readModelFile(path, { externalData: 'keep' });
  await expect(writeModelFile(path, kept, { externalData: {} })).rejects.toThrow(
    `tensor "w" still lies in 'm.onnx.data'`,
  );
  expect((await readModelFile(path)).graph!.initializer).toHaveLength(3);
});

it('leaves an old file alone, and nothing else behind, when writing fails', async () => {
  const path = join(folder, 'm.onnx');
  await writeModelFile(path, model);
  const broken = { ...model, irVersion: 0.5 };
  for (const options of [{}, { externalData: {} }]) {
    await expect(writeModelFile(path, broken, options)).rejects.toThrow(OnnxFormatError);
  }
  expect(await readdir(folder)).toEqual(['m.onnx']);
  expect((await readModelFile(path)).irVersion).toBe(10);
  await expect(writeModelFile(join(root, 'no', 'm.onnx'), model)).rejects.toThrow('ENOENT');
  await expect(writeModelFile(path, model, { externalData: { location: '../x' } })).rejects.toThrow(
    `needs the name of another file, got '../x'`,
  );
});

describe('external data', () => {
  const data = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);

  async function readReferring(location: string, more?: Record<string, string>) {
    const path = join(folder, 'm.onnx');
    await writeFile(path, encodeModel(referring(location, more)));
    return readModelFile(path);
  }

  it('may lie in the folder and below it', async () => {
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'sub', 'w.bin'), data);
    const read = await readReferring('sub/w.bin', { offset: '8', length: '8' });
    expect(tensorFromProto(read.graph!.initializer[0]!).data).toEqual(new Float32Array([3, 4]));
  });

  it.each(['../w.bin', 'sub/../../w.bin', '..', '..\\w.bin', 'C:/w.bin', '/etc/passwd'])(
    'at %s is refused',
    async (location) => {
      await writeFile(join(root, 'w.bin'), data);
      await expect(readReferring(location)).rejects.toThrow(/lies outside of the model's folder/);
    },
  );

  it('behind a symbolic link is refused', async () => {
    await writeFile(join(root, 'w.bin'), data);
    await symlink('../w.bin', join(folder, 'link.bin'));
    await symlink('..', join(folder, 'up'));
    await expect(readReferring('link.bin')).rejects.toThrow(/lies outside of the model's folder/);
    await expect(readReferring('up/w.bin')).rejects.toThrow(/lies outside of the model's folder/);
  });

  it('that is missing, too short or no file is refused', async () => {
    await writeFile(join(folder, 'w.bin'), data);
    await expect(readReferring('none.bin')).rejects.toThrow(/m\.onnx: .*"none.bin" does not exist/);
    await expect(readReferring('.')).rejects.toThrow(OnnxFormatError);
    await mkdir(join(folder, 'dir'));
    await expect(readReferring('dir')).rejects.toThrow(/"dir" is no regular file/);
    await expect(readReferring('w.bin', { offset: '12' })).rejects.toThrow(
      'external data "w.bin" has 16 bytes, but a tensor claims bytes 12 to 20',
    );
    await expect(readReferring('w.bin', { length: '4' })).rejects.toThrow(/takes 8 bytes, but its/);
  });
});

it('names the file that is no model', async () => {
  const path = join(folder, 'm.onnx');
  await writeFile(path, 'version https://git-lfs.github.com/spec/v1');
  await expect(readModelFile(path)).rejects.toThrow(/m\.onnx: not an ONNX model: it is a Git LFS/);
  await expect(readModelFile(join(folder, 'none'))).rejects.toThrow('ENOENT');
});
