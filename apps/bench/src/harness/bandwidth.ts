/** How fast this machine copies memory: what an update that memory bounds is measured against. */
import { Worker } from 'node:worker_threads';
import { median } from './statistics.ts';

/** Far beyond any cache. */
const bytes = 64 * 2 ** 20;
const milliseconds = 400;

/** Copies until the clock says stop; as text, for a worker has to run it too. */
const source = `
  const { parentPort } = require('node:worker_threads');
  const from = new Uint8Array(${bytes}).fill(1), to = new Uint8Array(${bytes});
  to.set(from);
  parentPort.postMessage('ready');
  parentPort.once('message', () => {
    const rates = [];
    const end = performance.now() + ${milliseconds};
    for (let start = performance.now(); start < end;) {
      to.set(from);
      const now = performance.now();
      rates.push(2 * ${bytes} / (now - start) * 1000);
      start = now;
    }
    parentPort.postMessage(rates);
  });
`;

/** Bytes a second, read and written, of so many threads that copy at once. */
export async function copyBandwidth(threads: number): Promise<number> {
  const workers = Array.from({ length: threads }, () => new Worker(source, { eval: true }));
  const message = (worker: Worker): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  try {
    await Promise.all(workers.map(message));
    const rates = workers.map((worker) => message(worker) as Promise<number[]>);
    for (const worker of workers) worker.postMessage('go');
    return (await Promise.all(rates)).reduce((sum, list) => sum + median(list), 0);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
