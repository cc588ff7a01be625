/**
 * What a handler serves. Structural: an imported ONNX model fits, a compiled one does, and so does anything
 * else that runs.
 */
import type { HostArray } from '@hebb/core';
import type { ElementType, HostTensor } from '@hebb/runtime';

export interface ValueSignature {
  readonly name: string;
  /** A dtype name, as ONNX model signatures give it; missing for what is no tensor. */
  readonly dtype?: string;
  /** Numbers are fixed sizes, names and null are free ones; left out when even the rank is unknown. */
  readonly shape?: readonly (number | string | null)[];
}

/** An input: elements in storage form (bits for the 16-bit floats) with their shape. */
export type ServedTensor = { [D in ElementType]: HostTensor<D> }[ElementType];

/**
 * An output: elements in storage form, or a function that reads them as numbers (a `Tensor` of `@hebb/core`
 * has it). What has neither (strings, say) cannot be answered.
 */
export interface ServedValue {
  readonly dtype?: string;
  readonly shape?: readonly number[];
  readonly data?: HostArray | (() => Promise<HostArray>);
  dispose?(): void;
}

type Outputs = Record<string, ServedValue>;

export interface RunOptions {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which a model that can stop midway gives up. */
  readonly timeoutMs?: number;
}

/** Of a compiled model's plan: the shapes that its functions take. */
export interface ServedPlan {
  readonly functions: readonly {
    readonly inputs: readonly { readonly name: string }[];
    readonly signatures: readonly {
      /** In the order of the function's inputs. */
      readonly inputs: readonly { readonly shape: readonly number[] }[];
    }[];
  }[];
}

export interface ServedModel {
  readonly inputs: readonly ValueSignature[];
  readonly outputs: readonly ValueSignature[];
  /** Compiled models have it. */
  readonly plan?: ServedPlan;
  run(inputs: Record<string, ServedTensor>, options?: RunOptions): Outputs | Promise<Outputs>;
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
  /** Lets go of what the entry itself keeps of the model. */
  readonly unload?: () => void;
  readonly description?: string;
  /** Names of the classes, when the first output holds one score a class. */
  readonly labels?: readonly string[];
  /** Further media types beside JSON, such as `'image/png'`. */
  readonly decoders?: Readonly<Record<string, Decoder>>;
}

/** What can be loaded. */
export interface Loadable {
  readonly load: () => unknown;
  readonly unload?: () => void;
}

/** Several versions of one model under one name. */
export interface VersionedEntry<E extends Loadable = ModelEntry> {
  readonly versions: Readonly<Record<string, E>>;
  /** The version (or alias) that requests get which name none; `Models.use` changes it. */
  readonly current: string;
  /** Further names of versions: `{ stable: '1' }`. */
  readonly aliases?: Readonly<Record<string, string>>;
}
