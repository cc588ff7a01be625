/** Jobs in one process, without a platform: for servers in Node, Deno and Bun, and for tests. */
import type { JobPart } from './job.ts';
import type { JobQueue } from './jobs.ts';
import type { JobStore, Notes } from './store.ts';
import type { QueueBatch } from './worker.ts';

/** Jobs in memory: gone with the process. */
export function memoryJobs(): JobStore {
  const values = new Map<string, { readonly value: string; readonly notes: Notes }>();
  return {
    get: (key) => Promise.resolve(values.get(key)?.value),
    put: (key, value) => Promise.resolve(void values.set(key, { value, notes: {} })),
    create: (key, value, notes = {}) => {
      if (values.has(key)) return Promise.resolve(false);
      values.set(key, { value, notes });
      return Promise.resolve(true);
    },
    list: (prefix) => {
      const found = [...values].filter(([key]) => key.startsWith(prefix));
      return Promise.resolve(new Map(found.map(([key, { notes }]) => [key, notes])));
    },
  };
}

export interface LocalQueueOptions {
  /** Default `jobs`. */
  readonly name?: string;
  /** Default `jobs-dead`. */
  readonly deadLetters?: string;
  /** Times that a message is delivered before it goes to the dead letters. Default 4. */
  readonly tries?: number;
}

export interface LocalQueue extends JobQueue {
  /** Resolves when no message waits and none is being worked on. */
  idle(): Promise<void>;
}

/**
 * A queue in memory, delivered one message after the other: `localQueue((batch) => jobs.queue(batch))`. What the
 * process leaves undone when it ends is asked for again by `POST /jobs/ID/resume`, if the store lasts.
 */
export function localQueue(
  consume: (batch: QueueBatch) => Promise<void>,
  { name = 'jobs', deadLetters = 'jobs-dead', tries = 4 }: LocalQueueOptions = {},
): LocalQueue {
  let last: Promise<void> = Promise.resolve();
  let count = 0;
  let open = 0;
  let waiting: (() => void)[] = [];
  const settle = (): void => {
    open -= 1;
    if (open > 0) return;
    for (const done of waiting) done();
    waiting = [];
  };
  const deliver = (body: JobPart, id: string, attempts: number, queue: string): void => {
    last = last.then(async () => {
      let again: number | undefined = 0;
      const message = {
        ...{ id, body, attempts },
        ack: () => void (again = undefined),
        retry: ({ delaySeconds = 0 } = {}) => void (again = delaySeconds),
      };
      try {
        await consume({ queue, messages: [message] });
      } catch {
        // Not taken: it comes again.
      }
      if (again === undefined || queue === deadLetters) return settle();
      if (attempts >= tries) return deliver(body, id, 1, deadLetters);
      setTimeout(() => deliver(body, id, attempts + 1, queue), again * 1000);
    });
  };
  return {
    sendBatch: (messages) => {
      for (const { body } of messages) {
        open += 1;
        deliver(body, String(count++), 1, name);
      }
      return Promise.resolve();
    },
    idle: () =>
      open === 0 ? Promise.resolve() : new Promise<void>((resolve) => void waiting.push(resolve)),
  };
}
