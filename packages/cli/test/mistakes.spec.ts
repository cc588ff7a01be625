/** Usual mistakes: one line that says what was got and what is wanted, the right exit code, and nothing left behind. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed } from '@hebb/core';
import { Linear } from '@hebb/nn';
import { encodeModel } from '@hebb/onnx';
import { exportOnnx, readModelFile } from '@hebb/onnx/node';
import { main } from '../src/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'hebb-mistakes-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

await init(cpu());
manualSeed(1);
await exportOnnx(new Linear(4, 3).eval(), at('net.onnx'), {
  input: { x: ['batch', 4] },
  output: ['y'],
});
const proto = await readModelFile(at('net.onnx'));
const [node] = proto.graph!.node;
const odd = { ...proto, graph: { ...proto.graph!, node: [{ ...node!, opType: 'Frobnicate' }] } };
await writeFile(at('odd.onnx'), encodeModel(odd));
await writeFile(at('text.onnx'), 'no model');
await writeFile(at('empty.onnx'), '');
await writeFile(at('object.json'), '{}');
await writeFile(at('file.json'), '[1]');
await mkdir(at('folder'));
const there = (await readdir(folder)).sort();

/** `@NAME` is a path in the folder. */
async function hebb(line: string): Promise<{ code: number; err: string }> {
  let err = '';
  const args = line.split(' ').map((word) => word.replace(/^@(.*)/, (_, name: string) => at(name)));
  const code = await main(args, { out: () => undefined, err: (text) => (err += text) });
  return { code, err: err.replaceAll(`${folder}/`, '') };
}

const compile = '--target worker --shape batch=1 --out @out';
it.each<[string, number, string | RegExp]>([
  ['run @absent.onnx', 1, 'absent.onnx: no such file or folder; an .onnx file is wanted'],
  ['run @folder', 1, 'folder is a folder; an .onnx file is wanted'],
  ['run @text.onnx', 1, /text\.onnx: ONNX model of 8 bytes: /],
  ['run @empty.onnx', 1, 'empty.onnx: not an ONNX model: it is empty'],
  ['run @odd.onnx --random', 1, /Frobnicate/],
  [
    'run @net.onnx -i @absent.json',
    1,
    'absent.json: no such file or folder; a .png, .json or .pb file for input x is wanted',
  ],
  [
    'run @net.onnx -i @folder',
    1,
    'folder is a folder; a .png, .json or .pb file for input x is wanted',
  ],
  [
    'run @net.onnx -i @object.json',
    2,
    /object\.json holds no nested list of numbers: .*got object/,
  ],
  [
    'run @net.onnx --random --backend cpu --json @folder',
    1,
    'writeBytes: folder cannot be written: it is a folder, not a file',
  ],
  ['inspect @absent.onnx', 1, 'absent.onnx: no such file or folder; an .onnx file is wanted'],
  ['inspect @folder', 1, 'folder is a folder; an .onnx file is wanted'],
  ['inspect @net.onnx --shape time=3', 2, 'the model has no open axis "time": it has batch'],
  ['inspect @net.onnx --json @file.json/x', 1, /^file\.json: a file stands where a folder/],
  ['quantize @folder --mode dynamic', 1, 'folder is a folder; an .onnx file is wanted'],
  [
    'quantize @net.onnx --mode dynamic --target gpu',
    2,
    'unknown target "gpu": there is cpu, wasm, webgpu, onnxruntime-web',
  ],
  ['quantize @net.onnx --mode dynamic --exclude it', 2, 'the model has no node "it" to exclude'],
  ['quantize @net.onnx --mode dynamic --data @absent.npz', 1, 'absent.npz: no such file or folder'],
  [
    'quantize @net.onnx --mode dynamic --data @file.json',
    2,
    /file\.json is neither an \.npz file nor a folder with test_data_set_\*/,
  ],
  ['quantize @net.onnx --mode dynamic --out @folder', 1, 'folder: it is a folder, not a file'],
  [
    `compile @absent.onnx ${compile}`,
    1,
    'absent.onnx: no such file or folder; an .onnx file is wanted',
  ],
  [`compile @folder ${compile}`, 1, 'folder is a folder; an .onnx file is wanted'],
  [`compile @odd.onnx ${compile}`, 1, /Frobnicate/],
  [
    'compile @net.onnx --target worker --out @out --step train',
    2,
    'net.onnx is a model: --step is for modules that describe functions',
  ],
  [
    'compile @net.onnx --target worker --shape batch=1 --out @file.json/out',
    2,
    'file.json/out is a file, not a folder, or lies below one',
  ],
  ['diff @folder --random', 1, 'folder is a folder; an .onnx file is wanted'],
  [
    'doctor @file.json',
    2,
    /^file\.json: a part of the path is a file.*an \.onnx file or a folder that hebb compile wrote/,
  ],
  ['doctor @absent.onnx', 1, 'absent.onnx: no such file or folder; an .onnx file is wanted'],
  [
    'upload @folder',
    2,
    'folder was not written by hebb compile --weights-store: it has no manifest.js',
  ],
  [
    'create @new --model @absent.onnx',
    1,
    'absent.onnx: no such file or folder; an .onnx file is wanted',
  ],
  ['create @new --model @net.onnx --shape time=3', 2, /no open axis "time"/],
  ['create @new --model @folder', 2, /folder was not written by hebb compile/],
  [
    'create @file.json/new',
    2,
    'file.json/new cannot be a project: a part of the path is a file, not a folder',
  ],
  [
    'deploy @net.onnx --dry-run --shape batch=1 --dir @file.json',
    2,
    'file.json cannot be a project: a part of the path is a file, not a folder',
  ],
  [
    'deploy --rollback --dir @folder',
    2,
    'folder is no worker project, it has no wrangler.jsonc: name its folder with --dir',
  ],
  ['deploy @absent.onnx --dry-run --dir @new', 1, /^absent\.onnx: no such file or folder/],
])('hebb %s', async (line, code, message) => {
  const got = await hebb(line);
  const [first, ...rest] = got.err.split('\n');
  const text = first!.replace(/^hebb: /, '');
  expect(text).not.toBe(first);
  if (typeof message === 'string') expect(text).toBe(message);
  else expect(text).toMatch(message);
  expect([rest, got.code]).toEqual([[''], code]);
  expect((await readdir(folder)).sort()).toEqual(there);
});
