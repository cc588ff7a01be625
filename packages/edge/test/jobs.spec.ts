/** Jobs over a store and a queue in memory, which deliver twice, fail and forget; workerd is in apps/edge-worker. */
import { batchJobs, batched, kvJobs, localQueue, memoryJobs, r2Jobs, serve } from '../src/index.ts';
import type {
  JobBucket,
  JobNamespace,
  JobStore,
  Jobs,
  JobsOptions,
  Notes,
  QueueMessage,
  ServedModel,
  Server,
} from '../src/index.ts';
import { ask, echo } from './models.ts';

class Memory implements JobStore {
  readonly values = new Map<string, { value: string; notes: Notes }>();
  writes = 0;
  get = (key: string) => Promise.resolve(this.values.get(key)?.value);
  put(key: string, value: string): Promise<void> {
    this.writes += 1;
    this.values.set(key, { value, notes: {} });
    return Promise.resolve();
  }
  create(key: string, value: string, notes: Notes = {}): Promise<boolean> {
    if (this.values.has(key)) return Promise.resolve(false);
    this.writes += 1;
    this.values.set(key, { value, notes });
    return Promise.resolve(true);
  }
  list = (prefix: string) =>
    Promise.resolve(
      new Map(
        [...this.values].flatMap(([k, { notes }]) => (k.startsWith(prefix) ? [[k, notes]] : [])),
      ),
    );
}

interface Held {
  readonly body: unknown;
  attempts: number;
}

/** Delivers in batches, tries `max_retries` times again, then moves to the dead letters. */
class Queue {
  waiting: Held[] = [];
  dead: Held[] = [];
  readonly delays: (number | undefined)[] = [];
  sendBatch = (messages: Iterable<{ body: unknown }>) => {
    this.waiting.push(...[...messages].map(({ body }) => ({ body, attempts: 0 })));
    return Promise.resolve();
  };
  async deliver(jobs: Jobs, name = 'jobs', list = this.waiting.splice(0)): Promise<void> {
    const messages = list.map((held, i): QueueMessage => {
      held.attempts += 1;
      return {
        id: String(i),
        body: held.body,
        attempts: held.attempts,
        ack: () => undefined,
        retry: ({ delaySeconds } = {}) => {
          this.delays.push(delaySeconds);
          (held.attempts > 3 ? this.dead : this.waiting).push(held);
        },
      };
    });
    await jobs.queue({ queue: name, messages });
  }
  async drain(jobs: Jobs): Promise<void> {
    while (this.waiting.length > 0) await this.deliver(jobs);
    if (this.dead.length > 0) await this.deliver(jobs, 'dead', this.dead.splice(0));
  }
}

function served(more: Partial<JobsOptions> = {}, keys?: string[]) {
  const store = new Memory();
  const queue = new Queue();
  const errors: unknown[] = [];
  let runs = 0;
  let broken: (x: number) => boolean = () => false;
  const model: ServedModel = {
    ...echo,
    run: ({ x }) => {
      runs += x!.shape[0]!;
      if (broken(Number(x!.data[0]))) throw new Error('a secret');
      return { y: x! };
    },
  };
  const jobs = batchJobs({
    store: () => store,
    queue: () => queue,
    deadLetters: 'dead',
    rowsPerMessage: 4,
    ...more,
  });
  const server = serve({
    models: { echo: { load: () => model, labels: ['a', 'b'] } },
    extensions: [jobs],
    onError: (error) => errors.push(error),
    ...(keys === undefined ? {} : { keys }),
  });
  return {
    ...{ store, queue, errors, jobs, server },
    runs: () => runs,
    breakAt: (when: typeof broken) => void (broken = when),
  };
}

const rows = (count: number) => Array.from({ length: count }, (_, i) => ({ input: [[i, 0.5]] }));
const submit = async ({ fetch }: Server, body: unknown, headers = {}) => {
  const { status, json, headers: got } = await ask(fetch, '/models/echo/jobs', body, headers);
  return { status, json, id: String(json['id']), location: got.get('location') };
};
async function results({ fetch }: Server, id: string): Promise<Record<string, unknown>[]> {
  const response = await fetch(new Request(`http://localhost/jobs/${id}/results`));
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'application/x-ndjson',
  ]);
  const text = await response.text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
const outputsOf = (line: Record<string, unknown>) =>
  (line['outputs'] as { y: { data: number[] } } | undefined)?.y.data;

