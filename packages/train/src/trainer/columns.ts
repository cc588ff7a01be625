/** Which columns of a data set go into the model, and which one is what should come out. */
import { fail, formatShape, isInteger } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { findBadLabel } from '../data/check-columns.ts';
import type { Batch } from '../data/loader.ts';

export interface ColumnOptions {
  /** Columns that `model.forward` takes, in order; default all but the target. */
  readonly inputs?: readonly string[];
  /** The column that the loss compares with; default the last one. */
  readonly target?: string;
}

export interface Columns {
  readonly targetName: string;
  of(batch: Batch): { inputs: Tensor[]; target: Tensor };
}

/** Resolves the names against the columns that are there. */
export function assign(batch: Batch, { inputs, target }: ColumnOptions): Columns {
  const names = Object.keys(batch.tensors);
  const targetName = target ?? names.at(-1) ?? fail('Trainer', 'the data set has no columns');
  const inputNames = inputs ?? names.filter((name) => name !== targetName);
  const check = (name: string): void => {
    if (!names.includes(name)) fail('Trainer', 'there is no such column', name, names.join(', '));
  };
  check(targetName);
  inputNames.forEach(check);
  if (inputNames.length === 0) {
    fail('Trainer', 'needs a column for the model and one for the loss', names.join(', '));
  }
  return {
    targetName,
    of: ({ tensors }) => ({
      inputs: inputNames.map((name) => tensors[name]!),
      target: tensors[targetName]!,
    }),
  };
}

/** The model's inputs alone: the named ones, or all but the target, which need not be there. */
export function inputsOf({ tensors }: Batch, { inputs, target }: ColumnOptions): Tensor[] {
  const names = Object.keys(tensors);
  if (inputs !== undefined) {
    return inputs.map(
      (name) => tensors[name] ?? fail('Trainer', 'there is no such column', name, names.join(', ')),
    );
  }
  const targetName = target ?? (names.length > 1 ? names.at(-1) : undefined);
  return names.filter((name) => name !== targetName).map((name) => tensors[name]!);
}

/** PyTorch's `ignore_index`: such targets do not count. */
const ignored = -100;

/** Throws when integer targets of a classifier are not numbers of its classes, naming the sample. */
export function checkLabels(batch: Batch, name: string, output: readonly number[]): void {
  const column = batch.host[name]!;
  if (!isInteger(column.dtype) || column.shape.length !== output.length - 1) return;
  const classes = output[1]!;
  if (classes === 1) return; // one score, of class 1 or of something real: its target is no class number
  const bad = findBadLabel(column, classes, ignored);
  if (bad === undefined) return;
  fail(
    'Trainer',
    `column "${name}" of sample ${batch.indices[bad.row]} holds label ${bad.value}, but the model ` +
      `has ${classes} classes, 0 to ${classes - 1}`,
    `output ${formatShape(output)}`,
  );
}
