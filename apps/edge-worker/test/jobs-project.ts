/** A worker with jobs over a queue (with R2) and over a workflow (with KV), around a small compiled classifier. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { manualSeed } from '@hebb/core';
import { Linear } from '@hebb/nn';

export function classifier(): Linear {
  manualSeed(6);
  return new Linear(4, 3);
}

/** First numbers of rows at which the model fails: each time, and until it has been asked three times. */
export const [poison, fragile] = [999, 777] as const;

const script = `import { env, WorkflowEntrypoint } from 'cloudflare:workers';
import { batchJobs, batched, kvJobs, r2Jobs, serve } from '@hebb/edge';
import { loadModel } from './classifier/index.js';

const fragile = new Map();
let slow = 0;
let rows = 0;
const breakable = (model) => ({
  inputs: model.inputs,
  outputs: model.outputs,
  plan: model.plan,
  run: async (inputs) => {
    const { data, shape: [count] } = inputs.x;
    rows += count;
    if (slow > 0) await new Promise((resolve) => setTimeout(resolve, slow));
    for (let i = 0; i < data.length; i += 4) {
      if (data[i] === ${poison}) throw new Error('poisoned');
      if (data[i] === ${fragile}) {
        const times = (fragile.get(data[i + 1]) ?? 0) + 1;
        fragile.set(data[i + 1], times);
        if (times < 3) throw new Error('fragile');
      }
    }
    return model.run(inputs);
  },
});
const calls = [];
const onCall = (rows, filled) => calls.push(rows + filled);
const models = {
  classifier: { load: async () => batched(breakable(await loadModel()), { most: 8, onCall }) },
};
const common = { rowsPerMessage: 4, retryDelay: 0 };
const jobs = batchJobs({
  ...common,
  store: () => r2Jobs(env.JOBS),
  queue: () => env.QUEUE,
  deadLetters: 'jobs-dead',
});
const server = serve({ models, extensions: [jobs], metrics: true });
const flow = batchJobs({
  ...common,
  store: () => kvJobs(env.FLOWS),
  start: (job) => env.FLOW.create({ params: { job } }),
  tries: 2,
});
const flowServer = serve({ models, extensions: [flow] });

export class Flow extends WorkflowEntrypoint {
  run(event, step) {
    return flow.workflow(event.payload.job, step);
  }
}

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/slow') slow = Number(searchParams.get('ms'));
    if (pathname === '/strange') await env.QUEUE.sendBatch([{ body: 'none of a job' }, { body: null }]);
    if (pathname === '/twice') {
      const job = searchParams.get('job');
      await env.QUEUE.sendBatch([0, 0, 1, 1].map((part) => ({ body: { job, part } })));
    }
    if (/^\\/(slow|strange|twice|seen)$/.test(pathname)) return Response.json({ rows, calls });
    if (!pathname.startsWith('/flow/')) return server.fetch(request);
    return flowServer.fetch(new Request(request.url.replace('/flow/', '/'), request));
  },
  queue: (batch) => jobs.queue(batch),
};
`;

/** Writes the project and returns its folder. */
export async function writeJobsProject(): Promise<string> {
  const out = join(dirname(fileURLToPath(import.meta.url)), '../out');
  await mkdir(out, { recursive: true });
  const directory = await mkdtemp(join(out, 'jobs-'));
  const layer = classifier();
  const built = await compileFunctions(
    {
      name: 'classifier',
      functions: {
        run: { run: (x) => layer.forward(x), input: { x: ['batch', 4] }, output: 'scores' },
      },
      shapes: [1, 2, 4, 8].map((batch) => ({ batch })),
    },
    { simd: ['relaxed'] },
  );
  await writeCompiled(built, 'worker', join(directory, 'classifier'));
  await writeFile(join(directory, 'worker.js'), script);
  const consumer = { max_batch_size: 4, max_batch_timeout: 0, max_retries: 3 };
  const configuration = {
    name: 'jobs-test',
    main: 'worker.js',
    compatibility_date: '2026-04-01',
    r2_buckets: [{ binding: 'JOBS', bucket_name: 'jobs' }],
    kv_namespaces: [{ binding: 'FLOWS', id: 'flows' }],
    queues: {
      producers: [{ binding: 'QUEUE', queue: 'jobs' }],
      consumers: [
        { queue: 'jobs', ...consumer, dead_letter_queue: 'jobs-dead' },
        { queue: 'jobs-dead', ...consumer },
      ],
    },
    workflows: [{ name: 'flow', binding: 'FLOW', class_name: 'Flow' }],
  };
  await writeFile(join(directory, 'wrangler.json'), JSON.stringify(configuration));
  return directory;
}
