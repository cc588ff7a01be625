/** Part of the shipped programs: reads the prepared weights, loads, and answers once. */
import { readFile } from 'node:fs/promises';
import type { ForwardCase } from '../cases/case.ts';
import type { HostParameter, HostTensor, Work } from '../cases/work.ts';
import type { Runner } from '../harness/runner.ts';

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly offset: number;
  readonly image?: readonly number[];
}

export async function answerOf(
  runner: Runner,
  c: ForwardCase,
  program: string,
  onnx: string,
  reads: 'onnx' | 'program',
): Promise<Float32Array> {
  const listing = JSON.parse(await readFile(`${program}/program.json`, 'utf8')) as {
    readonly parameters: readonly Entry[];
    readonly inputs: readonly Entry[];
  };
  const file = await readFile(`${program}/weights.bin`);
  const view = ({ shape, dtype, offset, ...rest }: Entry): HostTensor => {
    const count = shape.reduce((a, b) => a * b, 1);
    const at = file.byteOffset + offset;
    const data =
      dtype === 'int32'
        ? new Int32Array(file.buffer, at, count)
        : new Float32Array(file.buffer, at, count);
    return { ...rest, shape, data };
  };
  const named = <T extends HostTensor>(entries: readonly Entry[]): Map<string, T> =>
    new Map(entries.map((entry) => [entry.name, view(entry) as T]));
  const work: Work<ForwardCase> = {
    case: c,
    parameters: reads === 'onnx' ? new Map() : named<HostParameter>(listing.parameters),
    inputs: named(listing.inputs),
  };
  const loaded = await runner.load(work, { onnx });
  return loaded.run();
}
