/** `hebb run`: one model, once, on files or random numbers. */
import { Tensor } from '@hebb/core';
import { decodeImage, writeBytes } from '@hebb/data/node';
import { importOnnxFile } from '@hebb/onnx/node';
import { defaultBackend, useBackend } from '../backends.ts';
import { milliseconds, shape, table } from '../format.ts';
import { collectInputs } from '../inputs.ts';
import type { InputOptions } from '../inputs.ts';
import { checkFile } from '../paths.ts';

export interface RunOptions extends InputOptions {
  readonly backend?: string;
  readonly repeat?: number;
  readonly json?: string;
}

/** Runs the model and prints a row for each output; `json` also writes every number. */
export async function run(
  file: string,
  options: RunOptions,
  print: (line: string) => void,
): Promise<void> {
  await checkFile(file, 'an .onnx file');
  await useBackend(options.backend ?? defaultBackend);
  const model = await importOnnxFile(file, { decodeImage });
  const inputs = await collectInputs(model, options);

  const started = performance.now();
  let outputs = await model.run(inputs);
  const first = performance.now() - started;
  const repeat = options.repeat ?? 1;
  const times: number[] = [];
  for (let i = 1; i < repeat; i++) {
    const t = performance.now();
    outputs = await model.run(inputs);
    times.push(performance.now() - t);
  }

  const report: Record<string, unknown> = {};
  const rows: string[][] = [];
  for (const [name, value] of Object.entries(outputs)) {
    if (!(value instanceof Tensor)) {
      rows.push([name, 'not a tensor of numbers', '', '', '', '', '']);
      continue;
    }
    const data = Array.from(await value.data(), Number);
    report[name] = { shape: value.shape, dtype: value.dtype, data };
    const finite = data.filter(Number.isFinite);
    const short = (x: number) => Number(x.toPrecision(5)).toString();
    const top = data.indexOf(data.reduce((a, b) => (b > a ? b : a), -Infinity));
    rows.push([
      name,
      value.dtype,
      shape(value.shape),
      finite.length === 0 ? '-' : short(finite.reduce((a, b) => Math.min(a, b))),
      finite.length === 0 ? '-' : `${short(finite.reduce((a, b) => Math.max(a, b)))} at ${top}`,
      String(data.length - finite.length),
      data.slice(0, 5).map(short).join(' ') + (data.length > 5 ? ' …' : ''),
    ]);
  }
  print(table(['output', 'type', 'shape', 'min', 'max', 'not finite', 'values'], rows));
  times.sort((a, b) => a - b);
  print(
    `first run ${milliseconds(first)}` +
      (times.length === 0
        ? ''
        : `, median of ${times.length} more ${milliseconds(times[times.length >> 1]!)}`),
  );
  if (options.json !== undefined) {
    await writeBytes(options.json, new TextEncoder().encode(`${JSON.stringify(report)}\n`));
  }
}
