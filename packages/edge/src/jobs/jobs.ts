/** Many rows at once, computed later: a job is handed in, its parts go through a queue, its answers are fetched. */
import { digestOf, nameOfKey } from '../digest.ts';
import { RequestError, badInput } from '../error.ts';
import { readBody } from '../input.ts';
import { bearerOf } from '../middleware/keys.ts';
import { errorResponses } from '../openapi.ts';
import type { RequestContext, Router } from '../router.ts';
import type { Extension, Service } from '../service.ts';
import { JobFiles, isJobId, lineTypes, partsOf, rowsOf } from './job.ts';
import type { Job, JobPart } from './job.ts';
import type { JobStore } from './store.ts';
import { JobWorker } from './worker.ts';
import type { QueueBatch, WorkflowStep } from './worker.ts';

/** The producing side of a queue, as far as it is used here. */
export interface JobQueue {
  sendBatch(messages: Iterable<{ body: JobPart }>): Promise<unknown>;
}

export interface JobsOptions {
  /** Where rows and answers are kept: `() => r2Jobs(env.JOBS)`. */
  readonly store: () => JobStore;
  /** The queue of which `jobs.queue` is a consumer: `() => env.QUEUE`. */
  readonly queue?: () => JobQueue;
  /** In the place of a queue: starts a workflow that calls `jobs.workflow`. */
  readonly start?: (job: string) => Promise<unknown>;
  /** Name of the queue to which messages go that failed each time, which `jobs.queue` consumes as well. */
  readonly deadLetters?: string;
  /** Rows that are computed for one message. Default 32. */
  readonly rowsPerMessage?: number;
  /** Most rows of a job. Default 10,000. */
  readonly maxRows?: number;
  /** Largest body of a job, in bytes. Default 16 MiB. */
  readonly maxBytes?: number;
  /** Seconds until a message that failed is tried again; twice as long each time. Default 2. */
  readonly retryDelay?: number;
  /** Times that a workflow's step is tried; a queue has its own `max_retries`. Default 4. */
  readonly tries?: number;
  /** What makes the same rows another job: the deployment's id, say. */
  readonly version?: string | (() => string);
}

export interface Jobs extends Extension {
  /** The queues' consumer: `queue: (batch) => jobs.queue(batch)` beside `fetch`. */
  queue(batch: QueueBatch): Promise<void>;
  /** What a workflow does: `run: (event, step) => jobs.workflow(event.payload.job, step)`. */
  workflow(job: string, step: WorkflowStep): Promise<void>;
}

const most = (name: string, value: number): number => {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`${name} is a positive whole number, got ${value}`);
};

/** Messages that a queue takes at once. */
const messagesAtOnce = 100;
/** Writes under way at once: what the platform allows. */
const writesAtOnce = 6;

/**
 * The routes `POST /models/NAME/jobs`, `GET /jobs/ID`, `GET /jobs/ID/results` and `POST /jobs/ID/resume`, for
 * `serve({ extensions: [jobs] })`, and the consumer behind them.
 *
 * A job's id follows from what it asks and who asks, so that handing it in again is the same job. Messages may
 * come twice and fail midway: each part's answers are written once, whole.
 *
 * @throws RangeError for a limit that is no positive whole number.
 * @throws TypeError unless there is either a queue or a workflow to start.
 */
export function batchJobs(options: JobsOptions): Jobs {
  if ((options.queue === undefined) === (options.start === undefined)) {
    throw new TypeError('batchJobs needs either a queue or a workflow to start');
  }
  const { rowsPerMessage = 32, maxRows = 10_000, tries = 4, retryDelay = 2 } = options;
  const limits = {
    rowsPerMessage: most('rowsPerMessage', rowsPerMessage),
    maxRows: most('maxRows', maxRows),
    maxBytes: most('maxBytes', options.maxBytes ?? 16 * 2 ** 20),
  };
  most('tries', tries);
  if (!(retryDelay >= 0)) throw new RangeError(`retryDelay is seconds, got ${retryDelay}`);
  let worker: JobWorker | undefined;
  const working = (): JobWorker => {
    if (worker === undefined) throw new TypeError('give the jobs to serve({ extensions }) first');
    return worker;
  };
  return {
    mount: (router, service) => {
      worker = new JobWorker(service, options.store, retryDelay);
      new JobRoutes(service, options, limits).mount(router);
    },
    paths: () => paths,
    queue: (batch) =>
      batch.queue === options.deadLetters
        ? working().deadLetters(batch)
        : working().messages(batch),
    workflow: (job, step) => working().workflow(job, step, tries),
  };
}

