/** `hebb inspect`: what a model takes, gives, contains and costs. */
import { writeBytes } from '@hebb/data/node';
import { inspectOnnx } from '@hebb/onnx';
import type { ValueType } from '@hebb/onnx';
import { readModelFile } from '@hebb/onnx/node';
import { UsageError } from '../errors.ts';
import { bytes, count, shape, table } from '../format.ts';

export interface InspectOptions {
  readonly json?: string;
  /** Sizes of named dimensions, `NAME=N`. */
  readonly shape?: readonly string[];
}

export async function inspect(
  file: string,
  { json, shape: sizes = [] }: InspectOptions,
  print: (line: string) => void,
): Promise<void> {
  const info = inspectOnnx(await readModelFile(file), { sizes: parseSizes(sizes) });
  const values = (list: readonly ValueType[]) =>
    list.map((value) => [value.name, value.dtype ?? value.kind, shape(value.shape)]);
  print(table(['input', 'type', 'shape'], values(info.inputs)));
  print('');
  print(table(['output', 'type', 'shape'], values(info.outputs)));
  print('');
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
