/** `hebb inspect`: what a model takes, gives, contains and costs. */
import { basename } from 'node:path';
import { writeBytes } from '@hebb/data/node';
import { inspectOnnx } from '@hebb/onnx';
import type { ModelProto, ModelReport, ValueType } from '@hebb/onnx';
import { readModelFile } from '@hebb/onnx/node';
import { useBackend } from '../backends.ts';
import { UsageError } from '../errors.ts';
import { bytes, count, shape, table } from '../format.ts';
import { graphPage } from '../graph-page/page.ts';
import { checkFile } from '../paths.ts';

export interface InspectOptions {
  readonly json?: string;
  /** Where a page with the drawn graph goes. */
  readonly html?: string;
  /** List every node with the shapes of what it makes. */
  readonly nodes?: boolean;
  /** Sizes of named dimensions, `NAME=N`. */
  readonly shape?: readonly string[];
}

export async function inspect(
  file: string,
  { json, html, nodes = false, shape: sizes = [] }: InspectOptions,
  print: (line: string) => void,
): Promise<void> {
  await checkFile(file, 'an .onnx file');
  const model = await readModelFile(file);
  // Constants that decide shapes may have to be computed.
  await useBackend('cpu');
  const given = parseSizes(sizes);
  const info = inspectOnnx(model, { sizes: given });
  checkSizes(given, info);
  const values = (list: readonly ValueType[]) =>
    list.map((value) => [value.name, value.dtype ?? value.kind, shape(value.shape)]);
  print(table(['input', 'type', 'shape'], values(info.inputs)));
  print('');
  print(table(['output', 'type', 'shape'], values(info.outputs)));
  print('');
  if (nodes) {
    print(nodeTable(model, info));
    print('');
  }
  const operators = Object.entries(info.operators).map(([name, n]) => [name, String(n)]);
  print(table(['operator', 'nodes'], operators, [1]));
  print('');
  print(
    table(
      ['figure', 'value'],
      [
        ['opset', String(info.opset)],
        ['parameters', `${count(info.parameters)} (${bytes(info.parameterBytes)})`],
        ['multiply-adds', info.multiplyAdds === undefined ? '?' : count(info.multiplyAdds)],
        ['peak memory', info.peakMemory === undefined ? '?' : bytes(info.peakMemory)],
      ],
    ),
  );
  const at = Object.entries(info.shapes).map(([name, dims]) => `${name} ${shape(dims)}`);
  print(info.note === undefined ? `for ${at.join(', ')}` : `no estimates: ${info.note}`);
  if (json !== undefined) {
    await writeBytes(json, new TextEncoder().encode(`${JSON.stringify(info, null, 2)}\n`));
  }
  if (html !== undefined) {
    const page = graphPage(model, info, info.name === '' ? basename(file) : info.name);
    await writeBytes(html, new TextEncoder().encode(page));
    print(`the graph is drawn in ${html}`);
  }
}

/** One line a node: what it makes, with sizes in terms of the open axes. */
function nodeTable({ graph }: ModelProto, { values }: ModelReport): string {
  const types = new Map(values.map((type) => [type.name, type]));
  const rows = (graph?.node ?? []).flatMap((node) =>
    node.output
      .filter((name) => name !== '')
      .map((name, i) => {
        const type = types.get(name);
        const kind = type?.dtype ?? type?.kind ?? '?';
        return [i === 0 ? (node.opType ?? '?') : '', name, kind, shape(type?.shape)];
      }),
  );
  return table(['node', 'makes', 'type', 'shape'], rows);
}

/** @throws UsageError for a name that no axis of an input has. */
function checkSizes(given: Readonly<Record<string, number>>, { inputs }: ModelReport): void {
  const open = inputs.flatMap(({ shape: dims = [] }) =>
    dims.filter((dim) => typeof dim === 'string'),
  );
  const unknown = Object.keys(given).find((name) => !open.includes(name));
  if (unknown === undefined) return;
  const known = open.length === 0 ? 'none' : [...new Set(open)].join(', ');
  throw new UsageError(`the model has no open axis ${JSON.stringify(unknown)}: it has ${known}`);
}

function parseSizes(list: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    list.map((entry) => {
      const [name, text] = entry.split('=');
      const size = Number(text);
      if (name === undefined || name === '' || !Number.isSafeInteger(size) || size < 0) {
        throw new UsageError(`--shape wants NAME=N, got ${JSON.stringify(entry)}`);
      }
      return [name, size];
    }),
  );
}
