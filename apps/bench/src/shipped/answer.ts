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

/** Arrays over one file's bytes, by name. */
async function readAll<T extends HostTensor>(
  path: string,
  entries: readonly Entry[],
): Promise<Map<string, T>> {
  const { buffer, byteOffset } = await readFile(path);
  const view = ({
    shape,
    dtype,
    offset,
    image,
  }: Entry): HostTensor & { image?: readonly number[] } => {
    const count = shape.reduce((a, b) => a * b, 1);
    const Kind = dtype === 'int32' ? Int32Array : Float32Array;
    return { shape, data: new Kind(buffer, byteOffset + offset, count), ...(image && { image }) };
  };
  return new Map(entries.map((entry) => [entry.name, view(entry) as T]));
}

interface Listing {
  readonly parameters: readonly Entry[];
  readonly inputs: readonly Entry[];
}
const listingOf = async (program: string): Promise<Listing> =>
  JSON.parse(await readFile(`${program}/program.json`, 'utf8')) as Listing;

/** The case's first input. */
export async function inputOf(program: string): Promise<[name: string, input: HostTensor]> {
  const { inputs } = await listingOf(program);
  return [...(await readAll<HostTensor>(`${program}/inputs.bin`, inputs))][0]!;
}

export async function answerOf(
  runner: Runner,
  c: ForwardCase,
  program: string,
  onnx: string,
  reads: 'onnx' | 'program',
): Promise<Float32Array> {
  const listing = await listingOf(program);
  const work: Work<ForwardCase> = {
    case: c,
    // The others find their weights in the model file.
    parameters:
      reads === 'onnx'
        ? new Map()
        : await readAll<HostParameter>(`${program}/weights.bin`, listing.parameters),
    inputs: await readAll(`${program}/inputs.bin`, listing.inputs),
  };
  const loaded = await runner.load(work, { onnx });
  return loaded.run();
}
