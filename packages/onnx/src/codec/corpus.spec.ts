/**
 * Every file of the ONNX backend suite and of the real models, written by other implementations, is
 * read and reproduced to the byte.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import * as codec from './index.ts';
import type { OnnxValue, TypeProto } from './index.ts';

const DATA =
  process.env['HEBB_DATA'] ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url));

const FOLDERS = [
  'onnx-node-tests',
  'onnx-simple-tests',
  'onnx-light-tests',
  'onnx-pytorch-operator-tests',
  'models',
].filter((folder) => existsSync(join(DATA, folder)));

const filesOf = (folder: string, ending: string): string[] =>
  (readdirSync(join(DATA, folder), { recursive: true }) as string[])
    .filter((file) => file.endsWith(ending))
    .map((file) => join(DATA, folder, file));

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

function encodeValue(value: OnnxValue): Uint8Array {
  if (codec.isTensor(value)) return codec.encodeTensor(value);
  if (value.kind === 'sequence') return codec.encodeSequence(value);
  if (value.kind === 'optional') return codec.encodeOptional(value);
  throw new Error(`a data set with a ${value.kind} value`);
}

/** Rewrites the message of a value file. */
function reencode(bytes: Uint8Array, type: TypeProto): Uint8Array {
  if (type.sequenceType) return codec.encodeSequenceProto(codec.decodeSequenceProto(bytes));
  if (type.optionalType) return codec.encodeOptionalProto(codec.decodeOptionalProto(bytes));
  return codec.encodeTensorProto(codec.decodeTensorProto(bytes));
}

if (FOLDERS.length === 0) {
  it.skip(`needs the ONNX test data in ${DATA} (set HEBB_DATA)`, () => {});
}
// `.each` of nothing is an error, so the folders come one by one.
for (const folder of FOLDERS)
  describe(folder, () => {
    it('models are reproduced to the byte and their tensors are readable', () => {
      const files = filesOf(folder, '.onnx');
      expect(files.length).toBeGreaterThan(0);
      const changed: string[] = [];
      for (const file of files) {
        const bytes = readFileSync(file);
        const model = codec.decodeModel(bytes);
        if (!same(codec.encodeModel(model), bytes)) changed.push(file);
        for (const proto of codec.tensorsOf(model)) {
          const tensor = codec.tensorFromProto(proto);
          const again = codec.tensorFromProto(codec.tensorToProto(tensor));
          if (!isDeepStrictEqual(again, tensor)) changed.push(`${file}: ${tensor.name}`);
        }
      }
      expect(changed).toEqual([]);
    });

    it('inputs and outputs are reproduced and agree with the types that the model declares', () => {
      const problems: string[] = [];
      for (const file of filesOf(folder, '.pb')) {
        const [, kind, index] = /(input|output)_(\d+)\.pb$/.exec(file) ?? [];
        if (kind === undefined) continue;
        // The light tests have X.onnx and X_output_0.pb side by side.
        const beside = file.replace(/_(input|output)_\d+\.pb$/, '.onnx');
        const path =
          beside !== file && existsSync(beside) ? beside : join(dirname(file), '..', 'model.onnx');
        const { graph } = codec.decodeModel(readFileSync(path));
        const initialized = new Set(graph!.initializer.map(({ name }) => name));
        const declared =
          kind === 'output' ? graph!.output : graph!.input.filter((i) => !initialized.has(i.name));
        const type = (declared[Number(index)] ?? graph!.input[Number(index)])?.type;
        if (type === undefined) {
          problems.push(`${file}: not declared`);
          continue;
        }
        const bytes = readFileSync(file);
        const value = codec.decodeValue(bytes, type);
        if (!same(reencode(bytes, type), bytes)) problems.push(`${file}: changed`);
        if (!isDeepStrictEqual(codec.decodeValue(encodeValue(value), type), value)) {
          problems.push(`${file}: value changed`);
        }
        if (codec.isTensor(value) && codec.DataType[value.dtype] !== type.tensorType!.elemType) {
          problems.push(`${file}: ${value.dtype} is not element type ${type.tensorType!.elemType}`);
        }
      }
      expect(problems).toEqual([]);
    });
  });
