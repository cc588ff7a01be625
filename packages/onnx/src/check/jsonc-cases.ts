/**
 * The format of ONNX.js: a list of operators as JSON with comments, each with attributes and cases of
 * inputs and outputs written out. One operator is one model; opset 7 where none is named, as there.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { convert, isDType, sizeOf } from '@hebb/core';
import jsonc from 'jsonc-parser';
import { makeGraph, makeModel, makeNode, makeValueInfo } from '../codec/build.ts';
import type { AttributeInput } from '../codec/build.ts';
import { OnnxFormatError } from '../codec/errors.ts';
import type { TensorData } from '../codec/tensor.ts';
import type { ModelProto, ValueInfoProto } from '../codec/types.ts';
import type { TestCase, TestSet } from './case.ts';

const defaultOpset = 7;

/** @throws OnnxFormatError, naming the file and the operator, when the text is not in the format. */
export async function jsoncCases(file: string): Promise<TestCase[]> {
  const errors: jsonc.ParseError[] = [];
  const tests: unknown = jsonc.parse(await readFile(file, 'utf8'), errors, {
    allowTrailingComma: true,
  });
  if (errors[0] !== undefined) {
    throw new OnnxFormatError(`${file}: no JSON at character ${errors[0].offset}`);
  }
  // Other lists lie beside the operators: what to run where.
  if (!Array.isArray(tests)) return [];
  const stem = basename(file, '.jsonc');
  return tests.flatMap((test: unknown, i) => operatorCases(file, `${stem}/${i}`, asRecord(test)));
}

type Json = Readonly<Record<string, unknown>>;
const asRecord = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {};
const asList = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.map(asRecord) : [];
const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The sets of one operator share a model where their values have the same types and ranks. */
function operatorCases(file: string, name: string, test: Json): TestCase[] {
  const operator = asText(test['operator']);
  const where = `${file}: ${name} ${asText(test['name'])}`;
  if (operator === '') throw new OnnxFormatError(`${where}: no operator`);
  const groups = new Map<string, { head: Signature; sets: TestSet[] }>();
  asList(test['cases']).forEach((entry, k) => {
    const inputs = asList(entry['inputs']).map((value) => tensorOf(where, value));
    const outputs = asList(entry['outputs']).map((value) => tensorOf(where, value));
    const head = { inputs: inputs.map(typeOf), outputs: outputs.map(typeOf) };
    const key = JSON.stringify(head);
    const group = groups.get(key) ?? { head, sets: [] };
    groups.set(key, group);
    const named = (list: readonly TensorData[], kind: string): Record<string, TensorData> =>
      Object.fromEntries(list.map((value, i) => [`${kind}_${i}`, value]));
    group.sets.push({
      name: `${k} ${asText(entry['name'])}`,
      read: () =>
        Promise.resolve({ inputs: named(inputs, 'input'), outputs: named(outputs, 'output') }),
    });
  });
  return [...groups.values()].map(({ head, sets }, i) => ({
    name: groups.size === 1 ? name : `${name}.${i}`,
    folder: file,
    model: () => Promise.resolve(modelOf(where, operator, test, head)),
    sets,
  }));
}

interface Signature {
  readonly inputs: readonly { readonly dtype: TensorData['dtype']; readonly rank: number }[];
  readonly outputs: Signature['inputs'];
}

const typeOf = ({ dtype, shape }: TensorData): Signature['inputs'][number] => ({
  dtype,
  rank: shape.length,
});

function tensorOf(where: string, value: Json): TensorData {
  const dtype = asText(value['type']);
  const { dims } = value;
  const data: unknown[] = Array.isArray(value['data']) ? value['data'] : [value['data']];
  if (!Array.isArray(dims)) throw new OnnxFormatError(`${where}: a value without dims`);
  const shape = dims.map(Number);
  const count = sizeOf(shape);
  if (!isDType(dtype)) throw new OnnxFormatError(`${where}: values of type ${dtype}`);
  // As ONNX.js fills them: what is left out at the end is zero, what is too much is not read.
  const numbers = Array.from({ length: count }, (_, i) => Number(data[i] ?? 0));
  return { dtype, shape, data: convert(numbers, dtype) } as TensorData;
}

function modelOf(where: string, operator: string, test: Json, head: Signature): ModelProto {
  const infos = (list: Signature['inputs'], kind: string): ValueInfoProto[] =>
    list.map(({ dtype, rank }, i) =>
      makeValueInfo(
        `${kind}_${i}`,
        dtype,
        Array.from({ length: rank }, () => null),
      ),
    );
  const names = (list: readonly unknown[], kind: string) => list.map((_, i) => `${kind}_${i}`);
  const attributes = asList(test['attributes']).map(
    (entry) => [asText(entry['name']), attributeOf(where, entry)] as const,
  );
  const node = makeNode(operator, names(head.inputs, 'input'), names(head.outputs, 'output'), {
    name: operator,
    attributes: Object.fromEntries(attributes),
  });
  const graph = makeGraph({
    name: operator,
    inputs: infos(head.inputs, 'input'),
    outputs: infos(head.outputs, 'output'),
    nodes: [node],
  });
  const opsets = asList(test['opsets']).map(
    (opset) => [asText(opset['domain']), Number(opset['version'])] as const,
  );
  return makeModel(graph, opsets.length === 0 ? { '': defaultOpset } : Object.fromEntries(opsets));
}

function attributeOf(where: string, { name, data, type }: Json): AttributeInput {
  switch (type) {
    case 'float':
      return { float: Number(data) };
    case 'int':
      return Number(data);
    case 'string':
      return asText(data);
    case 'floats':
      return { float: asNumbers(data) };
    case 'ints':
      return asNumbers(data);
    default:
      throw new OnnxFormatError(`${where}: attribute ${asText(name)} of type ${String(type)}`);
  }
}

const asNumbers = (value: unknown): number[] => (Array.isArray(value) ? value.map(Number) : []);
