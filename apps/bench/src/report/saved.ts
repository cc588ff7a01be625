/** What a run of the benchmark leaves in a JSON file, and the tables that it becomes. */
import { families } from '../cases/index.ts';
import type { Family } from '../cases/case.ts';
import type { GpuResult } from '../browser/bench.ts';
import type { EdgeResult } from '../edge/bench.ts';
import { decodeSheet } from '../decode/decode.ts';
import type { DecodeResult } from '../decode/decode.ts';
import { edgeSheets } from '../edge/sheets.ts';
import type { CaseResult } from '../harness/contest.ts';
import { memorySheet } from '../memory/memory.ts';
import type { MemoryResult } from '../memory/memory.ts';
import { coldSheet } from '../shipped/cold.ts';
import type { ColdStart } from '../shipped/cold.ts';
import { sizeSheet } from '../shipped/sizes.ts';
import type { Size } from '../shipped/sizes.ts';
import { zooSheet } from '../zoo/zoo.ts';
import type { ZooResult } from '../zoo/zoo.ts';
import type { Machine } from './machine.ts';
import { gpuSheets } from './gpu.ts';
import { detailSheet, timeSheet } from './summary.ts';
import type { Sheet } from './summary.ts';

export const kinds = [
  ...families,
  'cold',
  'sizes',
  'load',
  'memory',
  'decode',
  'edge',
  'webgpu',
] as const;
export type Kind = (typeof kinds)[number];
export type CpuKind = Exclude<Kind, 'webgpu' | 'edge' | 'decode'>;
/** Those on the processor, which one command measures together. */
export const cpuKinds = kinds.filter(
  (kind): kind is CpuKind => kind !== 'webgpu' && kind !== 'edge' && kind !== 'decode',
);
export const isFamily = (kind: Kind): kind is Family =>
  (families as readonly string[]).includes(kind);

export interface Measured {
  readonly kernels?: readonly CaseResult[];
  readonly infer?: readonly CaseResult[];
  readonly train?: readonly CaseResult[];
  readonly cold?: readonly ColdStart[];
  readonly sizes?: readonly Size[];
  readonly load?: readonly ZooResult[];
  readonly memory?: readonly MemoryResult[];
  /** Tokens a second. */
  readonly decode?: readonly DecodeResult[];
  /** Workers under load. */
  readonly edge?: EdgeResult;
  /** On a graphics processor. */
  readonly webgpu?: GpuResult;
  /** Bytes a second that one and two threads copy, measured beside the training steps. */
  readonly copy?: readonly [one: number, two: number];
}

export interface Saved extends Measured {
  readonly machine: Machine;
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
}

const titles: Readonly<Record<Family, string>> = {
  kernels: 'Single operations',
  infer: 'Inference, batch 1',
  train: 'Training steps',
};

/** The tables of one kind, or none where it was not measured. */
export function sheetsOf(saved: Measured, kind: Kind, details: boolean): Sheet[] {
  switch (kind) {
    case 'kernels':
    case 'infer':
    case 'train': {
      const results = saved[kind];
      if (results === undefined || results.length === 0) return [];
      const times = timeSheet(titles[kind], results);
      const copied = kind === 'train' ? copyNotes(saved) : [];
      return [
        { ...times, notes: [...copied, ...times.notes] },
        ...(details ? [detailSheet(titles[kind], results)] : []),
      ];
    }
    case 'cold':
      return saved.cold === undefined ? [] : [coldSheet(saved.cold)];
    case 'sizes':
      return saved.sizes === undefined ? [] : [sizeSheet(saved.sizes)];
    case 'load':
      return saved.load === undefined ? [] : [zooSheet(saved.load)];
    case 'memory':
      return saved.memory === undefined ? [] : [memorySheet(saved.memory)];
    case 'decode':
      return saved.decode === undefined ? [] : [decodeSheet(saved.decode)];
    case 'edge':
      return saved.edge === undefined ? [] : edgeSheets(saved.edge);
    case 'webgpu':
      return saved.webgpu === undefined ? [] : gpuSheets(saved.webgpu);
  }
}

/**
 * What an Adam step has to move for a parameter: the parameter (for its gradient, and to update it) and both
 * moments are read, parameter and moments written.
 */
const adamBytes = 7 * 4;
const adamCount = 10_000_000;

/** Share of the copy bandwidth that the bare update reaches. */
export function adamShare({ train, copy }: Measured, threads: 1 | 2): number | undefined {
  const row = train?.find((result) => result.case === 'adam-10m');
  const name = threads === 1 ? 'hebb' : 'hebb-2';
  const found = row?.results.find(({ contender }) => contender === name);
  if (copy === undefined || found?.status !== 'timed') return undefined;
  return (adamBytes * adamCount * 1000) / found.milliseconds / copy[threads - 1]!;
}

function copyNotes(saved: Measured): string[] {
  if (saved.copy === undefined) return [];
  const [one, two] = saved.copy.map((rate) => (rate / 1e9).toFixed(1));
  const shares = ([1, 2] as const).flatMap((threads) => {
    const share = adamShare(saved, threads);
    const who = threads === 1 ? 'one thread' : 'two threads';
    return share === undefined ? [] : [`${(100 * share).toFixed(0)} % of that on ${who}`];
  });
  return [
    `one thread copies ${one} GB/s here (read and written), two ${two} GB/s` +
      (shares.length === 0 ? '' : `; adam-10m moves 280 MB a step, ${shares.join(', ')}`),
  ];
}
