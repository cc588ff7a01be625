/** Files that contenders read instead of running the models here. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Case, ForwardCase } from '../cases/case.ts';
import { record, workOf } from '../cases/work.ts';
import type { HostTensor, Work } from '../cases/work.ts';
import type { Contender } from '../contenders.ts';
import { exportCase } from '../hebb/export.ts';
import { Recorder } from '../models/record.ts';
import type { Step, Value } from '../models/record.ts';
import type { Files } from './runner.ts';

/** Writes what these contenders need of a case. */
export async function prepare(
  c: Case,
  contenders: readonly Contender[],
  folder: string,
): Promise<Files> {
  const needs = new Set(contenders.map((contender) => contender.needs));
  const files: { onnx?: string; program?: string } = {};
  const work = workOf(c);
  const base = join(folder, `${c.family}-${c.name}`);
  if (needs.has('onnx') && c.family !== 'train') {
    files.onnx = `${base}.onnx`;
    await writeFile(files.onnx, await exportCase(work as Work<ForwardCase>));
  }
  if (needs.has('program')) {
    files.program = base;
    await writeProgram(work, base);
  }
  return files;
}

interface Listing {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  /** Byte offset in the file. */
  readonly offset: number;
  /** See `ParameterSpec.image`. */
  readonly image?: readonly number[];
  /** To be kept in 16 bits. */
  readonly half?: boolean;
}

/**
 * `program.json`, `weights.bin` and `inputs.bin` in a folder: layers to replay, and every number that they
 * need.
 */
async function writeProgram(work: Work, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const parameters = pack(work.parameters);
  const inputs = pack(work.inputs);
  const program = {
    family: work.case.family,
    parameters: parameters.listing,
    inputs: inputs.listing,
    ...steps(work.case),
  };
  await writeFile(join(folder, 'program.json'), JSON.stringify(program));
  await writeFile(join(folder, 'weights.bin'), parameters.bytes);
  await writeFile(join(folder, 'inputs.bin'), inputs.bytes);
}

function pack(values: ReadonlyMap<string, HostTensor & { readonly image?: readonly number[] }>): {
  listing: Listing[];
  bytes: Buffer;
} {
  const blobs: Uint8Array[] = [];
  let offset = 0;
  const listing = [...values].map(([name, { shape, data, image, half }]): Listing => {
    const dtype = data instanceof Int32Array ? 'int32' : 'float32';
    const more = { ...(image && { image }), ...(half && { half }) };
    const entry = { name, shape, dtype, offset, ...more } as const;
    blobs.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
    return entry;
  });
  return { listing, bytes: Buffer.concat(blobs) };
}

function steps(c: Case): object {
  if (c.family !== 'train') {
    const { recorder, inputs, outputs } = record(c);
    return { forward: section(recorder, inputs, outputs[0]!) };
  }
  // Each part on its own, so that a replay decides what is shared and what has gradients.
  const part = (
    build: (recorder: Recorder, inputs: Value[]) => { value: Value; given: Value[] },
  ) => {
    const recorder = new Recorder();
    const inputs = Object.values(c.inputs).map(({ shape }) => recorder.input(shape));
    const { value, given } = build(recorder, inputs);
    return { ...section(recorder, [...inputs, ...given], value), shape: value.shape };
  };
  const shared =
    c.shared && part((recorder, inputs) => ({ value: c.shared!(recorder, inputs), given: [] }));
  const phases = c.phases.map(({ name, prefix, optimizer, detached = false, loss }) => ({
    name,
    prefix,
    optimizer,
    detached,
    ...part((recorder, inputs) => {
      const given = shared && recorder.input(shared.shape);
      return { value: loss(recorder, inputs, given), given: given ? [given] : [] };
    }),
  }));
  return { ...(shared && { shared }), phases };
}

function section(
  recorder: Recorder,
  inputs: readonly Value[],
  output: Value,
): { inputs: number[]; output: number; steps: readonly Step[] } {
  return { inputs: inputs.map(({ id }) => id), output: output.id, steps: recorder.steps };
}
