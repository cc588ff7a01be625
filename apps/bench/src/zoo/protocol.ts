/** What the process that loads a published model is told, and what it answers. */

export interface ZooTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The elements' bytes in base64. */
  readonly bytes: string;
}

export interface ZooTask {
  /** Path of the ONNX file. */
  readonly model: string;
  readonly inputs: readonly ZooTensor[];
  /** Names, in the order of `ZooAnswer.outputs`. */
  readonly outputs: readonly string[];
  /** For repeated calls. */
  readonly milliseconds: number;
}

export interface ZooAnswer {
  /** Milliseconds from the file on the disk to the first answer. */
  readonly load: number;
  /** The same once more in the same process: without what the library itself takes to start. */
  readonly again: number;
  /** Largest resident memory up to the first answer, beyond what was there before. */
  readonly peakBytes: number;
  /** Median of later calls. */
  readonly call: number;
  /** base64 of float32. */
  readonly outputs: readonly string[];
}

export type ZooContender = 'hebb' | 'ort';
