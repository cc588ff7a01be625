/** The side that computes: messages of a queue, or steps of a workflow. */
import type { Service } from '../service.ts';
import { JobFiles, isJobPart, partsOf } from './job.ts';
import type { Job, JobPart } from './job.ts';
import { computeRows, countErrors, givenUp } from './rows.ts';
import type { JobStore } from './store.ts';

/** The part of a queue's message that is used here. */
export interface QueueMessage {
  readonly id: string;
  readonly body: unknown;
  /** 1 the first time. */
  readonly attempts: number;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

/** What a queue's consumer gets. */
export interface QueueBatch {
  /** Name of the queue. */
  readonly queue: string;
  readonly messages: readonly QueueMessage[];
}

/** A workflow's step, as far as it is used here. */
export interface WorkflowStep {
  do(
    name: string,
    config: {
      retries: { limit: number; delay: number; backoff: 'exponential' };
      timeout?: number;
    },
    work: () => Promise<string>,
  ): Promise<string>;
}

/** How it went with a part. */
type Outcome = 'done' | 'duplicate' | 'gone';

/** A part of whose rows some failed. Not for clients: the causes go to `onError`. */
class PartFailed extends Error {
  constructor(count: number) {
    super(`${count} rows failed`);
    this.name = 'PartFailed';
  }
}

export class JobWorker {
  readonly #service: Service;
  readonly #store: () => JobStore;
  readonly #retryDelay: number;

  constructor(service: Service, store: () => JobStore, retryDelay: number) {
    this.#service = service;
    this.#store = store;
    this.#retryDelay = retryDelay;
  }

  get #files(): JobFiles {
    return new JobFiles(this.#store());
  }

  /** Computes each message's part. What fails comes again later, and goes to the dead letters in the end. */
  async messages({ messages }: QueueBatch): Promise<void> {
    for (const message of messages) {
      const { body, attempts } = message;
      if (!isJobPart(body)) {
        // It would be as wrong another time.
        this.#failed(new TypeError(`message ${message.id} is no part of a job`));
        this.#count('refused');
        message.ack();
        continue;
      }
      try {
        this.#count(await this.#compute(body));
        message.ack();
      } catch (error) {
        this.#failed(error);
        this.#count('retry');
        message.retry({ delaySeconds: this.#retryDelay * 2 ** Math.min(attempts - 1, 8) });
      }
    }
  }

  /** Parts that failed each time: their rows that are missing become errors, so that the job ends. */
  async deadLetters({ messages }: QueueBatch): Promise<void> {
    for (const message of messages) {
      try {
        if (isJobPart(message.body)) await this.#giveUp(message.body);
        message.ack();
      } catch (error) {
        this.#failed(error);
        message.retry({ delaySeconds: this.#retryDelay });
      }
    }
  }

  /** All parts of a job as steps of a workflow, each tried so many times. */
  async workflow(id: string, step: WorkflowStep, tries: number): Promise<void> {
    const job = await this.#files.job(id);
    if (job === undefined) throw new TypeError(`there is no job ${id}`);
    const retries = {
      limit: tries - 1,
      delay: this.#retryDelay * 1000,
      backoff: 'exponential' as const,
    };
    for (let part = 0; part < partsOf(job); part++) {
      const name = `part ${part}`;
      try {
        await step.do(name, { retries }, () => this.#compute({ job: id, part }));
      } catch (error) {
        this.#failed(error);
        await step.do(`${name} given up`, { retries }, async () => {
          await this.#giveUp({ job: id, part });
          return 'dead';
        });
      }
    }
  }

  async #compute(part: JobPart): Promise<Outcome> {
    const files = this.#files;
    if ((await files.answers(part)) !== undefined) return 'duplicate';
    const found = await this.#read(files, part);
    // The store may lag behind the queue.
    if (found === undefined) throw new Error(missing(part));
    const { job, rows } = found;
    const loaded = await this.#service.models.load(job.model, job.version);
    const known = await files.some(part);
    const first = part.part * job.rowsPerMessage;
    const { lines, errors, failures } = await computeRows(loaded, rows, first, known);
    if (failures.length > 0) {
      for (const failure of failures) this.#failed(failure);
      if (lines.size > known.size) await files.putSome(part, lines);
      throw new PartFailed(failures.length);
    }
    return this.#finish(files, job, part, inOrder(lines, rows.length, first), errors);
  }

  async #giveUp(part: JobPart): Promise<void> {
    const files = this.#files;
    const found = await this.#read(files, part);
    if (found === undefined) {
      this.#failed(new Error(missing(part)));
      return this.#count('refused');
    }
    const { job, rows } = found;
    const first = part.part * job.rowsPerMessage;
    const lines = inOrder(await files.some(part), rows.length, first);
    this.#count('dead');
    await this.#finish(files, job, part, lines, countErrors(lines));
  }

  async #finish(
    files: JobFiles,
    { model }: Job,
    part: JobPart,
    lines: readonly string[],
    errors: number,
  ): Promise<Outcome> {
    if (!(await files.finish(part, lines, errors))) return 'duplicate';
    const { jobRows } = this.#service.metrics;
    jobRows.add({ model, outcome: 'answered' }, lines.length - errors);
    if (errors > 0) jobRows.add({ model, outcome: 'error' }, errors);
    return 'done';
  }

  async #read(
    files: JobFiles,
    part: JobPart,
  ): Promise<{ job: Job; rows: readonly string[] } | undefined> {
    const job = await files.job(part.job);
    const rows = await files.rows(part);
    return job === undefined || rows === undefined ? undefined : { job, rows };
  }

  #count(outcome: Outcome | 'retry' | 'dead' | 'refused'): void {
    this.#service.metrics.jobMessages.add({ outcome });
  }
  #failed(error: unknown): void {
    this.#service.onError(error, new Request('https://queue.hebb.invalid/'));
  }
}

/** Answers in the order of the rows; those that are missing are given up. */
const inOrder = (lines: ReadonlyMap<number, string>, count: number, first: number): string[] =>
  Array.from({ length: count }, (_, i) => lines.get(i) ?? givenUp(first + i));

const missing = ({ job, part }: JobPart): string =>
  `part ${part} of job ${job} is not in the store`;
