/** What a check runs: a model and sets of inputs with the outputs that they must give. */
import type { ModelProto } from '../codec/types.ts';
import type { OnnxValue } from '../codec/value.ts';
import type { OnnxModel } from '../import/model.ts';

export interface TestData {
  readonly inputs: Readonly<Record<string, OnnxValue>>;
  readonly outputs: Readonly<Record<string, OnnxValue>>;
}

export interface TestSet {
  readonly name: string;
  /** The model says how the files are to be read. */
  read(model: OnnxModel): Promise<TestData>;
}

export interface TestCase {
  readonly name: string;
  /** The folder or file that it comes from. */
  readonly folder: string;
  model(): Promise<ModelProto>;
  readonly sets: readonly TestSet[];
}

/** `_2` before `_10`. */
export const byNumber = (a: string, b: string): number => numberOf(a) - numberOf(b);

export const numberOf = (file: string): number => Number(/(\d+)(\.\w+)?$/.exec(file)?.[1] ?? 0);