it('computes all rows, in order, and tells how far it is', async () => {
  const { server, queue, jobs, runs } = served();
  const { status, json, id, location } = await submit(server, rows(10));
  expect([status, location]).toEqual([202, `/jobs/${id}`]);
  expect(json).toMatchObject({ status: 'queued', rows: 10, finished: 0, errors: 0, model: 'echo' });
  expect(queue.waiting).toHaveLength(3);
  const early = await ask(server.fetch, `/jobs/${id}/results`);
  expect([early.status, early.headers.get('retry-after')]).toEqual([409, '1']);
  await queue.deliver(jobs, 'jobs', queue.waiting.splice(2));
  expect((await ask(server.fetch, `/jobs/${id}`)).json).toMatchObject({
    status: 'running',
    finished: 2,
  });
  await queue.drain(jobs);
  expect((await ask(server.fetch, `/jobs/${id}`)).json).toMatchObject({
    status: 'done',
    finished: 10,
    errors: 0,
  });
  const lines = await results(server, id);
  expect(lines.map((line) => [line['index'], outputsOf(line)])).toEqual(
    rows(10).map(({ input }, i) => [i, input[0]]),
  );
  expect(lines[3]!['predictions']).toEqual([{ label: 'a', index: 0, score: 3 }]);
  expect(runs()).toBe(10);
  expect(server.metrics.toString()).toContain(
    'hebb_job_rows_total{model="echo",outcome="answered"} 10',
  );
});

it('takes JSON lines, and a wrong row is that row’s own error', async () => {
  const { server, queue, jobs } = served();
  const body = '{"input":[[1,2]]}\r\n\n{"input":[["x",2]]}\nnot json\n{"input":[[3,4]]}\n';
  const response = await server.fetch(
    new Request('http://localhost/models/echo/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body,
    }),
  );
  const { id, rows: count } = (await response.json()) as { id: string; rows: number };
  expect(count).toBe(4);
  await queue.drain(jobs);
  const lines = await results(server, id);
  expect(lines.map((line) => (line['error'] as { code?: string } | undefined)?.code)).toEqual([
    ...[undefined, 'bad_input'],
    ...['bad_json', undefined],
  ]);
  expect((await ask(server.fetch, `/jobs/${id}`)).json).toMatchObject({
    status: 'done',
    errors: 2,
  });
});

it('is the same job when it is handed in again, and computes nothing twice', async () => {
  const { server, queue, jobs, runs, store } = served();
  const first = await submit(server, rows(9));
  expect((await submit(server, rows(9))).id).toBe(first.id);
  expect(queue.waiting).toHaveLength(3);
  // Delivered twice, one after the other and at the same time.
  const twice = queue.waiting.map(({ body }) => ({ body, attempts: 0 }));
  await queue.deliver(jobs, 'jobs', [...twice, ...twice]);
  await Promise.all([queue.deliver(jobs), queue.deliver(jobs, 'jobs', [...twice])]);
  expect(runs()).toBe(9);
  const { writes } = store;
  expect((await submit(server, rows(9))).json).toMatchObject({ status: 'done' });
  expect([store.writes, queue.waiting.length]).toEqual([writes, 0]);
  expect(server.metrics.toString()).toMatch(/hebb_job_messages_total\{outcome="duplicate"\} 9/);
  const other = await submit(server, rows(9), { 'idempotency-key': 'again' });
  expect(other.id).not.toBe(first.id);
  expect((await submit(server, rows(8))).id).not.toBe(first.id);
});

it('tries again what failed, without computing what went well, and gives up in the end', async () => {
  const { server, queue, jobs, runs, breakAt, errors } = served();
  breakAt((x) => x === 2 || x === 5);
  const { id } = await submit(server, rows(9));
  await queue.deliver(jobs);
  expect((await ask(server.fetch, `/jobs/${id}`)).json).toMatchObject({ finished: 1 });
  breakAt((x) => x === 5);
  await queue.drain(jobs);
  expect((await ask(server.fetch, `/jobs/${id}`)).json).toMatchObject({
    status: 'done',
    finished: 9,
    errors: 1,
  });
  const lines = await results(server, id);
  expect(lines[5]).toEqual({
    index: 5,
    error: { code: 'internal', message: 'this row failed each time it was tried' },
  });
  expect(lines.filter((line) => outputsOf(line) !== undefined)).toHaveLength(8);
  // 9 rows, row 2 twice, row 5 four times.
  expect(runs()).toBe(9 + 1 + 3);
  expect(queue.delays).toEqual([2, 2, 4, 8, 16]);
  expect(JSON.stringify(lines)).not.toContain('secret');
  expect(errors.some((error) => (error as Error).message === 'a secret')).toBe(true);
  expect(server.metrics.toString()).toContain('hebb_job_messages_total{outcome="dead"} 1');
});