interface Limits {
  readonly rowsPerMessage: number;
  readonly maxRows: number;
  readonly maxBytes: number;
}

class JobRoutes {
  readonly #service: Service;
  readonly #options: JobsOptions;
  readonly #limits: Limits;

  constructor(service: Service, options: JobsOptions, limits: Limits) {
    this.#service = service;
    this.#options = options;
    this.#limits = limits;
  }

  mount(router: Router): void {
    router.post('/models/:name/jobs', (c) => this.#submit(c));
    router.get('/jobs/:id', async (c) => c.json(await this.#status(await this.#job(c))));
    router.get('/jobs/:id/results', async (c) => this.#results(await this.#job(c)));
    router.post('/jobs/:id/resume', async (c) => {
      const job = await this.#job(c);
      await this.#send(job);
      return c.json(await this.#status(job), 202);
    });
  }

  get #files(): JobFiles {
    const store = this.#options.store();
    return new JobFiles({
      get: (key) => available(store.get(key)),
      put: (key, value) => available(store.put(key, value)),
      create: (key, value, notes) => available(store.create(key, value, notes)),
      list: (prefix) => available(store.list(prefix)),
    });
  }

  async #submit(c: RequestContext): Promise<Response> {
    const name = c.req.param('name')!;
    await this.#service.models.choose(name, c.req.raw);
    const version = this.#service.models.version(name);
    c.set('model', name);
    const type = (c.req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
    const isLines = lineTypes.includes(type);
    if (!isLines && type !== 'application/json') {
      const message = `send application/json or ${lineTypes.join(', ')}`;
      throw new RequestError(415, 'unsupported_media_type', message);
    }
    const rows = rowsOf(await readBody(c.req.raw, this.#limits.maxBytes), isLines);
    if (rows.length === 0) throw badInput('the job has no rows');
    const { maxRows, rowsPerMessage } = this.#limits;
    if (rows.length > maxRows) {
      const message = `the job has ${rows.length} rows, at most ${maxRows} are taken`;
      throw new RequestError(413, 'payload_too_large', message);
    }
    const owner = await ownerOf(c.req.raw);
    const { version: own = '' } = this.#options;
    const key = c.req.header('idempotency-key') ?? null;
    const about = [name, version, owner, key, typeof own === 'string' ? own : own()];
    const digest = await digestOf(JSON.stringify(about), '\n', rows.join('\n'));
    const id = digest.slice(0, 32);
    const created = new Date().toISOString();
    const files = this.#files;
    let job: Job = { id, model: name, version, rows: rows.length, rowsPerMessage, created, owner };
    const known = await files.job(id);
    if (known === undefined) {
      // The rows first: whoever finds the job finds them too.
      await inGroups(partsOf(job), writesAtOnce, (part) =>
        files.putRows(
          { job: id, part },
          rows.slice(part * rowsPerMessage, (part + 1) * rowsPerMessage),
        ),
      );
      await files.createJob(job);
    } else job = known;
    if (!(await files.isSent(id))) await this.#send(job);
    c.header('location', `/jobs/${id}`);
    return c.json(await this.#status(job), 202);
  }

  /** Messages for the parts that have no answers. */
  async #send(job: Job): Promise<void> {
    const { queue, start } = this.#options;
    if (start !== undefined) await available(start(job.id));
    else {
      const finished = await this.#files.finished(job.id);
      const missing = Array.from({ length: partsOf(job) }, (_, part) => part)
        .filter((part) => !finished.has(part))
        .map((part) => ({ body: { job: job.id, part } }));
      for (let at = 0; at < missing.length; at += messagesAtOnce) {
        await available(queue!().sendBatch(missing.slice(at, at + messagesAtOnce)));
      }
    }
    await this.#files.setSent(job.id);
  }

  /** @throws RequestError 404 for what is no job of this sender. */
  async #job(c: RequestContext): Promise<Job> {
    const id = c.req.param('id')!;
    const job = isJobId(id) ? await this.#files.job(id) : undefined;
    if (job === undefined || job.owner !== (await ownerOf(c.req.raw))) {
      throw new RequestError(404, 'not_found', 'there is no such job');
    }
    c.set('model', job.model);
    return job;
  }

  async #status(job: Job) {
    const parts = [...(await this.#files.finished(job.id)).values()];
    const answered = parts.reduce((sum, { rows }) => sum + rows, 0);
    const errors = parts.reduce((sum, part) => sum + part.errors, 0);
    const { id, model, version, rows, created } = job;
    return {
      id,
      model,
      version,
      status: parts.length === partsOf(job) ? 'done' : parts.length === 0 ? 'queued' : 'running',
      rows,
      finished: answered,
      errors,
      created,
    };
  }

  async #results(job: Job): Promise<Response> {
    const count = partsOf(job);
    const files = this.#files;
    const finished = await files.finished(job.id);
    if (finished.size < count) {
      const message = `${finished.size} of ${count} parts are finished`;
      throw new RequestError(409, 'not_ready', message, { headers: { 'retry-after': '1' } });
    }
    const encoder = new TextEncoder();
    let part = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (part === count) return controller.close();
          const text = await files.answers({ job: job.id, part });
          if (text === undefined) throw new Error(`part ${part} of job ${job.id} is gone`);
          controller.enqueue(encoder.encode(`${text}\n`));
          part += 1;
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
  }
}

/** What the platform did not do now it may do later. */
async function available<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new RequestError(503, 'unavailable', 'jobs cannot be kept or sent at the moment', {
      headers: { 'retry-after': '5' },
      cause,
    });
  }
}

/** Digest of the sender's key; nothing where nobody has one. */
async function ownerOf(request: Request): Promise<string> {
  const key = bearerOf(request);
  return key === undefined ? '' : nameOfKey(key);
}

async function inGroups(
  count: number,
  size: number,
  work: (i: number) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < count; at += size) {
    const group = Array.from({ length: Math.min(size, count - at) }, (_, i) => work(at + i));
    await Promise.all(group);
  }
}

const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
const errorContent = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
const state = {
  description: 'The job',
  content: { 'application/json': { schema: { type: 'object' } } },
};

const paths = {
  '/models/{name}/jobs': {
    post: {
      operationId: 'submit_job',
      summary: 'Hands in many rows, to be computed later',
      tags: ['jobs'],
      parameters: [{ ...id, name: 'name' }],
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: { type: 'array', items: { type: 'object' } } },
          ...Object.fromEntries(lineTypes.map((type) => [type, {}])),
        },
      },
      responses: { 202: state, ...errorResponses('Error') },
    },
  },
  '/jobs/{id}': {
    get: {
      operationId: 'job',
      summary: 'How far a job is',
      tags: ['jobs'],
      parameters: [id],
      responses: { 200: state, ...errorResponses('Error') },
    },
  },
  '/jobs/{id}/results': {
    get: {
      operationId: 'job_results',
      summary: 'Answers in the order of the rows, a line each',
      tags: ['jobs'],
      parameters: [id],
      responses: {
        200: { description: 'JSON lines', content: { 'application/x-ndjson': {} } },
        409: { description: 'Not all rows are finished', content: errorContent },
        ...errorResponses('Error'),
      },
    },
  },
  '/jobs/{id}/resume': {
    post: {
      operationId: 'resume_job',
      summary: 'Asks again for the parts that have no answers',
      tags: ['jobs'],
      parameters: [id],
      responses: { 202: state, ...errorResponses('Error') },
    },
  },
};
