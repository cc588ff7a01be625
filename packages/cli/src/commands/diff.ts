/** `hebb diff`: one model computed in two ways, every intermediate value compared. */
import { join } from 'node:path';
import type { TensorData, ValueDifference } from '@hebb/onnx';
import { diffModel, importOnnx } from '@hebb/onnx';
import { readModelFile, writeReproduction } from '@hebb/onnx/node';
import { decodeImage, writeBytes } from '@hebb/data/node';
import { useBackend } from '../backends.ts';
import { computer } from '../computers.ts';
import { shape, table } from '../format.ts';
import { collectInputs } from '../inputs.ts';
import type { InputOptions } from '../inputs.ts';
import { checkFile } from '../paths.ts';

export interface DiffOptions extends InputOptions {
  readonly a?: string;
  readonly b?: string;
  readonly rtol?: number;
  readonly atol?: number;
  /** Where the differing node is written as a test case. */
  readonly out?: string;
  readonly json?: string;
  /** Print every value, not only those that differ. */
  readonly all?: boolean;
}

/** Prints what differs; returns whether nothing does. */
export async function diff(
  file: string,
  { a = 'cpu', b = 'wasm', rtol, atol, out, json, all = false, ...options }: DiffOptions,
  print: (line: string) => void,
): Promise<boolean> {
  await checkFile(file, 'an .onnx file');
  const proto = await readModelFile(file);
  const [first, second] = [await computer(a), await computer(b)];
  // Drawing inputs and reading files needs a backend of its own.
  await useBackend('cpu');
  const model = importOnnx(proto, { decodeImage });
  const tensors = await collectInputs(model, options);
  const inputs: Record<string, TensorData> = {};
  for (const [name, x] of Object.entries(tensors)) {
    inputs[name] = { dtype: x.dtype, shape: x.shape, data: await x.bits() } as TensorData;
  }
  const tolerance =
    rtol === undefined && atol === undefined
      ? {}
      : { tolerance: { rtol: rtol ?? 1e-3, atol: atol ?? 1e-7 } };
  const report = await diffModel(proto, { a: first, b: second, inputs, ...tolerance });

  const rows = report.values.filter(({ ok }) => all || !ok);
  const most = all ? rows.length : 20;
  if (rows.length > 0) {
    const line = (v: ValueDifference): string[] => [
      v.ok ? '' : '≠',
      v.operator,
      v.node,
      v.value,
      shape(v.shape),
      Number.isFinite(v.maxError) ? v.maxError.toPrecision(3) : 'infinite',
      `${v.notFinite.a} / ${v.notFinite.b}`,
      v.reason ?? '',
    ];
    const head = ['', 'operator', 'node', 'value', 'shape', 'largest error', 'not finite', ''];
    print(table(head, rows.slice(0, most).map(line)));
    if (rows.length > most)
      print(`… and ${rows.length - most} more that differ (--all prints all)`);
  }
  for (const { name, ok, maxError } of report.outputs) {
    print(`output ${name}: ${ok ? 'agrees' : 'DIFFERS'}, largest error ${maxError.toPrecision(3)}`);
  }
  if (report.firstNotFinite !== undefined) {
    const { operator, node, notFinite } = report.firstNotFinite;
    print(
      `${operator} at ${node} is the first to make NaN or infinity: ${notFinite.a} in ${report.a}, ${notFinite.b} in ${report.b}`,
    );
  }
  if (report.first !== undefined) {
    const { operator, node, maxError } = report.first;
    print(`${operator} at ${node} is the first to differ: ${maxError.toPrecision(3)}`);
    if (report.reproduction === undefined)
      print('it reads or makes what is no tensor: no test case');
    else {
      const folder = out ?? `${file.replace(/\.onnx$/, '')}-diff`;
      await writeReproduction(folder, report.reproduction);
      print(`${join(folder, 'model.onnx')}: this node alone; hebb check ${folder} --backend ${b}`);
    }
  } else if (!report.ok && report.values.every(({ ok }) => ok)) {
    print('every value agrees when it is looked at: what differs is a fusion of several nodes');
  }
  const agree = report.values.filter(({ ok }) => ok).length;
  print(`${report.a} and ${report.b}: ${agree} of ${report.values.length} values agree`);
  if (json !== undefined) {
    const { reproduction: _, ...rest } = report;
    await writeBytes(json, new TextEncoder().encode(`${JSON.stringify(rest, null, 2)}\n`));
  }
  return report.ok;
}
