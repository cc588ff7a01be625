/** What an example found, as a record that the results table is made of. */
import { copyFile, mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeBytes } from '@hebb/data/node';

export interface Measure {
  readonly what: string;
  readonly value: number;
  /** Written after the number. */
  readonly unit?: string;
  /** Digits after the point; default 2. */
  readonly digits?: number;
  /** The example fails below or above this. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface ExampleResult {
  readonly name: string;
  readonly summary: string;
  readonly quick: boolean;
  readonly backend: string;
  readonly threads: number;
  readonly seconds: number;
  readonly measures: readonly Measure[];
  /** Facts without a number to compare: sizes, agreement, files. */
  readonly notes: readonly (readonly [what: string, said: string])[];
  readonly failures: readonly string[];
  /** Kept for the page of results. */
  readonly pictures?: readonly Picture[];
}

/** A curve or a grid that says more than a number. */
export interface Picture {
  readonly file: string;
  /** What it shows. */
  readonly alt: string;
}

/** Where pictures of the docs lie. */
const images = fileURLToPath(new URL('../../../docs/images/', import.meta.url));

/** The name of an example's picture among those of the docs. */
export const imageOf = (name: string, { file }: Picture): string => `${name}-${file}`;

/** The number as it is shown; no minus before a zero. */
export const format = ({ value, unit, digits = 2 }: Measure): string =>
  `${value.toFixed(digits).replace(/^-(?=[0.]+$)/, '')}${unit === undefined ? '' : ` ${unit}`}`;

export function wanted(measure: Measure): string {
  const { atLeast, atMost } = measure;
  if (atLeast !== undefined) return `at least ${format({ ...measure, value: atLeast })}`;
  return atMost === undefined ? '' : `at most ${format({ ...measure, value: atMost })}`;
}

/** Why a measure is not good enough; undefined when it is. NaN never is. */
export function shortfall(measure: Measure): string | undefined {
  const { what, value, atLeast, atMost } = measure;
  const good =
    !Number.isNaN(value) &&
    (atLeast === undefined || value >= atLeast) &&
    (atMost === undefined || value <= atMost);
  return good
    ? undefined
    : `${what} is ${format(measure)}, wanted ${wanted(measure) || 'a number'}`;
}

/** Results of full runs, kept in the repository. */
const folder = fileURLToPath(new URL('../results/', import.meta.url));

/** With copies of its pictures, which lie in `out`. */
export async function saveResult(result: ExampleResult, out: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const picture of result.pictures ?? []) {
    await copyFile(join(out, picture.file), join(images, imageOf(result.name, picture)));
  }
  const text = `${JSON.stringify(result, null, 2)}\n`;
  await writeBytes(join(folder, `${result.name}.json`), new TextEncoder().encode(text));
}

export async function savedResults(): Promise<ExampleResult[]> {
  const files = await readdir(folder).catch(() => []);
  return Promise.all(
    files
      .filter((file) => file.endsWith('.json'))
      .sort()
      .map(async (file) => JSON.parse(await readFile(join(folder, file), 'utf8')) as ExampleResult),
  );
}
