/** Fitted transformers one after the other, and their JSON form, so that serving prepares rows as training did. */

import { DataError, reasonOf } from '../error.ts';
import { LabelEncoder, OneHotEncoder, OrdinalEncoder } from './encoders.ts';
import type { Categories, Category } from './encoders.ts';
import { Imputer } from './imputer.ts';
import { FittedScaler } from './scalers.ts';
import type { ScalerState } from './scalers.ts';
import type { Table } from './table.ts';

/** Anything that makes a table of a table; with `toJSON` it can be kept. */
export interface TableTransformer {
  transform(table: Table): Table;
  toJSON?(): object;
}

/**
 * Transformers in order, each fitted on what those before it made of the training part:
 *
 * ```ts
 * const prepare = TablePipeline.fit(train, [
 *   (t) => Imputer.fit(t),
 *   (t) => OneHotEncoder.fit(t),
 *   (t) => StandardScaler.fit(t, { columns: ['TEMP', 'PRES'] }),
 * ]);
 * const x = prepare.transform(test).toMatrix();
 * ```
 */
export class TablePipeline implements TableTransformer {
  readonly steps: readonly TableTransformer[];

  constructor(steps: readonly TableTransformer[]) {
    this.steps = [...steps];
  }

  static fit(train: Table, steps: readonly ((train: Table) => TableTransformer)[]): TablePipeline {
    let table = train;
    return new TablePipeline(
      steps.map((fit, i) => {
        const step = fit(table);
        if (i + 1 < steps.length) table = step.transform(table);
        return step;
      }),
    );
  }

  transform(table: Table): Table {
    return this.steps.reduce((result, step) => step.transform(result), table);
  }

  toJSON(): object {
    return {
      kind: 'TablePipeline',
      steps: this.steps.map((step, i) => {
        if (step.toJSON !== undefined) return step.toJSON();
        throw new DataError('TablePipeline', `step ${i} has no JSON form`);
      }),
    };
  }
}

interface Kept {
  readonly kind: string;
  readonly steps: readonly unknown[];
  readonly categories: Categories;
  readonly classes: readonly Category[];
  readonly fill: Readonly<Record<string, number | string>>;
  readonly indicators: readonly string[];
}

/** A transformer from what its `toJSON` gave. @throws DataError for anything else. */
export function transformerFromJSON(json: unknown): TableTransformer {
  const op = 'transformerFromJSON';
  const kept = json as Kept;
  try {
    switch (kept.kind) {
      case 'TablePipeline':
        return new TablePipeline(kept.steps.map(transformerFromJSON));
      case 'Scaler':
        return new FittedScaler(json as ScalerState);
      case 'OneHotEncoder':
        return new OneHotEncoder(kept.categories, json as object);
      case 'OrdinalEncoder':
        return new OrdinalEncoder(kept.categories, json as object);
      case 'Imputer':
        return new Imputer(kept.fill, kept.indicators);
    }
  } catch (cause) {
    throw new DataError(op, `not a transformer's JSON: ${reasonOf(cause)}`, { cause });
  }
  throw new DataError(op, 'not a transformer', {
    got: JSON.stringify((json as Partial<Kept> | null)?.kind ?? null),
  });
}

/** A LabelEncoder from what its `toJSON` gave. */
export function labelEncoderFromJSON(json: unknown): LabelEncoder {
  const { kind, classes } = json as Kept;
  if (kind === 'LabelEncoder' && Array.isArray(classes)) return new LabelEncoder(classes);
  throw new DataError('labelEncoderFromJSON', "not a LabelEncoder's JSON");
}
