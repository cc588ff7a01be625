/**
 * A text model in a small file: matrices as int8 with one scale a row, everything else as float32, in the
 * safetensors format, with sizes and characters as metadata.
 */
import { tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { decodeSafetensors, encodeSafetensors } from '@hebb/train';
import { textModel, vocabularyWith } from './text-model.ts';
import type { TextModel } from './text-model.ts';

const scaleName = (name: string): string => `${name}.scale`;

export async function packModel({
  model,
  vocabulary,
}: TextModel): Promise<Uint8Array<ArrayBuffer>> {
  const columns: Parameters<typeof encodeSafetensors>[0] = [];
  const list = columns as [
    string,
    { data: Float32Array | Int8Array; shape: readonly number[]; dtype: 'float32' | 'int8' },
  ][];
  for (const [name, value] of Object.entries(await model.stateDict())) {
    const data = Float32Array.from(await value.data(), Number);
    if (value.rank !== 2) {
      list.push([name, { data, shape: value.shape, dtype: 'float32' }]);
      continue;
    }
    const [rows, width] = value.shape as [number, number];
    const codes = new Int8Array(data.length);
    const scales = new Float32Array(rows);
    for (let row = 0; row < rows; row++) {
      const part = data.subarray(row * width, (row + 1) * width);
      const scale = part.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127 || 1;
      scales[row] = scale;
      part.forEach((x, i) => (codes[row * width + i] = Math.round(x / scale)));
    }
    list.push([name, { data: codes, shape: value.shape, dtype: 'int8' }]);
    list.push([scaleName(name), { data: scales, shape: [rows], dtype: 'float32' }]);
  }
  const { contextLength, layers, heads, width } = model.config;
  return encodeSafetensors(list, {
    config: JSON.stringify({ contextLength, layers, heads, width }),
    characters: JSON.stringify(vocabulary.tokens),
  });
}

/** @throws SafetensorsError for bytes that are no such file; Error when sizes or characters are missing. */
export function unpackModel(bytes: Uint8Array): TextModel {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const [config, characters] = [metadata.get('config'), metadata.get('characters')];
  if (config === undefined || characters === undefined) {
    throw new Error('the file is no text model: it names no sizes and characters');
  }
  const made = textModel(
    vocabularyWith(JSON.parse(characters) as string[]),
    JSON.parse(config) as { contextLength: number; layers: number; heads: number; width: number },
  );
  const values = new Map<string, Tensor>();
  for (const [name, { data, shape, dtype }] of tensors) {
    if (dtype === 'int8') {
      const scales = tensors.get(scaleName(name))?.data;
      if (scales === undefined) throw new Error(`the file has no scales for ${name}`);
      const width = shape[1]!;
      const numbers = Float32Array.from(
        data as Int8Array,
        (code, i) => code * Number(scales[Math.floor(i / width)]),
      );
      values.set(name, tensor(numbers, { shape }));
    } else if (!tensors.has(name.replace(/\.scale$/, '')) || !name.endsWith('.scale')) {
      values.set(name, tensor(data as Float32Array, { shape }));
    }
  }
  made.model.loadStateDict(values);
  return made;
}
