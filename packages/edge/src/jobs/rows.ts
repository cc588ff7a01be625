/** Rows of a part to answers. */
import { RequestError } from '../error.ts';
import { jsonInputs, parseTensors } from '../input.ts';
import type { Loaded } from '../models.ts';
import { runModel } from '../output.ts';
import { answer } from '../protocols/plain.ts';
import type { Lines } from './job.ts';

export interface Computed {
  /** Answers and the rows' own errors, by their place in the part. */
  readonly lines: Map<number, string>;
  /** Rows that are wrong whenever they are tried. */
  readonly errors: number;
  /** Why rows failed that may do better another time. */
  readonly failures: readonly unknown[];
}

const errorLine = (index: number, { code, message }: RequestError): string =>
  JSON.stringify({ index, error: { code, message } });

/** A row that was given up. */
export const givenUp = (index: number): string =>
  errorLine(index, new RequestError(500, 'internal', 'this row failed each time it was tried'));

const isError = (line: string): boolean => /^\{"index":\d+,"error":/.test(line);
export const countErrors = (lines: Iterable<string>): number => [...lines].filter(isError).length;

/**
 * Computes the rows that are not there yet, all at once, so that a batched model computes them together.
 * @param first Place of the first row in the job.
 */
export async function computeRows(
  { name, entry, model }: Loaded,
  rows: readonly string[],
  first: number,
  known: Lines,
): Promise<Computed> {
  const lines = new Map(known);
  const failures: unknown[] = [];
  const one = async (text: string, i: number): Promise<void> => {
    if (known.has(i)) return;
    const index = first + i;
    try {
      const inputs = jsonInputs(parseTensors(new TextEncoder().encode(text)), model.inputs);
      const given = await answer(name, await runModel(model, inputs), entry.labels);
      lines.set(i, JSON.stringify({ index, ...given }));
    } catch (error) {
      if (error instanceof RequestError && error.status < 500) {
        lines.set(i, errorLine(index, error));
      } else failures.push(error);
    }
  };
  await Promise.all(rows.map(one));
  return { lines, errors: countErrors(lines.values()), failures };
}
