/** Layers as PyTorch prints them, made here: `Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1))`. */
import type { DType, Generator } from '@hebb/core';
import { SkipCase } from '@hebb/conformance/reference';
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
} from '@hebb/layers-cnn';
import { LSTM, LSTMCell } from '@hebb/layers-lstm';
import { GRU, GRUCell, RNN, RNNCell } from '@hebb/layers-rnn';
import { Bilinear, Embedding, EmbeddingBag, LayerNorm, Linear, PReLU } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import { camel } from './settings.ts';

interface How {
  readonly dtype: DType;
  readonly generator: Generator;
}
type Value = number | string | boolean | null | readonly number[];
interface Printed {
  readonly kind: string;
  /** Numbers in order, those with a name and those without. */
  readonly sizes: readonly number[];
  readonly options: Readonly<Record<string, Value>>;
}

/** Named sizes that PyTorch prints for what are positions in the constructor. */
const sizeNames = ['inFeatures', 'in1Features', 'in2Features', 'outFeatures', 'numParameters'];

function parse(text: string): Printed {
  const [, kind, inside] = /^(\w+)\((.*)\)$/.exec(text.trim()) ?? [];
  if (kind === undefined || inside === undefined) throw new TypeError(`no layer: ${text}`);
  const sizes: number[] = [];
  const options: Record<string, Value> = {};
  for (const [, name, value] of inside.matchAll(/(?:(\w+)=)?(\([^)]*\)|[^,\s]+)/g)) {
    const key = name === undefined ? undefined : camel(name);
    const read = valueOf(value!);
    if (key === undefined && Array.isArray(read)) sizes.push(...(read as readonly number[]));
    else if (typeof read === 'number' && (key === undefined || sizeNames.includes(key)))
      sizes.push(read);
    else if (key !== undefined) options[key] = read;
  }
  return { kind, sizes, options };
}

function valueOf(text: string): Value {
  if (text === 'True' || text === 'False') return text === 'True';
  if (text === 'None') return null;
  if (!text.startsWith('(')) return Number.isNaN(Number(text)) ? text : Number(text);
  return text
    .slice(1, -1)
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
}

type Make = (printed: Printed, how: How) => Module;
type Convolution = new (
  inChannels: number,
  outChannels: number,
  kernelSize: readonly number[],
  options: object,
) => Module;

const convolution =
  (Kind: Convolution): Make =>
  ({ sizes: [from, to], options: { kernelSize, ...options } }, how) =>
    new Kind(from!, to!, kernelSize as readonly number[], { ...options, ...how });

const recurrent =
  (Kind: typeof LSTM | typeof GRU | typeof RNN): Make =>
  ({ sizes: [from, to], options }, how) =>
    new Kind(from!, to!, { ...options, ...how });

const cell =
  (Kind: typeof RNNCell | typeof GRUCell | typeof LSTMCell): Make =>
  ({ sizes: [from, to], options }, how) =>
    new Kind(from!, to!, { ...options, ...how });

type Norm = new (channels: number, options: object) => Module;
const norm =
  (Kind: Norm): Make =>
  ({ sizes: [channels], options }, { dtype }) =>
    new Kind(channels!, { ...options, dtype });

const makers: Readonly<Record<string, Make>> = {
  Linear: ({ sizes: [from, to], options }, how) => new Linear(from!, to!, { ...options, ...how }),
  Bilinear: ({ sizes: [a, b, to], options }, how) =>
    new Bilinear(a!, b!, to!, { ...options, ...how }),
  Embedding: ({ sizes: [rows, width], options }, how) =>
    new Embedding(rows!, width!, { ...options, ...how }),
  EmbeddingBag: ({ sizes: [rows, width] }, how) => new EmbeddingBag(rows!, width!, how),
  LayerNorm: ({ sizes }, { dtype }) => new LayerNorm(sizes, { dtype }),
  PReLU: ({ sizes: [count] }, { dtype }) => new PReLU(count!, { dtype }),
  GroupNorm: ({ sizes: [groups, channels], options }, { dtype }) =>
    new GroupNorm(groups!, channels!, { eps: options['eps'] as number, dtype }),
  BatchNorm1d: norm(BatchNorm1d),
  BatchNorm2d: norm(BatchNorm2d),
  BatchNorm3d: norm(BatchNorm3d),
  InstanceNorm1d: norm(InstanceNorm1d),
  InstanceNorm2d: norm(InstanceNorm2d),
  InstanceNorm3d: norm(InstanceNorm3d),
  RNNCell: cell(RNNCell),
  GRUCell: cell(GRUCell),
  LSTMCell: cell(LSTMCell),
  RNN: recurrent(RNN),
  GRU: recurrent(GRU),
  LSTM: recurrent(LSTM),
  Conv1d: convolution(Conv1d),
  Conv2d: convolution(Conv2d),
  Conv3d: convolution(Conv3d),
  ConvTranspose1d: convolution(ConvTranspose1d),
  ConvTranspose2d: convolution(ConvTranspose2d),
  ConvTranspose3d: convolution(ConvTranspose3d),
};

/** A function that makes the layer anew. Throws SkipCase for layers that are not here. */
export function layerFrom(text: string, how: How): () => Module {
  const printed = parse(text);
  const make = makers[printed.kind];
  if (make === undefined) throw new SkipCase(`layer ${printed.kind} is not in the table of init`);
  return () => make(printed, how);
}
