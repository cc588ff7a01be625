/**
 * Tensor data that lies in files beside the model. The codec touches no file: the caller resolves
 * a location to bytes (`node.ts` does so safely for the model's folder).
 */
import { DataLocation, dtypeName, packedByteLength } from './dtypes.ts';
import { OnnxFormatError } from './errors.ts';
import { elementCount } from './shape.ts';
import type { ModelProto, TensorProto } from './types.ts';
import { mapTensors, tensorsOf } from './walk.ts';

/** Gives `length` bytes at `offset` of the file `location`, relative to the model's folder. */
export type ExternalResolver = (location: string, offset: number, length: number) => Uint8Array;

/** As {@link ExternalResolver}, for sources that answer later: fetch, object storage, files. */
export type AsyncExternalResolver = (
  location: string,
  offset: number,
  length: number,
) => Uint8Array | Promise<Uint8Array>;

/** Where a tensor's data lies. */
export interface ExternalPlace {
  readonly location: string;
  readonly offset: number;
  /** Bytes that element type and shape take. */
  readonly length: number;
}

/** Whether the tensor's data lies outside of the file. */
export function isExternal(tensor: { readonly dataLocation?: number }): boolean {
  return tensor.dataLocation === DataLocation.EXTERNAL;
}

/**
 * The place that an external tensor names.
 * @throws OnnxFormatError when it has no location, or offset and length are no numbers or do not
 *   fit the shape.
 */
export function externalPlace(tensor: TensorProto): ExternalPlace {
  const where = `tensor ${JSON.stringify(tensor.name ?? '')}`;
  const dtype = dtypeName(tensor.dataType, where);
  if (dtype === 'string') {
    throw new OnnxFormatError(`${where}: strings cannot be stored as external data`);
  }
  const needed = packedByteLength(dtype, elementCount(tensor.dims, where));
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location');
  if (!location) throw new OnnxFormatError(`${where}: external data without a location`);
  const length = bytes(entries.get('length'), 'length', where) ?? needed;
  if (length !== needed) {
    throw new OnnxFormatError(
      `${where}: shape [${tensor.dims.join(',')}] of ${dtype} takes ${needed} bytes, ` +
        `but its external data has ${length}`,
    );
  }
  return { location, offset: bytes(entries.get('offset'), 'offset', where) ?? 0, length };
}

function bytes(text: string | undefined, what: string, where: string): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(number)) {
    throw new OnnxFormatError(`${where}: external data has ${what} ${JSON.stringify(text)}`);
  }
  return number;
}

/** The bytes of an external tensor. */
export function readExternal(
  tensor: TensorProto,
  resolve: ExternalResolver | undefined,
): Uint8Array {
  const place = externalPlace(tensor);
  if (resolve === undefined) {
    throw new OnnxFormatError(
      `tensor ${JSON.stringify(tensor.name ?? '')}: its data lies in ${JSON.stringify(place.location)}` +
        `; pass \`resolve\`, or read the model with readModelFile or loadExternalData`,
    );
  }
  return checked(tensor, place, resolve(place.location, place.offset, place.length));
}

function checked(tensor: TensorProto, place: ExternalPlace, data: Uint8Array): Uint8Array {
  if (data.byteLength === place.length) return data;
  throw new OnnxFormatError(
    `tensor ${JSON.stringify(tensor.name ?? '')}: wanted ${place.length} bytes at ${place.offset} of ` +
      `${JSON.stringify(place.location)}, got ${data.byteLength}`,
  );
}

/**
 * The model with all external data read in, wherever it occurs: initialisers, attributes,
 * subgraphs, functions.
 * @throws OnnxFormatError as {@link externalPlace}, or when `resolve` gives another number of bytes
 *   than asked for; whatever `resolve` throws.
 */
export async function loadExternalData(
  model: ModelProto,
  resolve: AsyncExternalResolver,
): Promise<ModelProto> {
  const loaded = new Map<TensorProto, Uint8Array>();
  for (const tensor of tensorsOf(model)) {
    if (!isExternal(tensor)) continue;
    const place = externalPlace(tensor);
    const data = await resolve(place.location, place.offset, place.length);
    loaded.set(tensor, checked(tensor, place, data));
  }
  if (loaded.size === 0) return model;
  return mapTensors(model, (tensor) => {
    const rawData = loaded.get(tensor);
    if (rawData === undefined) return tensor;
    const { dataLocation: _, ...rest } = tensor;
    return { ...rest, externalData: [], rawData };
  });
}