it('resumes what was lost: messages, a half-sent job, a store that failed', async () => {
  const { server, queue, jobs, store } = served();
  const { id } = await submit(server, rows(12));
  await queue.deliver(jobs, 'jobs', queue.waiting.splice(0, 1));
  queue.waiting = [];
  const resumed = await ask(server.fetch, `/jobs/${id}/resume`, {});
  expect([resumed.status, queue.waiting.length]).toEqual([202, 2]);
  await queue.drain(jobs);
  expect((await results(server, id)).map((line) => line['index'])).toEqual([...rows(12).keys()]);

  const { sendBatch } = queue;
  queue.sendBatch = () => Promise.reject(new Error('the queue is down'));
  const refused = await submit(server, rows(5));
  expect([refused.status, refused.json]).toEqual([
    503,
    { error: { code: 'unavailable', message: expect.any(String) as string } },
  ]);
  queue.sendBatch = sendBatch;
  expect((await submit(server, rows(5))).status).toBe(202);
  expect(queue.waiting).toHaveLength(2);
  const { get } = store;
  store.get = () => Promise.reject(new Error('the store is down'));
  await queue.deliver(jobs);
  expect((await ask(server.fetch, `/jobs/${id}`)).status).toBe(503);
  store.get = get;
  expect(queue.waiting).toHaveLength(2);
  await queue.drain(jobs);
  expect((await submit(server, rows(5))).json).toMatchObject({ status: 'done' });
});

it('passes over messages that are none of its own', async () => {
  const { server, queue, jobs } = served();
  const { id } = await submit(server, rows(2));
  const strange = [null, 'x', { job: id }, { job: '../x', part: 0 }, { job: id, part: -1 }];
  await queue.sendBatch([
    ...strange.map((body) => ({ body })),
    { body: { job: 'f'.repeat(32), part: 0 } },
  ]);
  await queue.drain(jobs);
  expect(queue.dead).toEqual([]);
  expect((await ask(server.fetch, `/jobs/${id}`)).json).toMatchObject({
    status: 'done',
    errors: 0,
  });
  expect(server.metrics.toString()).toContain('hebb_job_messages_total{outcome="refused"} 6');
});

it('shows a job to the sender alone', async () => {
  const { server } = served({}, ['one', 'two']);
  const key = (value: string) => ({ authorization: `Bearer ${value}` });
  const { id } = await submit(server, rows(3), key('one'));
  for (const path of ['', '/results']) {
    const { status } = await ask(server.fetch, `/jobs/${id}${path}`, undefined, key('two'));
    expect(status).toBe(404);
  }
  expect((await ask(server.fetch, `/jobs/${id}`, undefined, key('one'))).status).toBe(200);
  expect((await ask(server.fetch, `/jobs/${id}`)).status).toBe(401);
  expect((await submit(server, rows(3), key('two'))).id).not.toBe(id);
});

it('refuses what it cannot take', async () => {
  const { server } = served({ maxRows: 5, maxBytes: 500 });
  const refused = async (body: unknown, headers = {}) => {
    const { status, json } = await submit(server, body, headers);
    return [status, (json['error'] as { code: string }).code];
  };
  expect(await refused([])).toEqual([400, 'bad_input']);
  expect(await refused({ input: [] })).toEqual([400, 'bad_input']);
  expect(await refused(rows(6))).toEqual([413, 'payload_too_large']);
  expect(await refused(rows(100))).toEqual([413, 'payload_too_large']);
  expect(await refused(rows(1), { 'content-type': 'text/plain' })).toEqual([
    415,
    'unsupported_media_type',
  ]);
  expect((await ask(server.fetch, '/models/none/jobs', rows(1))).status).toBe(404);
  for (const id of ['x', '../secret', 'f'.repeat(32)]) {
    expect((await ask(server.fetch, `/jobs/${encodeURIComponent(id)}`)).status).toBe(404);
  }
  const { store, queue } = { store: () => new Memory(), queue: () => new Queue() };
  expect(() => batchJobs({ store })).toThrow(TypeError);
  expect(() => batchJobs({ store, queue, rowsPerMessage: 0 })).toThrow(RangeError);
  const unmounted = batchJobs({ store, queue });
  expect(() => unmounted.queue({ queue: 'jobs', messages: [] })).toThrow('serve({ extensions })');
});

