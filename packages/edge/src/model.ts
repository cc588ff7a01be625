/** What a handler serves. Structural: an imported ONNX model fits, and so does anything else that runs. */
import type { HostArray, Tensor } from '@hebb/core';

export interface ValueSignature {
  readonly name: string;
  /** A dtype name, as ONNX model signatures give it; missing for what is no tensor. */
  readonly dtype?: string;
  /** Numbers are fixed sizes, names and null are free ones; left out when even the rank is unknown. */
  readonly shape?: readonly (number | string | null)[];
}

/** An output that is no tensor of numbers (strings, say) is shown by its type only. */
export interface OpaqueValue {
  readonly dtype?: string;
}

export interface ServedModel {
  readonly inputs: readonly ValueSignature[];
  readonly outputs: readonly ValueSignature[];
  run(inputs: Record<string, Tensor>): Promise<Record<string, Tensor | OpaqueValue>>;
}

/** Host data of one input. */
export interface InputArray {
  readonly data: HostArray;
  readonly shape: readonly number[];
}

/** Turns a request body of some media type into the model's first input; throws when it cannot. */
export type Decoder = (body: Uint8Array) => InputArray | Promise<InputArray>;

export interface ModelEntry {
  /** Loads the model; called once, at the first request that needs it, and again after a failure. */
  readonly load: () => Promise<ServedModel> | ServedModel;
  readonly description?: string;
  /** Names of the classes, when the first output holds one score a class. */
  readonly labels?: readonly string[];
  /** Further media types beside JSON, such as `'image/png'`. */
  readonly decoders?: Readonly<Record<string, Decoder>>;
}
