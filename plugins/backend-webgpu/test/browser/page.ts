/** Runs in a browser page; what it can do, `ask` can have done there or in a worker. */
import { answer } from './work.ts';
import type { Answers } from './work.ts';

let worker: Worker | undefined;

function inWorker(name: keyof Answers, only: string): Promise<unknown> {
  worker ??= new Worker('/worker.js', { type: 'module' });
  const there = worker;
  return new Promise((resolve, reject) => {
    there.onmessage = ({ data }: MessageEvent<{ result?: unknown; error?: string }>) =>
      data.error === undefined ? resolve(data.result) : reject(new Error(data.error));
    there.onerror = (event) => reject(new Error((event as ErrorEvent).message));
    there.postMessage({ name, only });
  });
}

Object.assign(globalThis, {
  ask: (where: 'page' | 'worker', name: keyof Answers, only: string) =>
    where === 'page' ? answer(name, only) : inWorker(name, only),
});