it('runs as a workflow too, each part a step', async () => {
  const started: string[] = [];
  const store = new Memory();
  const { jobs: workflow } = {
    jobs: batchJobs({
      store: () => store,
      start: (job) => Promise.resolve(started.push(job)),
      rowsPerMessage: 2,
      tries: 2,
    }),
  };
  const calls: number[] = [];
  const model: ServedModel = {
    ...echo,
    run: ({ x }) => {
      calls.push(x!.shape[0]!);
      if (x!.data.includes(3 as never)) throw new Error('three');
      return { y: x! };
    },
  };
  const server = serve({
    models: { echo: { load: () => batched(model) } },
    extensions: [workflow],
  });
  const { id } = await submit(server, rows(5));
  expect(started).toEqual([id]);
  const names: string[] = [];
  await workflow.workflow(id, {
    do: async (name, { retries }, work) => {
      names.push(name);
      for (let i = 0; ; i++) {
        try {
          return await work();
        } catch (error) {
          if (i === retries.limit) throw error;
        }
      }
    },
  });
  expect(names).toEqual(['part 0', 'part 1', 'part 1 given up', 'part 2']);
  const lines = await results(server, id);
  expect(lines.map((line) => 'error' in line)).toEqual([false, false, false, true, false]);
  // Two rows together; then the two that hold a three, each by itself, and the bad one once more.
  expect(calls).toEqual([2, 2, 1, 1, 1, 1]);
});

it('runs in one process, with a queue and a store in memory', async () => {
  const seen: number[] = [];
  let broken = true;
  const model: ServedModel = {
    ...echo,
    run: ({ x }) => {
      seen.push(Number(x!.data[0]));
      if (Number(x!.data[0]) === 7 || (broken && Number(x!.data[0]) === 1)) throw new Error('no');
      return { y: x! };
    },
  };
  const store = memoryJobs();
  const lasting = batchJobs({
    ...{ store: () => store, queue: () => own },
    ...{ deadLetters: 'jobs-dead', rowsPerMessage: 3, retryDelay: 0 },
  });
  const own = localQueue(
    async (batch) => {
      await lasting.queue(batch);
      broken = false;
    },
    { tries: 3 },
  );
  const server = serve({ models: { echo: { load: () => model } }, extensions: [lasting] });
  const { id } = await submit(server, rows(8));
  await own.idle();
  const lines = await results(server, id);
  expect(lines.map((line) => 'error' in line)).toEqual([...rows(7).map(() => false), true]);
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 1, 7, 7]);
  await own.idle();
});

describe('stores', () => {
  const pages = 2;
  const bucket = (): JobBucket => {
    const values = new Map<string, { value: string; notes: Notes }>();
    return {
      get: (key) => {
        const found = values.get(key);
        return Promise.resolve(
          found === undefined ? null : { text: () => Promise.resolve(found.value) },
        );
      },
      put: (key, value, options = {}) => {
        if (options.onlyIf?.etagDoesNotMatch === '*' && values.has(key))
          return Promise.resolve(null);
        values.set(key, { value, notes: options.customMetadata ?? {} });
        return Promise.resolve({});
      },
      list: ({ prefix, cursor = '0', include }) => {
        expect(include).toEqual(['customMetadata']);
        const all = [...values].filter(([key]) => key.startsWith(prefix));
        const end = Number(cursor) + pages;
        return Promise.resolve({
          objects: all
            .slice(Number(cursor), end)
            .map(([key, { notes }]) => ({ key, customMetadata: notes })),
          truncated: end < all.length,
          cursor: String(end),
        });
      },
    };
  };
  const lifetimes: (number | undefined)[] = [];
  const namespace = (): JobNamespace => {
    const values = new Map<string, { value: string; metadata: unknown }>();
    return {
      get: (key) => Promise.resolve(values.get(key)?.value ?? null),
      put: (key, value, { metadata, expirationTtl } = {}) => {
        lifetimes.push(expirationTtl);
        values.set(key, { value, metadata });
        return Promise.resolve();
      },
      list: ({ prefix, cursor = '0' }) => {
        const all = [...values].filter(([key]) => key.startsWith(prefix));
        const end = Number(cursor) + pages;
        return Promise.resolve({
          keys: all.slice(Number(cursor), end).map(([name, { metadata }]) => ({ name, metadata })),
          list_complete: end >= all.length,
          cursor: String(end),
        });
      },
    };
  };
  it.each([
    ['R2', () => r2Jobs(bucket())],
    ['KV', () => kvJobs(namespace(), { expirationTtl: 3600 })],
  ])('%s', async (_, make) => {
    const store = make();
    expect(await store.get('a')).toBeUndefined();
    await store.put('a/0', 'zero');
    expect(await store.create('a/1', 'one', { rows: '2' })).toBe(true);
    expect(await store.create('a/1', 'other')).toBe(false);
    await Promise.all(['a/2', 'a/3', 'b/0'].map((key) => store.put(key, key)));
    expect(await store.get('a/1')).toBe('one');
    const listed = await store.list('a/');
    expect([...listed.keys()]).toEqual(['a/0', 'a/1', 'a/2', 'a/3']);
    expect(listed.get('a/1')).toEqual({ rows: '2' });
    expect(listed.get('a/0')).toEqual({});
    expect(lifetimes.every((each) => each === 3600)).toBe(true);
  });
});
