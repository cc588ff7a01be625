/** What a job is, and what of it lies where. */
import { badInput } from '../error.ts';
import { parseJson } from '../input.ts';
import type { JobStore, Notes } from './store.ts';

/** What the store knows of a job. */
export interface Job {
  readonly id: string;
  readonly model: string;
  /** The model's version at the time of the request: all rows are computed by it. */
  readonly version: string;
  readonly rows: number;
  readonly rowsPerMessage: number;
  readonly created: string;
  /** Digest of the sender's key; nobody else may see the job. */
  readonly owner: string;
}

/** What stands in a message, or in a workflow's parameters together with the job alone. */
export interface JobPart {
  readonly job: string;
  readonly part: number;
}

export const isJobPart = (value: unknown): value is JobPart => {
  const { job, part } = (value ?? {}) as Partial<Record<keyof JobPart, unknown>>;
  return typeof job === 'string' && isJobId(job) && Number.isSafeInteger(part) && Number(part) >= 0;
};

export const isJobId = (id: string): boolean => /^[0-9a-f]{32}$/.test(id);

/** Widths are fixed, so that a list is in order. */
const keyOf = (id: string, kind: string, part?: number): string =>
  `jobs/${id}/${kind}${part === undefined ? '' : `/${String(part).padStart(6, '0')}`}`;

/** A row's place in the job, and its answer as a line of JSON. */
export type Lines = ReadonlyMap<number, string>;

/** A job's values in a store. */
export class JobFiles {
  readonly #store: JobStore;

  constructor(store: JobStore) {
    this.#store = store;
  }
  async job(id: string): Promise<Job | undefined> {
    const text = await this.#store.get(keyOf(id, 'job'));
    return text === undefined ? undefined : (JSON.parse(text) as Job);
  }
  createJob(job: Job): Promise<boolean> {
    return this.#store.create(keyOf(job.id, 'job'), JSON.stringify(job));
  }
  /** Whether all of its messages have been sent once. */
  async isSent(id: string): Promise<boolean> {
    return (await this.#store.get(keyOf(id, 'sent'))) !== undefined;
  }
  async setSent(id: string): Promise<void> {
    await this.#store.put(keyOf(id, 'sent'), new Date().toISOString());
  }
  putRows({ job, part }: JobPart, rows: readonly string[]): Promise<void> {
    return this.#store.put(keyOf(job, 'in', part), rows.join('\n'));
  }
  async rows({ job, part }: JobPart): Promise<readonly string[] | undefined> {
    return (await this.#store.get(keyOf(job, 'in', part)))?.split('\n');
  }
  /** Answers of a part that is not complete: some of its rows failed, and are tried again. */
  async some({ job, part }: JobPart): Promise<Lines> {
    const text = await this.#store.get(keyOf(job, 'some', part));
    return new Map(text === undefined ? [] : (JSON.parse(text) as [number, string][]));
  }
  putSome({ job, part }: JobPart, lines: Lines): Promise<void> {
    return this.#store.put(keyOf(job, 'some', part), JSON.stringify([...lines]));
  }
  /** The answers of a whole part, once and for all: `false` when they are there already. */
  finish({ job, part }: JobPart, lines: readonly string[], errors: number): Promise<boolean> {
    const notes: Notes = { rows: String(lines.length), errors: String(errors) };
    return this.#store.create(keyOf(job, 'out', part), lines.join('\n'), notes);
  }
  answers({ job, part }: JobPart): Promise<string | undefined> {
    return this.#store.get(keyOf(job, 'out', part));
  }
  /** Parts that are complete, with their numbers of rows and of errors among them. */
  async finished(id: string): Promise<Map<number, { rows: number; errors: number }>> {
    const listed = await this.#store.list(keyOf(id, 'out/'));
    return new Map(
      [...listed].map(([key, notes]) => [
        Number(key.slice(key.lastIndexOf('/') + 1)),
        { rows: Number(notes['rows'] ?? 0), errors: Number(notes['errors'] ?? 0) },
      ]),
    );
  }
}

export const partsOf = ({ rows, rowsPerMessage }: Job): number => Math.ceil(rows / rowsPerMessage);

export const lineTypes = ['application/jsonl', 'application/x-ndjson', 'application/x-jsonlines'];

/** The rows of a body, each as JSON on one line: what `POST /models/NAME/predict` takes. */
export function rowsOf(body: Uint8Array, isLines: boolean): readonly string[] {
  if (!isLines) {
    const list = parseJson(body);
    if (!Array.isArray(list)) throw badInput('the body must be a list of requests, or JSON lines');
    return list.map((row: unknown) => JSON.stringify(row));
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw badInput('the body is no text in UTF-8');
  }
  // What is wrong in a line is that row's own error.
  return text.split(/\r?\n/).filter((line) => line.trim() !== '');
}
